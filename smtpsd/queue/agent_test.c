/*
 * The lanes share the memory: far mail that goes nowhere leaves some to
 * mailboxes, mailboxes leave some to far mail, one lane to others.  A relay
 * that takes jobs and says nothing loses them to one that does.  A deliver
 * that reads ~/.forward is not blamed for a reload that forbids it.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"
#include "conf.h"
#include "forward.h"
#include "lane.h"
#include "proto/control_any.h"
#include "proto/queue_agent.h"
#include "result.h"
#include "schedule.h"

static unsigned int nreleased, nresults, nsoon, nwarnings;
static char last_text[TEXT_SIZE];

int
conf_action(const char *name)
{
	return strcmp(name, "far") == 0 ? QUEUE_MX : strcmp(name, "local") ==
	    0 ? QUEUE_LOCAL : -1;
}

static int has_forward;

int
conf_forwards(const char *name)
{
	return has_forward && strcmp(name, "local") == 0;
}

uint64_t
conf_stuck_ms(const char *name)
{
	(void)name;
	return 0;
}

int
forward_add(struct envelope *e, const char *address)
{
	(void)e;
	(void)address;
	return 1;
}

void
forward_route(struct job *job)
{
	(void)job;
}

void
schedule_release(struct job *job)
{
	uint32_t i;

	nreleased += job->nenv;
	for (i = 0; i < job->nenv; i++)
		envelope_free(job->env[i]);
	message_unref(job->message);
	free(job);
}

void
result_add(struct job *job, uint64_t ms)
{
	(void)ms;
	nresults++;
	nwarnings += job->is_warning;
	strlcpy(last_text, job->env[0]->result == NULL ? "" :
	    job->env[0]->result->text, sizeof(last_text));
	nsoon += job->is_soon && job->env[0]->result != NULL &&
	    job->env[0]->result->class == AGENT_TEMPFAIL;
	schedule_release(job);
}

static struct envelope *
make(const char *action, unsigned int i)
{
	struct envelope *e = envelope_new();

	strlcpy(e->action, action, sizeof(e->action));
	snprintf(e->user, sizeof(e->user), "u%u", i);
	snprintf(e->recipient, sizeof(e->recipient), "a@d%u.example", i);
	return e;
}

/* As the schedule does, while there is room.  How many. */
static unsigned int
fill(const char *action, unsigned int n, int is_one_lane)
{
	struct envelope *e;
	struct job *job;
	unsigned int i;

	for (i = 0; n + i < SCHEDULE_MAX; i++) {
		e = make(action, is_one_lane ? 0 : i + 1);
		if (!agent_has_room(e, SCHEDULE_MAX - n - i)) {
			envelope_free(e);
			break;
		}
		job = calloc(1, sizeof(*job) + sizeof(job->env[0]));
		job->message = message_new();
		job->env[0] = e;
		job->nenv = 1;
		agent_add(job);
	}
	return i;
}

static void
test_kinds(const char *one, const char *other)
{
	struct envelope *e = make("", 0);
	unsigned int n, m;

	nreleased = 0;
	n = fill(one, 0, 0);
	tap_ok(agent_has_room(e, SCHEDULE_MAX - n), "%s leaves some to what "
	    "policy is asked about", one);
	envelope_free(e);
	m = fill(other, n, 0);
	tap_ok(n > SCHEDULE_MAX / 2 && m >= SCHEDULE_MAX / 8,
	    "%s takes %u, leaves %u to %s", one, n, m, other);
	agent_withdraw();
	tap_ok(nreleased == n + m, "all go back");
}

static unsigned int nlooks;

/* Jobs of u7 are late; none other. */
static enum late
how_late(const struct message *m, const struct envelope *e)
{
	(void)m;
	nlooks++;
	return strcmp(e->user, "u7") == 0 && !e->is_warned ? LATE_WARN :
	    LATE_NOT;
}

/* A relay's end of its link: what it was given, in order. */
struct peer {
	struct link	*link;
	uint64_t	 delivery[16];
	uint64_t	 first, last;	/* of all */
	unsigned int	 n, nopen;
	int		 has_other;	/* than of d1 to d9 */
	uint64_t	 nbody;		/* bytes for the first of them */
	int		 is_asking;	/* for more of it */
};

