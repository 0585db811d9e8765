/*
 * The schedule.  State owned: the tree of busy envelopes (in memory: ready,
 * running or waiting for their result to be stored), the cursor of the scan
 * over the store's index and the lane of the parked ones that was last looked
 * at.  What the scan finds is then in memory or parked, so that a scan never
 * has many to pass over, however many are due.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "age.h"
#include "agent.h"
#include "base/log.h"
#include "conf.h"
#include "schedule.h"
#include "store.h"

#define SCAN_MAX	1000	/* index entries of one look */
#define SCAN_IDLE_MS	1000	/* between looks when nothing is left over */
#define SCAN_PARKED_MS	100	/* lanes may have room again */
#define SCAN_BUSY_MS	20
#define LANES_MAX	64	/* lanes of parked envelopes of one look */
#define PAGE		100
#define CLOCK_SLACK_S	3600

RB_HEAD(busy_tree, envelope);

#define LATE_MAX	200	/* envelopes of one look at the late ones */
#define PATIENCE_S	3600	/* before what nobody tried expires */
#define AHEAD_MS	1000	/* between looks at those of the future */
#define KEY_MAX_S	(MESSAGE_ID_MAX / 1000000 - 1)

static struct store *store;
static struct busy_tree busy = RB_INITIALIZER(&busy);
static unsigned int nbusy;
static uint64_t nloaded;
static struct store_cursor cursor;
static uint64_t scanned_ms, scanned_s;
static int more;		/* the last look did not see everything */
static int has_parked = 1;	/* there may be some */
static char last_lane[AGENT_LANE_SIZE];
static int is_full;		/* a job found no room */
static int is_refill;		/* what has no room is parked already */
static uint64_t since_ms;	/* all has had its chance since */
static uint64_t warned_to, expired_to;	/* all parked before are seen to */
static uint64_t ahead_to, ahead_ms;	/* the same, of those of the future */
static enum { PARK_NEVER, PARK_MAY, PARK_BEGUN, PARK_FAILED } parking;

static int
busy_compare(struct envelope *a, struct envelope *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}
RB_PROTOTYPE(busy_tree, envelope, busy, busy_compare)
RB_GENERATE(busy_tree, envelope, busy, busy_compare)

struct envelope *
schedule_find(uint64_t id)
{
	struct envelope key;

	key.id = id;
	return RB_FIND(busy_tree, &busy, &key);
}

void
schedule_init(struct store *s)
{
	store = s;
}

static unsigned int
room(void)
{
	return nbusy < SCHEDULE_MAX ? SCHEDULE_MAX - nbusy : 0;
}

/* -1: not now. */
static int
park_begin(void)
{
	if (parking == PARK_MAY)
		parking = store_begin(store, 0) == -1 ? PARK_FAILED :
		    PARK_BEGUN;
	return parking == PARK_BEGUN ? 0 : -1;
}

static void
park_fail(void)
{
	store_rollback(store);
	parking = PARK_FAILED;
}

/* A crash may undo it: the next scan parks it again. */
static void
park(const struct envelope *e)
{
	char name[AGENT_LANE_SIZE];

	if (is_refill || park_begin() == -1)
		return;
	agent_lane_name(e, name);
	if (store_park(store, e->id, name) == -1)
		park_fail();
}

static void
park_end(void)
{
	if (parking == PARK_BEGUN && store_commit(store) == 0)
		has_parked = 1;
	else if (parking == PARK_BEGUN)
		store_rollback(store);
	parking = PARK_NEVER;
}

/*
 * After a long time without attempts, as of a queue that was not running, all
 * of it is tried before it expires.
 */
static int
may_expire(void)
{
	uint32_t patience_s = conf_get()->expire_s < PATIENCE_S ?
	    conf_get()->expire_s : PATIENCE_S;

	return agent_paused() == 0 &&
	    scanned_ms - since_ms >= (uint64_t)patience_s * 1000;
}

static enum late
how_late(const struct message *m, const struct envelope *e)
{
	return notify_late(e, age_of(m->created_s, scanned_s), may_expire() ?
	    conf_get()->expire_s : UINT32_MAX, conf_get()->delay_warning_s);
}

/*
 * Make one job of the first envelope in the list and all that travel with
 * it, and hand it to its lane.  Without room or memory they stay in the
 * store, parked if a scan found them, unless that has lasted too long.
 */
