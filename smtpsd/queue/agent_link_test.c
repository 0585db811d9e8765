/*
 * What the agents' processes are given and what they say: a relay that takes
 * jobs and says nothing loses them to one that does, one that reads gets all,
 * and a deliver that reads ~/.forward is not blamed for a reload that forbids
 * it.
 */
#include <event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tap.h"
#include "proto/control_any.h"
#include "proto/queue_agent.h"
#include "schedule.h"
#include "testagent.h"

/* A relay may have as much as it can be given, and reads as fast as it can. */
static void
test_much(void)
{
	const uint64_t size = 4 * AGENT_WINDOW;
	struct peer p;
	unsigned int i;

	accused = 0;
	peer_start(&p, 43, NULL);
	p.is_asking = 1;
	for (i = 1; i <= 512; i++)
		add_big_job("far", i, size, JOB_ENVELOPES_MAX);
	agent_turn(now_ms += 1000);
	tap_ok(agent_running() > 16 && agent_running() < 512,
	    "it is given %u, no more before it reads", agent_running());
	for (i = 0; i < 3000 && (p.nopen < 512 || p.nbody < size); i++)
		pass_turns(1);
	tap_ok(p.nopen == 512 && accused == 0, "then all");
	tap_ok(p.nbody == size, "and more of the first while others come");
	link_close(p.link);
	pass_turns(1);
	tap_ok(agent_running() == 0 && accused == 0, "all it had");
}

/* It has sent what it wants before it looks at what it gets. */
static void
test_all_ask(void)
{
	const uint64_t size = 4 * AGENT_WINDOW;
	struct peer p;
	unsigned int i;

	accused = 0;
	peer_start(&p, 44, NULL);
	for (i = 1; i <= 440; i++)
		add_big_job("far", i, size, 1);
	for (i = 0; i < 1000 && p.nopen < 440; i++)
		pass_turns(1);
	link_pause(p.link);
	for (i = 1; i <= 72; i++)
		add_big_job("far", 440 + i, size, JOB_ENVELOPES_MAX);
	pass_turns(1);
	tap_ok(agent_running() > 480 && agent_running() <= 512,
	    "it has %u", agent_running());
	peer_say_all(&p, MSG_AGENT_QUEUE_MORE);
	pass_turns(2);
	tap_ok(accused == 0 && agent_running() > 480, "all want more at once");
	link_close(p.link);
	pass_turns(2);
	agent_withdraw();
	tap_ok(agent_running() == 0 && agent_ready() == 0, "all it had");
}

/* A deliver is its user's: what it asks for it has to read. */
static void
test_unread(void)
{
	struct peer p;
	unsigned int i;

	agent_pause(PAUSE_MDA, 0);
	accused = 0;
	add_big_job("local", 0, 20 << 20, 1);
	pass_turns(1);
	peer_start(&p, 53, lane_find("local", "u0"));
	pass_turns(1);
	link_pause(p.link);
	for (i = 0; i < 280; i++)
		peer_say(&p, 0, MSG_AGENT_QUEUE_MORE);
	pass_turns(1);
	tap_ok(accused == 53 && agent_running() == 0,
	    "a deliver that asks and does not read");
	pass_turns(10);
	accused = 0;
}

static void
test_silent(void)
{
	struct peer slow, mute;

	nresults = nsoon = 0;
	agent_pause(PAUSE_MTA, 0);
	peer_start(&slow, 41, NULL);
	peer_start(&mute, 42, NULL);
	add_far_jobs(100, 6);
	pass_turns(1);
	tap_ok(slow.n == 3 && mute.n == 3 && agent_running() == 6,
	    "two relays have three deliveries each");
	alive_for(&slow, AGENT_SILENT_MS - AGENT_ALIVE_MS);
	now_ms += 3600000;
	pass_turns(1);
	tap_ok(accused == 0 && agent_running() == 6,
	    "an hour on the disk is no silence of theirs");
	alive_for(&slow, 2 * AGENT_ALIVE_MS);
	tap_ok(accused == 42 && mute.link == NULL, "the silent one is accused");
	tap_ok(nresults == 3 && nsoon == 3, "what it had is tried again soon");
	add_far_jobs(200, 3);
	pass_turns(1);
	tap_ok(slow.n == 6 && agent_running() == 6, "the other one has it");
	accused = 0;
	alive_for(&slow, 5 * AGENT_SILENT_MS);
	tap_ok(accused == 0 && agent_running() == 6,
	    "however long that takes, while it says so");
	peer_say(&slow, 0, MSG_AGENT_QUEUE_DONE);
	slow.delivery[0] = slow.delivery[1];
	slow.delivery[1] = slow.delivery[5];
	slow.n = 5;
	alive_for(&slow, AGENT_SILENT_MS);
	tap_ok(accused == 0 && nresults == 4, "one less");
	slow.n = 4;			/* and one more is not spoken of */
	alive_for(&slow, 2 * AGENT_SILENT_MS);
	tap_ok(accused == 41 && agent_running() == 0 && nresults == 9,
	    "one of five it keeps silent about");
}