static uint32_t accused;
static uint64_t now_ms = 5000000;

static void
on_broken(uint32_t peer_id)
{
	accused = peer_id;
}

static void
on_open(struct link *link, struct link_in *in)
{
	const struct queue_agent_open *open = in->data;
	struct peer *p = link_arg(link);

	p->nopen++;
	p->last = open->delivery;
	if (p->first == 0)
		p->first = p->last;
	if (p->n < 16)
		p->delivery[p->n++] = open->delivery;
}

static void
on_rcpt(struct link *link, struct link_in *in)
{
	const struct queue_agent_rcpt *r = in->data;
	struct peer *p = link_arg(link);

	if (strncmp(r->recipient, "a@d", 3) != 0 || r->recipient[4] != '.')
		p->has_other = 1;
}

static void
on_body(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct peer *p = link_arg(link);

	if (d->delivery != p->delivery[0])
		return;
	p->nbody += in->size - sizeof(*d);
	if (p->is_asking && p->nbody % AGENT_WINDOW == 0)
		link_send(link, MSG_AGENT_QUEUE_MORE, d, sizeof(*d));
}

static void
on_peer_down(struct link *link, const char *why)
{
	struct peer *p = link_arg(link);

	(void)why;
	p->link = NULL;
}

/* For the lane's request, or a relay. */
static void
peer_start(struct peer *p, uint32_t id, const struct lane *lane)
{
	static const struct link_rule rules[] = {
		{ MSG_QUEUE_AGENT_OPEN, LINK_STATE_ANY, on_open },
		{ MSG_QUEUE_AGENT_RCPT, LINK_STATE_ANY, on_rcpt },
		{ MSG_QUEUE_AGENT_BODY, LINK_STATE_ANY, on_body },
	};
	struct link_end end = { .name = "queue", .rules = rules, .nrules = 3,
	    .down = on_peer_down, .arg = p };
	int fd[2];

	memset(p, 0, sizeof(*p));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (p->link = link_new(fd[1], &end)) == NULL)
		fatal("peer");
	if (lane != NULL)
		agent_deliver_link(id, lane->request, fd[0]);
	else
		agent_relay_link(id, fd[0]);
}

static void
peer_say(struct peer *p, unsigned int n, uint32_t type)
{
	struct agent_delivery d = { p->delivery[n] };

	link_send(p->link, type, &d, sizeof(d));
}

/* Turns of a second; what was sent before it arrives in each. */
static void
pass(unsigned int seconds)
{
	while (seconds-- > 0) {
		link_flush_all();
		event_loop(EVLOOP_NONBLOCK);
		now_ms += 1000;
		agent_turn(now_ms);
	}
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
}

/* However many wait, each look costs as much, and none is left out. */
static void
test_looks(void)
{
	unsigned int n, most = 0, i;

	nresults = nwarnings = 0;
	pass(1);
	n = fill("far", 0, 0);
	agent_waiting(how_late);
	pass(1);
	for (i = 0; i < n / 1000 + 1; i++)
		agent_waiting(how_late);
	tap_ok(nwarnings == 0 && nresults == 0, "an attempt may be due now");
	pass(2);
	for (i = 0; i < n / 1000 + 1; i++) {
		nlooks = 0;
		agent_waiting(how_late);
		if (nlooks > most)
			most = nlooks;
	}
	tap_ok(n > 10000 && most <= 1000, "a look at %u of %u", most, n);
	tap_ok(nwarnings == 1 && nresults == 1 && agent_ready() == n - 1,
	    "the late one is warned of, and is in no lane then");
	agent_withdraw();
	nlooks = 0;
	agent_waiting(how_late);
	tap_ok(nlooks == 0, "nothing waits");
}

static void
add_big(const char *action, unsigned int i, size_t size, unsigned int n)
{
	struct job *job = calloc(1, sizeof(*job) + n * sizeof(job->env[0]));

	job->message = message_new();
	job->message->body = calloc(1, size);
	job->message->size = size;
	while (job->nenv < n)
		job->env[job->nenv++] = make(action, i);
	agent_add(job);
}

static void
add(const char *action, unsigned int i)
{
	add_big(action, i, 6, 1);
}

