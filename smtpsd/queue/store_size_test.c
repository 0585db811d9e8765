/*
 * The store is no slower when the queue is long.  Time is not asked but the
 * steps of SQLite's machine and the pages it reads, of every statement: with
 * a few thousand envelopes and with ten times as many of all kinds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "store_sql.h"

#define NOW		1700000000U
#define SHORT		4000U	/* messages */
#define LONG		40000U
#define LANES		50U
#define BODY		20U

static char dir[] = "/tmp/smtpsd-size.XXXXXX";

/* What one kind of work cost. */
struct cost {
	uint64_t	steps;
	uint64_t	scans;		/* rows passed over in full scans */
	uint64_t	sorts;
	uint64_t	pages;
};

struct queue {
	struct store	*s;
	uint32_t	 n;		/* messages */
};

static void
cost_of(struct store *s, struct cost *c)
{
	int i, now, high;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < ST_MAX; i++) {
		c->steps += (uint64_t)sqlite3_stmt_status(s->st[i],
		    SQLITE_STMTSTATUS_VM_STEP, 1);
		c->scans += (uint64_t)sqlite3_stmt_status(s->st[i],
		    SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
		c->sorts += (uint64_t)sqlite3_stmt_status(s->st[i],
		    SQLITE_STMTSTATUS_SORT, 1);
	}
	sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_HIT, &now, &high, 1);
	c->pages += (uint64_t)now;
	sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_MISS, &now, &high, 1);
	c->pages += (uint64_t)now;
}

static uint64_t
id_of(uint32_t i)
{
	return 1000 + i;
}

/* Due in one second, later, held, quarantined, parked: a fifth each. */
static int
add(struct store *s, uint32_t i)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	char lane[32], chunk[BODY];
	int r;

	memset(chunk, 'x', sizeof(chunk));
	m->id = id_of(i);
	m->created_s = NOW;
	m->size = BODY;
	if (i % 4 == 0)
		m->body_id = store_new_body_id(s);
	else
		m->body = strdup("twenty bytes of text");
	strlcpy(m->sender, "a@example.org", sizeof(m->sender));
	strlcpy(e->action, "out", sizeof(e->action));
	snprintf(e->recipient, sizeof(e->recipient), "r%u@d%u.example", i,
	    i % LANES);
	e->id = m->id << 10 | 1;
	r = store_add_message(s, m);
	if (r == 0 && m->body_id != 0)
		r = store_add_chunk(s, m->body_id, 0, chunk, sizeof(chunk));
	if (r == 0)
		r = store_add_envelope(s, e, i % 5 == 1 ? NOW + 1000 + i :
		    i % 5 == 2 ? 0 : NOW - 10);
	if (r == 0 && i % 5 == 3)
		r = store_quarantine(s, e->id, "damaged");
	snprintf(lane, sizeof(lane), "out d%u.example", i % LANES);
	if (r == 0 && i % 5 == 4)
		r = store_park(s, e->id, lane);
	envelope_free(e);
	message_unref(m);
	return r;
}

static struct store *
make(const char *path, uint32_t n)
{
	struct store *s = store_open(path, 0);
	uint32_t i;
	int r;

	if (s == NULL)
		return NULL;
	r = store_begin(s, 0);
	for (i = 0; r == 0 && i < n; i++)
		r = add(s, i);
	if (r == 0)
		r = store_commit(s);
	store_close(s);
	return r == 0 ? store_open(path, 0) : NULL;
}

static void
each_item(const struct queue_item *item, void *arg)
{
	(void)item;
	++*(int *)arg;
}

static int
do_accept(struct queue *q)
{
	uint32_t i = q->n + 5;		/* due now, in a chunk or not */

	return store_begin(q->s, 1) == 0 && add(q->s, i - i % 5) == 0 &&
	    store_commit(q->s) == 0;
}

/* From the front, and from the middle of those due in the same second. */
static int
do_due(struct queue *q)
{
	struct store_cursor c = { 0, 0 };
	uint64_t ids[100];
	int r;

	r = store_due(q->s, NOW, &c, ids, 100) == 100;
	c.envelope = id_of(q->n / 2) << 10;
	return r && store_due(q->s, NOW, &c, ids, 100) == 100;
}

/* From the other end. */
static int
do_far(struct queue *q)
{
	uint64_t ids[100];

	return store_far(q->s, NOW + 1000, ids, 100) == 100;
}

static int
do_parked(struct queue *q)
{
	struct store_cursor c = { 0, 0 };
	char lane[64] = "";
	uint64_t ids[10];

	return store_parked_lane(q->s, "out d3", lane, sizeof(lane)) == 1 &&
	    store_parked(q->s, lane, &c, ids, 10) == 10 &&
	    store_parked(q->s, lane, &c, ids, 10) == 10;
}

static int
do_load(struct queue *q)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	size_t size;
	char *data;
	int r;

	r = store_load(q->s, id_of(q->n / 2) << 10 | 1, e, m) == 1 &&
	    store_read_body(q->s, m, 0, 0, &data, &size) == 0;
	if (r)
		free(data);
	envelope_free(e);
	message_unref(m);
	return r;
}

static int
do_list(struct queue *q)
{
	int n = 0;

	return store_list(q->s, id_of(q->n / 2) << 10, 100, each_item,
	    &n) == 100 && n == 100;
}

