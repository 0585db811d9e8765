/*
 * What ~/.forward leads to: which questions policy is asked, and that each
 * answer, or none, ends the delivery with one result.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/tap.h"
#include "conf.h"
#include "forward.h"
#include "mail/reply.h"
#include "proto/policy_queue.h"
#include "result.h"

#define KEPT	8

static uint64_t now_ms = 1000000;
static struct job *over;		/* the last one that ended */
static unsigned int nover;
static struct queue_policy_route asked[KEPT];
static unsigned int nasked;

/* --- what is replaced --- */

uint64_t
proc_now_ms(void)
{
	return now_ms;
}

int
conf_forwards(const char *name)
{
	return strcmp(name, "home") == 0;
}

void
result_add(struct job *job, uint64_t ms)
{
	(void)ms;
	over = job;
	nover++;
}

/* --- policy --- */

static void
on_route(struct link *link, struct link_in *in)
{
	(void)link;
	if (nasked < KEPT)
		memcpy(&asked[nasked++], in->data, sizeof(asked[0]));
}

static void
on_down(struct link *link, const char *why)
{
	(void)link;
	(void)why;
}

static void
policy_start(void)
{
	static const struct link_rule rules[] = {
		{ MSG_QUEUE_POLICY_ROUTE, LINK_STATE_ANY, on_route },
	};
	struct link_end far = { .name = "queue", .rules = rules, .nrules = 1,
	    .down = on_down };
	struct link_end near = { .name = "policy", .down = on_down };
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    link_new(fd[0], &far) == NULL)
		fatal("policy");
	forward_policy(link_new(fd[1], &near));
}

static void
settle(void)
{
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
}

static void
say_routed(uint64_t id, const char *action, const char *user)
{
	struct policy_queue_rcpt r = { .session = id };
	struct link_in in = { 0, sizeof(r), &r, -1 };

	strlcpy(r.action, action, sizeof(r.action));
	strlcpy(r.user, user, sizeof(r.user));
	strlcpy(r.recipient, "to@example.net", sizeof(r.recipient));
	on_policy_routed(NULL, &in);
}

static void
say_owner(uint64_t id, const char *sender)
{
	struct policy_queue_owner o = { .session = id };
	struct link_in in = { 0, sizeof(o), &o, -1 };

	strlcpy(o.sender, sender, sizeof(o.sender));
	on_policy_routed_owner(NULL, &in);
}

static void
say_done(uint64_t id, enum reply_id reply, uint32_t count)
{
	struct policy_queue_routed_done d = { .id = id, .reply = reply,
	    .count = count };
	struct link_in in = { 0, sizeof(d), &d, -1 };

	on_policy_routed_done(NULL, &in);
}

/* --- jobs --- */

/* A job of n envelopes that u<i>'s file sends on; via: of all of them. */
static struct job *
make(uint32_t n, const char *via)
{
	struct job *job = calloc(1, sizeof(*job) + n * sizeof(job->env[0]));
	struct envelope *e;

	job->message = message_new();
	strlcpy(job->message->sender, "from@example.org",
	    sizeof(job->message->sender));
	for (; job->nenv < n; job->nenv++) {
		e = job->env[job->nenv] = envelope_new();
		snprintf(e->user, sizeof(e->user), "u%u", job->nenv);
		snprintf(e->recipient, sizeof(e->recipient), "r%u@example.net",
		    job->nenv);
		e->via = via == NULL ? NULL : strdup(via);
	}
	return job;
}

/* One envelope and its question's id; 0: there is none. */
static uint64_t
ask(const char *via)
{
	nasked = nover = 0;
	over = NULL;
	forward_route(make(1, via));
	settle();
	return nasked == 1 ? asked[0].id : 0;
}

/* The job is over, and its first envelope has such a result. */
static int
ended(uint32_t class, const char *status)
{
	return nover == 1 && over->env[0]->result != NULL &&
	    over->env[0]->result->class == class &&
	    strcmp(over->env[0]->result->status, status) == 0;
}

static int
ended_well(void)
{
	return nover == 1 && over->env[0]->result != NULL &&
	    over->env[0]->result->status[0] == '2';
}

/* And it is tried again at once, with nothing of the answer left. */
static int
ended_later(void)
{
	return ended(AGENT_TEMPFAIL, "4.3.0") && over->is_soon &&
	    over->env[0]->nonward == 0;
}