static void
schedule_job(struct message *m, struct envelope_list *list)
{
	struct envelope *first = TAILQ_FIRST(list), *e, *next;
	struct job *job = NULL;
	enum late late = LATE_NOT;
	int has_room = agent_has_room(first, room());
	uint32_t n = 0;

	TAILQ_FOREACH(e, list, entry)
		if (n < JOB_ENVELOPES_MAX && agent_is_same_way(first, e)) {
			n++;
			if (how_late(m, e) > late)
				late = how_late(m, e);
		}
	if (has_room)
		late = LATE_NOT;
	else
		is_full = 1;
	if (has_room || late != LATE_NOT)
		job = calloc(1, sizeof(*job) + n * sizeof(job->env[0]));
	if (job != NULL) {
		job->message = message_ref(m);
		TAILQ_INIT(&job->dsn_envelopes);
	}
	TAILQ_FOREACH_SAFE(e, list, entry, next) {
		if (n == 0)
			break;
		if (e != first && !agent_is_same_way(first, e))
			continue;
		n--;
		TAILQ_REMOVE(list, e, entry);
		if (job == NULL) {
			park(e);
			/* first is compared with to the end */
			if (e != first)
				envelope_free(e);
			continue;
		}
		job->env[job->nenv++] = e;
		RB_INSERT(busy_tree, &busy, e);
		nbusy++;
	}
	if (job == NULL)
		envelope_free(first);
	else if (late != LATE_NOT)
		agent_late(job, late);
	else
		agent_add(job);
}

void
schedule_add(struct message *m, struct envelope_list *list)
{
	while (!TAILQ_EMPTY(list))
		schedule_job(m, list);
	message_unref(m);
}

void
schedule_release(struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++) {
		if (!job->is_copy) {
			RB_REMOVE(busy_tree, &busy, job->env[i]);
			nbusy--;
		}
		envelope_free(job->env[i]);
	}
	message_unref(job->message);
	message_unref(job->dsn);
	envelope_list_free(&job->dsn_envelopes);
	free(job->piece);
	free(job);
}

/* A damaged store has no message for this envelope. */
static void
quarantine(uint64_t id)
{
	log_warnx("envelope=%013" PRIx64 "/%u its message is missing: "
	    "quarantined", id >> 10, (unsigned int)(id & 1023));
	if (park_begin() == 0 && store_quarantine(store, id,
	    "the message is not in the queue") == -1)
		park_fail();
}

/* It came when the clock was ahead: it would expire too late by that. */
static void
set_created(struct message *m)
{
	m->created_s = scanned_s;
	if (park_begin() == 0 && store_set_created(store, m->id,
	    scanned_s) == -1)
		park_fail();
}

/* As store_load(). */
static int
load(uint64_t id, struct envelope *e, struct message *m)
{
	int r;

	nloaded++;
	if (e == NULL || m == NULL)
		return -1;
	r = store_load(store, id, e, m);
	if (r == 1 && m->created_s > scanned_s + CLOCK_SLACK_S)
		set_created(m);
	return r;
}

/*
 * Load the envelopes of one look.  Those of one message that were deferred
 * together stand side by side and become one job.
 */
static void
schedule_load(const uint64_t *ids, int n)
{
	struct envelope_list list = TAILQ_HEAD_INITIALIZER(list);
	struct message *m = NULL, *found;
	struct envelope *e;
	int i, r;

	for (i = 0; i < n; i++) {
		if (schedule_find(ids[i]) != NULL)
			continue;
		e = envelope_new();
		found = message_new();
		if ((r = load(ids[i], e, found)) != 1) {
			if (r == 0)
				quarantine(ids[i]);
			envelope_free(e);
			message_unref(found);
			continue;
		}
		if (m != NULL && !message_is_same(m, found)) {
			schedule_add(m, &list);
			m = NULL;
		}
		if (m == NULL)
			m = found;
		else
			message_unref(found);
		TAILQ_INSERT_TAIL(&list, e, entry);
	}
	if (m != NULL)
		schedule_add(m, &list);
}

static void
scan_due(uint64_t now_s)
{
	uint64_t ids[SCAN_MAX];
	int n;

	n = store_due(store, now_s, &cursor, ids, SCAN_MAX);
	if (n == -1)
		return;
	parking = PARK_MAY;
	schedule_load(ids, n);
	park_end();
	if (n == SCAN_MAX)
		more = 1;
	else
		memset(&cursor, 0, sizeof(cursor));
}

/*
 * No pause is that long: it was counted when the clock was ahead, and would
 * last until the year that the clock had then.
 */
static void
scan_far(uint64_t now_s)
{
	uint64_t ids[SCAN_MAX];
	int n;

	n = store_far(store, now_s + 2 * (uint64_t)conf_get()->retry_max_s +
	    CLOCK_SLACK_S, ids, SCAN_MAX);
	if (n <= 0)
		return;
	parking = PARK_MAY;
	schedule_load(ids, n);
	park_end();
}

/*
 * Whether the lane of this envelope has been emptied by half.  One that
 * cannot be loaded must not keep those behind it waiting.
 */
static int
lane_wants_more(uint64_t id)
{
	struct envelope *met = schedule_find(id), *e;
	struct message *m;
	int wants;

	if (met != NULL)
		return agent_has_room(met, room() / 2);
	e = envelope_new();
	m = message_new();
	wants = load(id, e, m) != 1 || agent_has_room(e, room() / 2);
	envelope_free(e);
	message_unref(m);
	return wants;
}