/* One job for each of n domains. */
static void
add_far(unsigned int from, unsigned int n)
{
	for (; n > 0; n--)
		add("far", from + n);
}

static void
alive_for(struct peer *p, unsigned int ms)
{
	unsigned int i, past;

	for (past = 0; past < ms; past += AGENT_ALIVE_MS) {
		for (i = 0; i < p->n; i++)
			peer_say(p, i, MSG_AGENT_QUEUE_ALIVE);
		pass(AGENT_ALIVE_MS / 1000);
	}
}

/* What a relay has is told of, too, and goes on. */
static void
test_slow(void)
{
	struct peer slow;

	nresults = nwarnings = 0;
	agent_pause(PAUSE_MTA, 0);
	peer_start(&slow, 40, NULL);
	add_far(5, 3);
	pass(1);
	agent_waiting(how_late);
	alive_for(&slow, 2 * AGENT_SILENT_MS - AGENT_ALIVE_MS);
	agent_waiting(how_late);
	tap_ok(slow.n == 3 && nresults == 0, "for some time it may end");
	alive_for(&slow, 2 * AGENT_ALIVE_MS);
	agent_waiting(how_late);
	agent_waiting(how_late);
	tap_ok(nwarnings == 1 && nresults == 1, "a warning, once");
	tap_ok(agent_running() == 3, "it runs on");
	for (; slow.n > 0; slow.n--)
		peer_say(&slow, slow.n - 1, MSG_AGENT_QUEUE_DONE);
	pass(1);
	tap_ok(agent_running() == 0 && nwarnings == 1 && nresults == 4,
	    "and has its own end");
	link_close(slow.link);
	pass(1);
}

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
		add_big("far", i, size, JOB_ENVELOPES_MAX);
	agent_turn(now_ms += 1000);
	tap_ok(agent_running() > 16 && agent_running() < 512,
	    "it is given %u, no more before it reads", agent_running());
	for (i = 0; i < 3000 && (p.nopen < 512 || p.nbody < size); i++)
		pass(1);
	tap_ok(p.nopen == 512 && accused == 0, "then all");
	tap_ok(p.nbody == size, "and more of the first while others come");
	link_close(p.link);
	pass(1);
	tap_ok(agent_running() == 0 && accused == 0, "all it had");
}

/* Of all that it has, and as if none had been asked before. */
static void
peer_say_all(struct peer *p, uint32_t type)
{
	struct agent_delivery d;

	for (d.delivery = p->first; p->first != 0 && d.delivery <= p->last;
	    d.delivery++)
		link_send(p->link, type, &d, sizeof(d));
	if (type == MSG_AGENT_QUEUE_DONE)
		p->first = 0;
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
		add_big("far", i, size, 1);
	for (i = 0; i < 1000 && p.nopen < 440; i++)
		pass(1);
	link_pause(p.link);
	for (i = 1; i <= 72; i++)
		add_big("far", 440 + i, size, JOB_ENVELOPES_MAX);
	pass(1);
	tap_ok(agent_running() > 480 && agent_running() <= 512,
	    "it has %u", agent_running());
	peer_say_all(&p, MSG_AGENT_QUEUE_MORE);
	pass(2);
	tap_ok(accused == 0 && agent_running() > 480, "all want more at once");
	link_close(p.link);
	pass(2);
	agent_withdraw();
	tap_ok(agent_running() == 0 && agent_ready() == 0, "all it had");
}

/* However much some have for a relay that is behind, each lane has its turn. */
static void
test_turns(void)
{
	struct peer p;
	unsigned int i;

	accused = 0;
	peer_start(&p, 45, NULL);
	for (i = 0; i < 9 * 300; i++)
		add_big("far", 1 + i % 9, AGENT_WINDOW, JOB_ENVELOPES_MAX);
	add("far", 10);
	for (i = 0; i < 2000 && p.nopen < 1000 && !p.has_other; i++) {
		pass(1);
		peer_say_all(&p, MSG_AGENT_QUEUE_DONE);
	}
	tap_ok(p.has_other, "the last one's is among %u", p.nopen);
	link_close(p.link);
	pass(2);
	agent_withdraw();
}