static void
drop(void)
{
	uint32_t i;

	if (over == NULL)
		return;
	for (i = 0; i < over->nenv; i++)
		envelope_free(over->env[i]);
	message_unref(over->message);
	free(over);
	over = NULL;
}

static void
test_add(void)
{
	struct envelope *e = envelope_new();

	strlcpy(e->user, "alice", sizeof(e->user));
	tap_ok(forward_add(e, "x@example.net") == 0 &&
	    forward_add(e, "bob") == 0 && e->nonward == 2, "two addresses");
	tap_is_str(TAILQ_FIRST(&e->onward)->recipient, "x@example.net",
	    "the first");
	tap_ok(strcmp(TAILQ_FIRST(&e->onward)->user, "alice") == 0 &&
	    TAILQ_FIRST(&e->onward)->action[0] == '\0',
	    "of its user, for policy");
	tap_ok(forward_add(e, "a b@c") == 1 && forward_add(e, "") == 1 &&
	    forward_add(e, "x@example.net\r\nDATA") == 1 && e->nonward == 2,
	    "what is no address");
	envelope_free(e);
}

static void
test_without_policy(void)
{
	ask(NULL);
	tap_ok(nasked == 0 && ended_later(), "without policy: later");
	drop();
}

static void
test_answers(void)
{
	uint64_t id = ask(NULL);

	tap_ok(id != 0 && nover == 0 &&
	    strcmp(asked[0].user, "u0") == 0 &&
	    strcmp(asked[0].sender, "from@example.org") == 0 &&
	    strcmp(asked[0].recipient, "r0@example.net") == 0, "the question");
	say_routed(id, "out", "");
	say_owner(id, "owner@example.org");
	say_routed(id, "local", "bob");
	say_owner(id, "");
	say_routed(id, "home", "carol");
	tap_ok(nover == 0, "is open until DONE");
	say_done(id, REPLY_OK, 3);
	if (tap_ok(ended_well() && over->env[0]->nonward == 3, "three ways")) {
		struct onward *o = TAILQ_FIRST(&over->env[0]->onward);

		tap_ok(strcmp(o->action, "out") == 0 && o->owner == NULL,
		    "the first");
		o = TAILQ_NEXT(o, entry);
		tap_ok(strcmp(o->user, "bob") == 0 && o->owner != NULL &&
		    strcmp(o->owner->sender, "owner@example.org") == 0,
		    "the second is of a list");
		o = TAILQ_NEXT(o, entry);
		tap_ok(strcmp(o->user, "carol") == 0 && o->owner == NULL,
		    "the third is not");
	}
	say_done(id, REPLY_OK, 3);
	say_routed(id, "out", "");
	say_owner(id, "owner@example.org");
	tap_ok(nover == 1 && over->env[0]->nonward == 3,
	    "a question that is over gets no more");
	drop();
}

static void
test_wrong_answers(void)
{
	uint64_t id = ask(NULL);

	say_routed(id, "out", "");
	say_done(id, REPLY_OK, 2);
	tap_ok(ended_later(), "one of two: later");
	drop();
	id = ask(NULL);
	say_done(id, REPLY_OK, 0);
	tap_ok(ended_later(), "none: later");
	drop();
	id = ask(NULL);
	say_routed(id, "", "");
	say_routed(id, "out", "");
	say_done(id, REPLY_OK, 1);
	tap_ok(ended_later(), "one without an action: later");
	drop();
	id = ask(NULL);
	say_routed(id, "out", "");
	say_done(id, REPLY_MAX, 0);
	tap_ok(nover == 1 && over->env[0]->nonward == 0 && !ended_well(),
	    "a reply that there is not");
	drop();
}

static void
test_refusals(void)
{
	uint64_t id = ask(NULL);

	say_routed(id, "out", "");
	say_done(id, REPLY_NO_SUCH_USER, 1);
	tap_ok(ended(AGENT_PERMFAIL, reply_get(REPLY_NO_SUCH_USER)->enhanced) &&
	    over->env[0]->nonward == 0, "refused for good");
	tap_ok(strncmp(over->env[0]->result->text, "~/.forward of u0: ",
	    18) == 0 && strpbrk(over->env[0]->result->text, "\r\n") == NULL,
	    "and told whose file it was, in one line");
	drop();
	id = ask(NULL);
	say_done(id, REPLY_TRY_LATER, 0);
	tap_ok(ended(AGENT_TEMPFAIL, reply_get(REPLY_TRY_LATER)->enhanced),
	    "refused for now");
	drop();
}

