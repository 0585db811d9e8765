/*
 * The schedule with a store and, in place of the agents, lanes that have room
 * or not: nothing that is due is left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "age.h"
#include "agent.h"
#include "base/log.h"
#include "base/tap.h"
#include "conf.h"
#include "edit.h"
#include "mail/address.h"
#include "proto/control_any.h"
#include "schedule.h"
#include "store.h"

#define NOW	1700000000U
#define JOBS	5000
#define HOUR	3600U
#define DAY	((int64_t)86400)

static char dir[] = "/tmp/smtpsd-schedule.XXXXXX";
static struct store *store;
static struct job *jobs[JOBS];
static unsigned int njobs, room_max;
static uint64_t turn_ms = 1000, wall_s = NOW;
static uint32_t paused;
static const char *recipient = "b@example.net";
static struct parent_queue_conf conf = { .retry_max_s = 600,
	.expire_s = 5 * 86400 };
static enum late lates[JOBS];		/* of jobs that nobody attempts */
static struct job *late_jobs[JOBS];	/* their results are to be stored */
static unsigned int nlates, nlate_jobs;

const struct parent_queue_conf *
conf_get(void)
{
	return &conf;
}

int
agent_has_room(const struct envelope *e, unsigned int room)
{
	(void)e;
	return room > 0 && njobs < room_max;
}

int
agent_is_same_way(const struct envelope *a, const struct envelope *b)
{
	return a == b;
}

void
agent_lane_name(const struct envelope *e, char name[AGENT_LANE_SIZE])
{
	snprintf(name, AGENT_LANE_SIZE, "%s %s", e->action,
	    address_domain(e->recipient));
}

uint32_t
agent_paused(void)
{
	return paused;
}

void
agent_late(struct job *job, enum late late)
{
	if (nlates == JOBS || nlate_jobs == JOBS)
		abort();
	lates[nlates++] = late;
	late_jobs[nlate_jobs++] = job;
}

void
agent_waiting(enum late (*how_late)(const struct message *,
    const struct envelope *))
{
	(void)how_late;
}

void
agent_add(struct job *job)
{
	if (njobs == JOBS)
		abort();
	jobs[njobs++] = job;
}

/* Message i with one envelope; created and due at when_s. */
static void
add(uint64_t i, uint64_t when_s)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();

	m->id = i;
	m->created_s = when_s;
	m->size = 1;
	m->body = strdup("x");
	strlcpy(m->sender, "a@example.org", sizeof(m->sender));
	strlcpy(e->action, "out", sizeof(e->action));
	strlcpy(e->recipient, recipient, sizeof(e->recipient));
	e->id = i << 10 | 1;
	if (store_begin(store, 0) == -1 ||
	    store_add_message(store, m) == -1 ||
	    store_add_envelope(store, e, when_s) == -1 ||
	    store_commit(store) == -1)
		abort();
	envelope_free(e);
	message_unref(m);
}

static void
change(const char *what, uint64_t i)
{
	if (store_begin(store, 0) == -1 || (strcmp(what, "lose") == 0 ?
	    store_remove_envelope(store, i << 10 | 1) == -1 ||
	    store_remove_message(store, i, 0) == -1 :
	    strcmp(what, "hold") == 0 ?
	    store_set_next(store, i << 10 | 1, 0) == -1 :
	    store_park(store, i << 10 | 1, "out example.net") == -1) ||
	    store_commit(store) == -1)
		abort();
}

/* As after damage on the disk: an envelope whose message is not there. */
static void
add_orphan(uint64_t i)
{
	struct envelope *e = envelope_new();

	strlcpy(e->action, "out", sizeof(e->action));
	strlcpy(e->recipient, "b@example.net", sizeof(e->recipient));
	e->id = i << 10 | 1;
	if (store_begin(store, 0) == -1 ||
	    store_add_envelope(store, e, NOW - 10) == -1 ||
	    store_commit(store) == -1)
		abort();
	envelope_free(e);
}