/* Deferred, held, released, quarantined, parked. */
static int
do_change(struct queue *q)
{
	uint64_t id = id_of(q->n / 2 / 5 * 5) << 10 | 1;

	return store_begin(q->s, 1) == 0 &&
	    store_retry_envelope(q->s, id, NOW + 5, 3, 0, "later") == 0 &&
	    store_set_next(q->s, id, 0) == 0 &&
	    store_set_next(q->s, id, NOW) == 0 &&
	    store_quarantine(q->s, id, "damaged") == 0 &&
	    store_set_next(q->s, id, NOW) == 0 &&
	    store_park(q->s, id, "out d1.example") == 0 &&
	    store_commit(q->s) == 0;
}

static int
do_remove(struct queue *q)
{
	uint64_t id = id_of(q->n / 4 / 4 * 4);	/* one of chunks */
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	int r;

	r = store_load(q->s, id << 10 | 1, e, m) == 1 && m->body_id != 0 &&
	    store_begin(q->s, 1) == 0 &&
	    store_remove_envelope(q->s, id << 10 | 1) == 0 &&
	    store_remove_message(q->s, id, m->body_id) == 1 &&
	    store_commit(q->s) == 0;
	envelope_free(e);
	message_unref(m);
	return r;
}

/* One piece: all of them together walk everything once. */
static int
do_sweep(struct queue *q)
{
	return store_sweep(q->s) == 1;
}

static int
do_count(struct queue *q)
{
	return store_count(q->s) > 0 && store_has_room(q->s, 1000);
}

static const struct {
	const char	*name;
	int		(*work)(struct queue *);
} works[] = {
	{ "sweep", do_sweep },		/* first: it is over soon */
	{ "accept", do_accept },
	{ "what is due", do_due },
	{ "what is far off", do_far },
	{ "what is parked", do_parked },
	{ "load", do_load },
	{ "list", do_list },
	{ "change", do_change },
	{ "remove", do_remove },
	{ "numbers", do_count },
};

/* Deeper trees are a few pages more, a search has a few steps more. */
static void
compare(struct queue *few, struct queue *many)
{
	struct cost a, b;
	size_t i;
	int ra, rb;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		cost_of(few->s, &a);
		ra = works[i].work(few);
		cost_of(few->s, &a);
		cost_of(many->s, &b);
		rb = works[i].work(many);
		cost_of(many->s, &b);
		tap_ok(ra && rb, "%s: done", works[i].name);
		tap_ok(b.steps <= a.steps + a.steps / 10 + 20 &&
		    b.pages <= 2 * a.pages + 10,
		    "%s: steps %" PRIu64 " and %" PRIu64 ", pages %" PRIu64
		    " and %" PRIu64, works[i].name, a.steps, b.steps, a.pages,
		    b.pages);
		tap_ok(b.scans <= a.scans + 1 && b.sorts == 0,
		    "%s: scans %" PRIu64 " and %" PRIu64 ", sorts %" PRIu64,
		    works[i].name, a.scans, b.scans, b.sorts);
	}
}

/* How SQLite means to do it: no table is scanned without an order to stop. */
static void
test_plans(struct store *s)
{
	sqlite3_stmt *plan;
	const char *sql, *detail;
	char *explain;
	int i, bad;

	for (i = 0; i < ST_MAX; i++) {
		sql = sqlite3_sql(s->st[i]);
		explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
		bad = sqlite3_prepare_v2(s->db, explain, -1, &plan, NULL) !=
		    SQLITE_OK;
		while (!bad && sqlite3_step(plan) == SQLITE_ROW) {
			detail = (const char *)sqlite3_column_text(plan, 3);
			bad = strncmp(detail, "SCAN", 4) == 0 ||
			    strstr(detail, "TEMP B-TREE") != NULL;
		}
		/* of users, of which there are few, once for each start */
		if (i == ST_LIST_USAGE)
			bad = 0;
		tap_ok(!bad, "no scan: %.60s", sql);
		sqlite3_finalize(plan);
		sqlite3_free(explain);
	}
}

/* What the start reads: pages, before anything else. */
static void
test_open(struct queue *few, struct queue *many)
{
	struct cost a, b;

	cost_of(few->s, &a);
	cost_of(many->s, &b);
	tap_ok(a.pages > 0 && b.pages <= 2 * a.pages + 10,
	    "open: pages %" PRIu64 " and %" PRIu64, a.pages, b.pages);
	tap_ok(!store_is_counted(many->s) && store_count(many->s) < many->n,
	    "not counted at once");
}

static void
test_sweep(struct queue *q, uint64_t more)
{
	struct message *m = message_new();
	unsigned int pieces = 0;
	size_t size;
	char *data;

	while (pieces < 10000 && store_sweep(q->s) == 1)
		pieces++;
	tap_ok(pieces > 1 && store_sweep(q->s) == 0, "swept in %u pieces",
	    pieces);
	/* one was accepted and one removed before they were counted */
	tap_ok(store_is_counted(q->s) && store_count(q->s) == q->n + more,
	    "counted: %" PRIu64 " of %" PRIu64, store_count(q->s),
	    q->n + more);
	m->body_id = 1;
	m->size = BODY;
	tap_ok(store_read_body(q->s, m, 0, 0, &data, &size) == 0,
	    "bodies of messages stay");
	free(data);
	message_unref(m);
}

int
main(void)
{
	struct queue few = { NULL, SHORT }, many = { NULL, LONG };
	char path[64], command[128];

	log_init("store_size_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/few.db", dir);
	few.s = make(path, few.n);
	snprintf(path, sizeof(path), "%s/many.db", dir);
	many.s = make(path, many.n);
	if (tap_ok(few.s != NULL && many.s != NULL, "two queues")) {
		test_open(&few, &many);
		test_plans(many.s);
		compare(&few, &many);
		test_sweep(&few, 0);
		test_sweep(&many, 0);
	}
	store_close(few.s);
	store_close(many.s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