static void
test_loops(void)
{
	uint64_t id = ask("ann\nbob\n");

	say_routed(id, "home", "bob");
	say_done(id, REPLY_OK, 1);
	tap_ok(ended(AGENT_PERMFAIL, "5.4.6") && over->env[0]->nonward == 0,
	    "back at a user who sent it on: a loop");
	drop();
	id = ask("ann\nbob\n");
	say_routed(id, "local", "bob");
	say_routed(id, "home", "bo");
	say_routed(id, "home", "ob");
	say_done(id, REPLY_OK, 3);
	tap_ok(ended_well(), "none: no ~/.forward there, or another user");
	drop();
	id = ask("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
	tap_ok(id != 0, "ten users have sent it on");
	say_routed(id, "out", "");
	say_done(id, REPLY_OK, 1);
	drop();
	tap_ok(ask("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n") == 0 &&
	    ended(AGENT_PERMFAIL, "5.4.6"), "eleven are too many");
	drop();
}

/* The job waits for all of its questions, in any order. */
static void
test_several(void)
{
	struct job *job = make(3, NULL);

	nasked = nover = 0;
	forward_route(job);
	settle();
	tap_ok(nasked == 3 && nover == 0, "three questions");
	say_done(asked[2].id, REPLY_NO_SUCH_USER, 0);
	say_routed(asked[0].id, "out", "");
	say_done(asked[0].id, REPLY_OK, 1);
	tap_ok(nover == 0, "two answers");
	say_done(asked[1].id, REPLY_TRY_LATER, 0);
	tap_ok(ended_well() && over == job &&
	    job->env[1]->result->class == AGENT_TEMPFAIL &&
	    job->env[2]->result->class == AGENT_PERMFAIL, "three results");
	drop();
}

static void
test_late(void)
{
	struct job *first = make(1, NULL), *second = make(1, NULL);

	nasked = nover = 0;
	forward_route(first);
	now_ms += 50000;
	forward_route(second);
	settle();
	forward_turn(now_ms);
	tap_ok(nover == 0, "both may still be answered");
	now_ms += 20000;
	forward_turn(now_ms);
	tap_ok(over == first && ended_later(), "the older one is too late");
	say_done(asked[0].id, REPLY_OK, 0);
	tap_ok(nover == 1, "what comes then is for nobody");
	drop();
	nover = 0;
	policy_start();
	tap_ok(over == second && ended_later(), "another policy: again");
	drop();
	tap_ok(ask(NULL) != 0, "it is asked");
	forward_policy(NULL);
	tap_ok(ended_later(), "it ends: again");
	drop();
}

/* A policy that says much and ends nothing, or a disk that takes no result. */
static void
test_much(void)
{
	const uint32_t n = 200, each = 1000;
	struct job *job = make(n, NULL);
	uint32_t i, k, held = 0;

	nasked = nover = 0;
	forward_route(job);
	settle();
	for (i = 0; i < n; i++)
		for (k = 0; k < each; k++)
			say_routed(asked[0].id + i, "out", "");
	for (i = 0; i < n; i++)
		held += job->env[i]->nonward;
	tap_ok(held > 2 * MESSAGE_ENVELOPES_MAX && held < n * each,
	    "of %u addresses %u are held", n * each, held);
	for (i = 0; i < n; i++)
		say_done(asked[0].id + i, REPLY_OK, each);
	tap_ok(nover == 1 && job->env[0]->result->class == AGENT_FORWARDED &&
	    job->env[n - 1]->result->class == AGENT_TEMPFAIL &&
	    job->env[n - 1]->nonward == 0 && job->is_soon,
	    "what had no room is asked again");
	drop();
	i = (uint32_t)ask(NULL);
	for (k = 0; k < each; k++)
		say_routed(i, "out", "");
	say_done(i, REPLY_OK, each);
	tap_ok(ended_well(), "and then there is room");
	drop();
}

int
main(void)
{
	log_init("forward_test", LOG_TO_STDERR);
	event_init();
	test_add();
	test_without_policy();
	policy_start();
	test_answers();
	test_wrong_answers();
	test_refusals();
	test_loops();
	test_several();
	test_much();
	test_late();
	return tap_done();
}