static void
say_forward(struct peer *p)
{
	struct agent_queue_forward f = { .delivery = p->delivery[0],
	    .address = "x@example.org" };

	link_send(p->link, MSG_AGENT_QUEUE_FORWARD, &f, sizeof(f));
}

static void
say_result(struct peer *p, uint32_t class)
{
	struct agent_queue_result r = { .delivery = p->delivery[0],
	    .class = class, .status = "2.0.0", .text = "its own" };

	link_send(p->link, MSG_AGENT_QUEUE_RESULT, &r, sizeof(r));
	peer_say(p, 0, MSG_AGENT_QUEUE_DONE);
}

/* A deliver with one job in hand. */
static struct lane *
deliver_start(struct peer *p, int forwards)
{
	struct lane *lane;

	has_forward = forwards;
	accused = 0;
	nresults = nsoon = 0;
	add_job("local", 0);
	pass_turns(1);
	lane = lane_find("local", "u0");
	peer_start(p, 51, lane);
	pass_turns(1);
	return lane;
}

static void
test_forward(void)
{
	static const struct { const char *name; uint32_t class; int says; }
	cases[] = {
		{ "addresses alone", AGENT_FORWARDED, 1 },
		{ "an address and more", AGENT_OK, 1 },
		{ "addresses, which came before", AGENT_FORWARDED, 0 },
	};
	struct lane *lane;
	struct peer p;
	size_t i;

	agent_pause(PAUSE_MDA, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		lane = deliver_start(&p, 1);
		has_forward = 0;	/* a reload */
		add_job("local", 0);
		pass_turns(1);
		tap_ok(p.n == 1, "%s: it gets no other job", cases[i].name);
		if (cases[i].says)
			say_forward(&p);
		say_result(&p, cases[i].class);
		pass_turns(1);
		tap_ok(accused == 0 && nresults == 1 && nsoon == 1 &&
		    strstr(last_text, "~/.forward") != NULL,
		    "%s: refused, soon tried again", cases[i].name);
		pass_turns(1);
		tap_ok(p.link == NULL && lane->request != 0, "%s: by another "
		    "deliver", cases[i].name);
		peer_start(&p, 52, lane);
		pass_turns(1);
		say_result(&p, AGENT_OK);
		pass_turns(1);
		tap_ok(nresults == 2 && strcmp(last_text, "its own") == 0 &&
		    accused == 0, "%s: which is right", cases[i].name);
		pass_turns(10);
	}
	deliver_start(&p, 1);
	has_forward = 0;
	say_result(&p, AGENT_OK);
	pass_turns(1);
	tap_ok(accused == 0 && strcmp(last_text, "its own") == 0,
	    "none in his home: delivered");
	pass_turns(10);
	deliver_start(&p, 0);
	say_forward(&p);
	pass_turns(1);
	tap_ok(accused == 51, "one that never was to read it is accused");
	pass_turns(10);
	deliver_start(&p, 0);
	say_result(&p, AGENT_FORWARDED);
	pass_turns(1);
	tap_ok(accused == 51, "of the result, too");
	pass_turns(10);
}

/* A recipient with more ORCPT than a message of the link holds. */
static void
test_damaged(void)
{
	struct job *job = calloc(1, sizeof(*job) + sizeof(job->env[0]));
	struct peer p;

	job->message = message_new();
	job->message->body = calloc(1, 6);
	job->message->size = 6;
	job->env[job->nenv++] = make_envelope("far", 1);
	if ((job->env[0]->orcpt = calloc(1, ORCPT_MAX + 2)) == NULL)
		fatal("orcpt");
	memset(job->env[0]->orcpt, 'x', ORCPT_MAX + 1);
	peer_start(&p, 71, NULL);
	agent_add(job);
	pass_turns(1);
	tap_ok(p.n == 1 && p.link != NULL, "damage goes without its ORCPT, "
	    "and costs no link");
}

int
main(void)
{
	log_init("agent_link_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	agent_init(NULL);
	agent_pause(PAUSE_MDA, 1);
	event_init();
	link_on_broken(on_broken);
	test_much();
	test_all_ask();
	test_unread();
	test_silent();
	test_forward();
	test_damaged();
	return tap_done();
}