static void
store_late(void)
{
	struct job *job;
	unsigned int i;

	for (i = 0; i < nlate_jobs; i++) {
		job = late_jobs[i];
		if (store_begin(store, 0) == -1 ||
		    (lates[nlates - nlate_jobs + i] == LATE_EXPIRED ?
		    store_remove_envelope(store, job->env[0]->id) :
		    store_set_warned(store, job->env[0]->id)) == -1 ||
		    store_commit(store) == -1)
			abort();
		schedule_release(job);
	}
	nlate_jobs = 0;
}

static void
turns(unsigned int n)
{
	while (n-- > 0) {
		turn_ms += 2000;
		age_turn(turn_ms, wall_s, conf.expire_s);
		schedule_turn(turn_ms, wall_s);
		store_late();
	}
}

/* Both clocks go on. */
static void
pass(unsigned int seconds)
{
	turn_ms += (uint64_t)seconds * 1000;
	wall_s += seconds;
	turns(30);
}

static void
set_clock(int64_t by_s)
{
	wall_s += (uint64_t)by_s;
	turns(30);
}

static int
has(uint64_t i)
{
	unsigned int n;

	for (n = 0; n < njobs; n++)
		if (jobs[n]->env[0]->id >> 10 == i)
			return 1;
	return 0;
}

static void
done(void)
{
	uint64_t id;

	while (njobs > 0) {
		id = jobs[--njobs]->env[0]->id;
		schedule_release(jobs[njobs]);
		change("lose", id >> 10);
	}
}

static void
test_room(void)
{
	uint64_t i;

	room_max = 3;
	for (i = 1; i <= 10; i++)
		add(i, NOW - 10);
	turns(2);
	tap_ok(njobs == 3, "as many as there is room for");
	done();
	turns(1);
	tap_ok(njobs == 3, "as many again");
	done();
	room_max = JOBS;
	turns(2);
	tap_ok(njobs == 4, "and the rest");
	done();
}

static void
test_orphans(void)
{
	uint64_t i;

	add_orphan(20);
	change("park", 20);
	add(21, NOW - 5);
	change("park", 21);
	turns(2);
	tap_ok(njobs == 1 && has(21),
	    "one whose message is lost does not hold up those behind it");
	turns(2);
	tap_ok(njobs == 1, "and is never tried");
	done();
	for (i = 100; i < 3100; i++) {
		add_orphan(i);
		change("park", i);
	}
	add(3100, NOW - 5);
	change("park", 3100);
	i = schedule_loaded();
	turns(1);
	tap_ok(schedule_loaded() - i < 1500, "many are looked at in parts");
	turns(9);
	tap_ok(njobs == 1 && has(3100), "nor do many");
	done();
}

static struct edit_result edited;

static void
on_edited(uint64_t request, const struct edit_result *r)
{
	(void)request;
	edited = *r;
}

void
agent_withdraw(void)
{
}

/* A result that is not stored yet would undo what the administrator did. */
static void
test_edit(void)
{
	struct edit_def all = { .what = EDIT_HOLD, .which = SELECT_ALL,
	    .selector = "" };

	add(6000, NOW - 5);
	turns(2);
	add(6001, NOW - 5);
	tap_ok(has(6000) && !schedule_is_running(6000 << 10 | 1),
	    "a delivery has ended");
	tap_ok(edit_start(&all, on_edited, 1) == 0, "hold all");
	while (edit_is_busy())
		edit_turn(NOW);
	tap_ok(edited.changed == 1 && edited.running == 1,
	    "the one whose result is to come is left alone");
	turns(2);
	tap_ok(njobs == 1, "the other is held");
	done();
	change("lose", 6001);
}

static uint64_t
edit(int what, int which, const char *selector)
{
	struct edit_def def = { .what = what, .which = which,
	    .selector = selector };

	edited.changed = 0;
	if (edit_start(&def, on_edited, 1) == -1)
		return UINT64_MAX;
	while (edit_is_busy())
		edit_turn(NOW);
	return edited.changed;
}