/* From the parked ones of a lane into memory; how many. */
static unsigned int
lane_refill(const char *lane, unsigned int max)
{
	struct store_cursor at = { 0, 0 };
	unsigned int before = nbusy;
	uint64_t ids[PAGE], loaded = nloaded;
	int n;

	is_full = 0;
	is_refill = 1;
	parking = PARK_MAY;
	do {
		n = store_parked(store, lane, &at, ids, PAGE);
		if (n <= 0 || (before == nbusy && !lane_wants_more(ids[0])))
			break;
		schedule_load(ids, n);
	} while (n == PAGE && !is_full && nloaded - loaded < max);
	park_end();
	is_refill = 0;
	return nbusy - before;
}

/* Each lane in its turn. */
static void
scan_parked(void)
{
	char lane[AGENT_LANE_SIZE];
	unsigned int i, n = 0;

	for (i = 0; i < LANES_MAX && n < SCAN_MAX; i++) {
		switch (store_parked_lane(store, last_lane, lane,
		    sizeof(lane))) {
		case 1:
			break;
		case 0:
			has_parked = last_lane[0] != '\0';
			last_lane[0] = '\0';
			/* FALLTHROUGH */
		default:
			return;
		}
		strlcpy(last_lane, lane, sizeof(last_lane));
		n += lane_refill(lane, SCAN_MAX - n);
	}
	if (n > 0)
		more = 1;
}

/*
 * The parked ones that came until a time; *done: up to where all are.  How many
 * it met, of LATE_MAX.
 */
static int
scan_older(uint64_t *done, uint64_t until_s)
{
	uint64_t ids[LATE_MAX];
	int n, seen;

	n = store_parked_before(store, done, until_s, ids, LATE_MAX, &seen);
	if (n == -1)
		return 0;
	parking = PARK_MAY;
	is_refill = 1;
	schedule_load(ids, n);
	is_refill = 0;
	park_end();
	return seen;
}

/* Keys are in the order of arrival; nothing else is read. */
static void
scan_aged(uint64_t *done, uint32_t age_s)
{
	uint64_t until_s = age_until(age_s, scanned_s), end;

	if (until_s == 0 || until_s > KEY_MAX_S)
		return;
	end = (until_s + 1) * 1000000 << 10;
	if (*done > end)
		*done = end;		/* the clock was set back */
	if (scan_older(done, until_s) == LATE_MAX)
		more = 1;
}

/*
 * Keys of the future are of a time when the clock was ahead, and for as long
 * would not be met.  These messages' times may be right, later than the keys
 * of others: each is looked at, again and again, without haste.
 */
static void
scan_ahead(void)
{
	uint64_t from_s = scanned_s + CLOCK_SLACK_S;

	if (scanned_ms - ahead_ms < AHEAD_MS || from_s > KEY_MAX_S)
		return;
	ahead_ms = scanned_ms;
	if (ahead_to < from_s * 1000000 << 10)
		ahead_to = from_s * 1000000 << 10;
	if (scan_older(&ahead_to, KEY_MAX_S) < LATE_MAX)
		ahead_to = 0;
}

/*
 * The sender is warned, and mail expires, by its age also where nobody makes
 * an attempt.
 */
static void
scan_late(void)
{
	if (since_ms == 0 || agent_paused() != 0) {
		since_ms = scanned_ms;
		expired_to = 0;		/* what is parked until it may */
	}
	agent_waiting(how_late);
	if (conf_get()->delay_warning_s != 0)
		scan_aged(&warned_to, conf_get()->delay_warning_s);
	if (may_expire())
		scan_aged(&expired_to, conf_get()->expire_s);
	scan_ahead();
}

void
schedule_turn(uint64_t now_ms, uint64_t now_s)
{
	if (now_ms - scanned_ms < schedule_wait_ms() && scanned_ms != 0)
		return;
	scanned_ms = now_ms;
	scanned_s = now_s;
	more = 0;
	scan_due(now_s);
	scan_far(now_s);
	if (has_parked)
		scan_parked();
	scan_late();
}

void
schedule_soon(void)
{
	more = 1;
}

uint32_t
schedule_wait_ms(void)
{
	return more ? SCAN_BUSY_MS : has_parked ? SCAN_PARKED_MS :
	    SCAN_IDLE_MS;
}

int
schedule_is_running(uint64_t envelope)
{
	struct envelope *e = schedule_find(envelope);

	return e != NULL && e->is_running;
}

int
schedule_is_busy(uint64_t envelope)
{
	return schedule_find(envelope) != NULL;
}

uint64_t
schedule_loaded(void)
{
	return nloaded;
}

unsigned int
schedule_busy(void)
{
	return nbusy;
}