/* A deliver is its user's: what it asks for it has to read. */
static void
test_unread(void)
{
	struct peer p;
	unsigned int i;

	agent_pause(PAUSE_MDA, 0);
	accused = 0;
	add_big("local", 0, 20 << 20, 1);
	pass(1);
	peer_start(&p, 53, lane_find("local", "u0"));
	pass(1);
	link_pause(p.link);
	for (i = 0; i < 280; i++)
		peer_say(&p, 0, MSG_AGENT_QUEUE_MORE);
	pass(1);
	tap_ok(accused == 53 && agent_running() == 0,
	    "a deliver that asks and does not read");
	pass(10);
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
	add_far(100, 6);
	pass(1);
	tap_ok(slow.n == 3 && mute.n == 3 && agent_running() == 6,
	    "two relays have three deliveries each");
	alive_for(&slow, AGENT_SILENT_MS - AGENT_ALIVE_MS);
	now_ms += 3600000;
	pass(1);
	tap_ok(accused == 0 && agent_running() == 6,
	    "an hour on the disk is no silence of theirs");
	alive_for(&slow, 2 * AGENT_ALIVE_MS);
	tap_ok(accused == 42 && mute.link == NULL, "the silent one is accused");
	tap_ok(nresults == 3 && nsoon == 3, "what it had is tried again soon");
	add_far(200, 3);
	pass(1);
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
	add("local", 0);
	pass(1);
	lane = lane_find("local", "u0");
	peer_start(p, 51, lane);
	pass(1);
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
		add("local", 0);
		pass(1);
		tap_ok(p.n == 1, "%s: it gets no other job", cases[i].name);
		if (cases[i].says)
			say_forward(&p);
		say_result(&p, cases[i].class);
		pass(1);
		tap_ok(accused == 0 && nresults == 1 && nsoon == 1 &&
		    strstr(last_text, "~/.forward") != NULL,
		    "%s: refused, soon tried again", cases[i].name);
		pass(1);
		tap_ok(p.link == NULL && lane->request != 0, "%s: by another "
		    "deliver", cases[i].name);
		peer_start(&p, 52, lane);
		pass(1);
		say_result(&p, AGENT_OK);
		pass(1);
		tap_ok(nresults == 2 && strcmp(last_text, "its own") == 0 &&
		    accused == 0, "%s: which is right", cases[i].name);
		pass(10);
	}
	deliver_start(&p, 1);
	has_forward = 0;
	say_result(&p, AGENT_OK);
	pass(1);
	tap_ok(accused == 0 && strcmp(last_text, "its own") == 0,
	    "none in his home: delivered");
	pass(10);
	deliver_start(&p, 0);
	say_forward(&p);
	pass(1);
	tap_ok(accused == 51, "one that never was to read it is accused");
	pass(10);
	deliver_start(&p, 0);
	say_result(&p, AGENT_FORWARDED);
	pass(1);
	tap_ok(accused == 51, "of the result, too");
	pass(10);
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
	job->env[job->nenv++] = make("far", 1);
	if ((job->env[0]->orcpt = calloc(1, ORCPT_MAX + 2)) == NULL)
		fatal("orcpt");
	memset(job->env[0]->orcpt, 'x', ORCPT_MAX + 1);
	peer_start(&p, 71, NULL);
	agent_add(job);
	pass(1);
	tap_ok(p.n == 1 && p.link != NULL, "damage goes without its ORCPT, "
	    "and costs no link");
}

int
main(void)
{
	unsigned int n, m;

	log_init("agent_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	agent_init(NULL);
	agent_pause(PAUSE_MTA | PAUSE_MDA, 1);
	test_kinds("far", "local");
	test_kinds("local", "far");
	test_kinds("far", "local");
	n = fill("far", 0, 1);
	m = fill("far", n, 0);
	tap_ok(n > 1000 && n < SCHEDULE_MAX / 4 && m > n,
	    "one domain takes %u, leaves %u to others", n, m);
	agent_withdraw();
	event_init();
	link_on_broken(on_broken);
	test_looks();
	test_slow();
	test_much();
	test_all_ask();
	test_turns();
	test_unread();
	test_silent();
	test_forward();
	test_damaged();
	return tap_done();
}