/* No envelope has this key: not one of all, then, and not all of them. */
static void
test_edit_zero(void)
{
	struct edit_def wraps = { .what = EDIT_REMOVE, .which =
	    SELECT_MESSAGE, .id = (UINT64_C(1) << 54) + 6005, .selector = "" };

	add(6005, NOW + 500);
	tap_ok(edit(EDIT_REMOVE, SELECT_ENVELOPE, "") == 0 &&
	    edit(EDIT_REMOVE, SELECT_MESSAGE, "") == 0,
	    "what has number 0 is not there");
	tap_ok(edit_start(&wraps, on_edited, 1) == -1, "nor what has no key");
	add_orphan(6006);
	tap_ok(edit(EDIT_HOLD, SELECT_SENDER, "") == 0,
	    "a sender that was lost is not <>");
	change("lose", 6005);
	change("lose", 6006);
}

/* Whichever form of a domain the administrator writes. */
static void
test_edit_idna(void)
{
	recipient = "b@b\303\274.example";
	add(6002, NOW + 500);
	recipient = "b@xn--b-eha.example";
	add(6003, NOW + 500);
	recipient = "b@example.net";
	add(6004, NOW + 500);
	tap_ok(edit(EDIT_HOLD, SELECT_DOMAIN, "B\303\234.example") == 2,
	    "hold by U-label");
	tap_ok(edit(EDIT_RELEASE, SELECT_RECIPIENT, "B@xn--b-eha.example") ==
	    2, "release by A-label");
	tap_ok(edit(EDIT_HOLD, SELECT_DOMAIN, "b.example") == 0,
	    "not by another name");
	change("lose", 6002);
	change("lose", 6003);
	change("lose", 6004);
}

/* The clock was years ahead and has been set. */
static void
test_clock(void)
{
	const uint64_t ahead = NOW + 86400 * 3650;
	struct envelope *e = envelope_new();
	struct message *m = message_new();

	add(5000, NOW + 500);
	add(5001, ahead);
	add(5002, NOW - 5);
	add(5003, ahead);
	change("hold", 5003);
	add(5004, (uint64_t)INT64_MAX);
	turns(3);
	tap_ok(has(5002) && !has(5000) && !has(5003),
	    "what is due is tried, what waits is not");
	tap_ok(has(5001) && has(5004), "what would wait for years is");
	tap_ok(njobs == 3, "once");
	tap_ok(store_load(store, 5001 << 10 | 1, e, m) == 1 &&
	    m->created_s == NOW, "and is not the message of another year");
	envelope_free(e);
	message_unref(m);
	done();
	change("lose", 5000);
	change("lose", 5003);
}

/* Message that was accepted at when_s, as its key says, and is parked. */
static void
add_parked(uint64_t when_s, uint64_t next_s)
{
	uint64_t i = when_s * 1000000;

	add(i, when_s);
	if (store_begin(store, 0) == -1 ||
	    store_set_next(store, i << 10 | 1, next_s) == -1 ||
	    store_commit(store) == -1)
		abort();
	if (next_s <= wall_s)
		change("park", i);
}

/* What nobody attempts is told of, and ends, all the same. */
static void
test_late(void)
{
	unsigned int i, expired = 0;

	room_max = 0;
	conf.delay_warning_s = 4 * HOUR;
	add_parked(NOW - 5 * HOUR, NOW - 5 * HOUR);
	add_parked(NOW - 3 * HOUR, NOW - 3 * HOUR);
	add_parked(NOW - 6 * HOUR, NOW + HOUR);
	add_parked(NOW - 120 * HOUR, NOW - HOUR);
	turns(30);
	tap_ok(nlates == 2 && lates[0] == LATE_WARN && lates[1] == LATE_WARN,
	    "a warning, for what is parked and older");
	tap_ok(njobs == 0, "and no attempt");
	turns(3);
	tap_ok(nlates == 2, "once");
	pass(HOUR + 1);
	tap_ok(nlates == 5, "others when they are due, or as old");
	for (i = 0; i < nlates; i++)
		expired += lates[i] == LATE_EXPIRED;
	tap_ok(expired == 1, "one has expired, after an hour of patience");
	turns(30);
	tap_ok(nlates == 5, "nothing else, and nothing again");
}

