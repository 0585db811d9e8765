/*
 * The schedule.  State owned: the tree of busy envelopes (in memory: ready,
 * running or waiting for their result to be stored) and the cursor of the
 * scan over the store's index.  An envelope that finds no room in memory
 * stays in the store, due, and is met again by a later scan.
 */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/log.h"
#include "schedule.h"
#include "store.h"

#define SCAN_MAX	1000	/* index entries of one look */
#define SCAN_IDLE_MS	1000	/* between looks when nothing is left over */
#define SCAN_BUSY_MS	20

RB_HEAD(busy_tree, envelope);

static struct store *store;
static struct busy_tree busy = RB_INITIALIZER(&busy);
static unsigned int nbusy;
static struct store_cursor cursor;
static uint64_t scanned_ms;
static int more;		/* the last look did not see everything */

static int
busy_compare(struct envelope *a, struct envelope *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}
RB_PROTOTYPE(busy_tree, envelope, busy, busy_compare)
RB_GENERATE(busy_tree, envelope, busy, busy_compare)

static struct envelope *
busy_find(uint64_t id)
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

/*
 * Make one job of the first envelope in the list and all that travel with
 * it, and hand it to its lane.  Without room or memory they are only
 * forgotten here.
 */
static void
schedule_job(struct message *m, struct envelope_list *list)
{
	struct envelope *first = TAILQ_FIRST(list), *e, *next;
	struct job *job = NULL;
	uint32_t n = 0;

	TAILQ_FOREACH(e, list, entry)
		if (n < JOB_ENVELOPES_MAX && agent_is_same_way(first, e))
			n++;
	if (agent_has_room(first))
		job = calloc(1, sizeof(*job) + n * sizeof(job->env[0]));
	if (job == NULL)
		more = 1;
	else {
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
			/* first is compared with to the end */
			if (e != first)
				envelope_free(e);
			continue;
		}
		job->env[job->nenv++] = e;
		RB_INSERT(busy_tree, &busy, e);
		nbusy++;
	}
	if (job != NULL)
		agent_add(job);
	else
		envelope_free(first);
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
		RB_REMOVE(busy_tree, &busy, job->env[i]);
		nbusy--;
		envelope_free(job->env[i]);
	}
	message_unref(job->message);
	message_unref(job->dsn);
	envelope_list_free(&job->dsn_envelopes);
	free(job->piece);
	free(job);
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
	int i;

	for (i = 0; i < n; i++) {
		if (busy_find(ids[i]) != NULL)
			continue;
		e = envelope_new();
		found = message_new();
		if (e == NULL || found == NULL ||
		    store_load(store, ids[i], e, found) != 1) {
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

void
schedule_turn(uint64_t now_ms, uint64_t now_s)
{
	uint64_t ids[SCAN_MAX];
	int n;

	if (now_ms - scanned_ms < schedule_wait_ms() && scanned_ms != 0)
		return;
	scanned_ms = now_ms;
	more = 0;
	n = store_due(store, now_s, &cursor, ids, SCAN_MAX);
	if (n == -1)
		return;
	schedule_load(ids, n);
	if (n == SCAN_MAX)
		more = 1;
	else
		memset(&cursor, 0, sizeof(cursor));
}

uint32_t
schedule_wait_ms(void)
{
	return more ? SCAN_BUSY_MS : SCAN_IDLE_MS;
}

int
schedule_is_running(uint64_t envelope)
{
	struct envelope *e = busy_find(envelope);

	return e != NULL && e->is_running;
}

unsigned int
schedule_busy(void)
{
	return nbusy;
}