static unsigned int nseen;

/* Whether so many more were warned of and expired. */
static int
is_late(unsigned int nwarned, unsigned int nexpired)
{
	unsigned int warned = 0, expired = 0;

	for (; nseen < nlates; nseen++) {
		warned += lates[nseen] == LATE_WARN;
		expired += lates[nseen] == LATE_EXPIRED;
	}
	if (warned != nwarned || expired != nexpired)
		printf("# %u warned of, %u expired\n", warned, expired);
	return warned == nwarned && expired == nexpired;
}

/* Nobody's mail is older because somebody set the clock. */
static void
test_jumps(void)
{
	add_parked(wall_s, wall_s);
	set_clock(10 * DAY);
	pass(2 * HOUR);
	tap_ok(is_late(0, 0), "a clock that is set ahead makes nothing old");
	add_parked(wall_s, wall_s);
	pass(2 * HOUR + 1);
	tap_ok(is_late(1, 0), "it is warned of by its true age");
	set_clock(-10 * DAY);
	tap_ok(is_late(0, 0), "set back");
	add_parked(wall_s, wall_s);
	pass(2 * HOUR);
	tap_ok(is_late(0, 0), "one of the future and one that came since");
	pass(2 * HOUR + 1);
	tap_ok(is_late(2, 0), "both are warned of");
	pass(6 * DAY);
	tap_ok(is_late(0, 6), "and all end");
	set_clock(-30 * DAY);
	add_parked(wall_s, wall_s);
	pass(5 * HOUR);
	tap_ok(is_late(1, 0), "set back by more than ever ahead: a warning");
	pass(5 * DAY);
	tap_ok(is_late(0, 1), "and an end");
}

/* In a pause nothing expires, behind it what came due then does. */
static void
test_pause(void)
{
	uint64_t i = (wall_s - 5 * DAY) * 1000000;

	add(i, wall_s - 5 * DAY);
	if (store_begin(store, 0) == -1 ||
	    store_set_next(store, i << 10 | 1, wall_s + HOUR) == -1 ||
	    store_commit(store) == -1)
		abort();
	nseen = nlates;
	turns(30);
	tap_ok(is_late(0, 0), "one that waits for a pause of its own to end");
	paused = 1;
	pass(HOUR + 1);
	tap_ok(is_late(1, 0), "due while all is paused: a warning");
	pass(2 * DAY);
	tap_ok(is_late(0, 0), "and no end");
	paused = 0;
	turns(30);
	tap_ok(is_late(0, 0), "nor just after it");
	pass(HOUR + 1);
	tap_ok(is_late(0, 1), "but an hour later");
}

/* A warning of what runs leaves it where it is. */
static void
test_copy(void)
{
	struct job *copy = calloc(1, sizeof(*copy) + sizeof(copy->env[0]));

	add(7000, wall_s);
	room_max = JOBS;
	turns(2);
	copy->is_copy = copy->nenv = 1;
	copy->message = message_ref(jobs[0]->message);
	copy->env[0] = envelope_copy(jobs[0]->env[0]);
	TAILQ_INIT(&copy->dsn_envelopes);
	schedule_release(copy);
	tap_ok(njobs == 1 && schedule_busy() == 1 &&
	    schedule_is_busy(7000 << 10 | 1), "one that is told of runs on");
	done();
	tap_ok(schedule_busy() == 0, "until it is over");
}

int
main(void)
{
	char path[64], command[128];

	log_init("schedule_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((store = store_open(path, 0)) == NULL)
		return 1;
	schedule_init(store);
	test_room();
	test_orphans();
	test_clock();
	edit_init(store);
	test_edit();
	test_edit_zero();
	test_edit_idna();
	test_late();
	test_pause();
	test_jumps();
	test_copy();
	store_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
