/*
 * The store when a flush fails: nothing is acknowledged, nothing of the log
 * before it is trusted, what was refused does not come back, and with the
 * disk in order again it goes on.  The same of a flush beside the loop.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "flush.h"
#include "store_sql.h"

#define NOW	1700000000U

static char dir[] = "/tmp/smtpsd-flush.XXXXXX";
static char path[64];
static atomic_int flush_fails, flush_waits, flushes;

/* In the place of the system's, for SQLite too. */
int
fdatasync(int fd)
{
	while (flush_waits)
		usleep(1000);
	if (flush_fails) {
		errno = EIO;
		return -1;
	}
	flushes++;
	return fsync(fd);
}

static int
add(struct store *s, uint64_t id, uint64_t body_id)
{
	struct message *m = message_new();
	struct envelope *e = envelope_new();
	int r;

	m->id = id;
	m->created_s = NOW;
	m->body_id = body_id;
	m->size = 5;
	m->body = body_id != 0 ? NULL : strdup("hello");
	strlcpy(e->action, "out", sizeof(e->action));
	e->id = id << 10 | 1;
	r = store_add_message(s, m) == 0 && store_add_envelope(s, e,
	    NOW) == 0 ? 0 : -1;
	message_unref(m);
	envelope_free(e);
	return r;
}

/* A durable transaction with one message. */
static int
commit(struct store *s, uint64_t id, uint64_t body_id)
{
	if (store_begin(s, 1) == 0 && add(s, id, body_id) == 0 &&
	    store_commit(s) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

static int
commit_chunk(struct store *s, uint64_t body_id, uint32_t n, const char *data,
    size_t size)
{
	if (store_begin(s, 0) == 0 && store_add_chunk(s, body_id, n, data,
	    size) == 0 && store_commit(s) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

static int
commit_piece(struct store *s, uint64_t body_id)
{
	return commit_chunk(s, body_id, 0, "hello", 5);
}

/* Enough of a body that a flush would take long. */
static void
make_heavy(struct store *s)
{
	static char data[65536];
	uint64_t body = store_new_body_id(s);
	uint32_t i;

	for (i = 0; i < 8; i++)
		commit_chunk(s, body, i, data, sizeof(data));
}

static int
commit_later(struct store *s, uint64_t id, uint64_t body_id)
{
	if (store_begin(s, 0) == 0 && add(s, id, body_id) == 0 &&
	    store_commit_later(s) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

static int
has(struct store *s, uint64_t id)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	char *data = NULL;
	size_t size;
	int r = store_load(s, id << 10 | 1, e, m);

	if (r == 1)
		r = store_read_body(s, m, 0, 0, &data, &size) == 0 &&
		    size == 5 && memcmp(data, "hello", 5) == 0;
	free(data);
	envelope_free(e);
	message_unref(m);
	return r;
}

/* Everything fails as long as the disk does, and nothing worse happens. */
static void
test_closed(struct store *s)
{
	struct store_cursor cursor = { 0, 0 };
	uint64_t due[4];

	sleep(1);	/* one attempt a second */
	tap_ok(commit(s, 3, 0) == -1, "while flushes fail: refused");
	tap_ok(store_due(s, NOW, &cursor, due, 4) == -1, "nothing is read");
	tap_ok(has(s, 1) != 1, "nor loaded");
	tap_ok(store_has_room(s, 1), "room is still looked for");
	store_checkpoint(s);
	tap_ok(store_sweep(s) == -1, "sweeping waits");
	tap_ok(commit_piece(s, 9) == -1, "pieces are refused");
}

static void
test_repair(struct store *s, int is_long)
{
	uint64_t body = store_new_body_id(s);

	tap_ok(commit(s, 1, 0) == 0, "stored");
	tap_ok(commit_piece(s, body) == 0, "a piece, not flushed");
	flush_fails = 1;
	tap_ok(commit(s, 2, 0) == -1, "the flush fails: refused");
	if (is_long)
		test_closed(s);
	flush_fails = 0;
	flushes = 0;
	if (is_long)
		sleep(1);
	tap_ok(commit(s, 4, body) == 0, "good again: stored");
	tap_ok(flushes >= 3, "log, database and commit were flushed: %d",
	    flushes);
	tap_ok(has(s, 1) == 1 && has(s, 4) == 1, "what was stored is there");
	tap_ok(has(s, 2) == 0, "what was refused is not");
}

/* Not even when the process ends before anything was repaired. */
static void
test_refused(struct store *s)
{
	flush_fails = 1;
	tap_ok(commit(s, 20, 0) == -1, "refused");
	flush_fails = 0;
	sleep(1);
	store_close(s);
}

/* A body in front of the commit, the commit, a body behind it. */
static void
begin_later(struct store *s, uint64_t id, uint64_t *before, uint64_t *after)
{
	*before = store_new_body_id(s);
	*after = store_new_body_id(s);
	make_heavy(s);
	tap_ok(store_is_heavy(s), "much is not flushed");
	tap_ok(commit_piece(s, *before) == 0, "a piece in front");
	flush_waits = 1;
	tap_ok(commit_later(s, id, 0) == 0, "committed");
	tap_ok(store_is_flushing(s) && !store_is_idle(s) &&
	    store_flush_end(s, 0) == 1, "its flush is under way");
	tap_ok(commit_piece(s, *after) == 0, "bodies go on meanwhile");
}

static void
test_later(struct store *s)
{
	uint64_t before, after;
	int had;

	tap_ok(!store_is_heavy(s), "nothing to flush");
	begin_later(s, 31, &before, &after);
	had = flushes;
	flush_waits = 0;
	tap_ok(store_flush_end(s, 1) == 0 && flushes == had + 1, "one flush");
	tap_ok(!store_is_flushing(s) && store_is_idle(s), "and it is over");
	tap_ok(!store_is_heavy(s), "all of it is flushed");
	tap_ok(has(s, 31) == 1, "the message is there");
	tap_ok(commit(s, 32, before) == 0 && commit(s, 33, after) == 0 &&
	    has(s, 32) == 1 && has(s, 33) == 1, "so are both bodies");
}

static void
test_later_fails(struct store *s)
{
	uint64_t before, after;

	sleep(1);	/* one attempt a second */
	begin_later(s, 41, &before, &after);
	flush_fails = 1;
	flush_waits = 0;
	tap_ok(store_flush_end(s, 1) == -1, "the flush fails");
	tap_ok(!store_is_flushing(s) && !store_is_heavy(s), "and is over");
	tap_ok(commit(s, 42, 0) == -1, "while flushes fail: refused");
	flush_fails = 0;
	sleep(1);
	tap_ok(commit(s, 43, before) == 0, "good again: stored");
	tap_ok(has(s, 43) == 1, "with the body in front");
	tap_ok(has(s, 41) == 0 && has(s, 42) == 0, "what failed is not there");
	tap_ok(commit(s, 44, after) == 0 && has(s, 44) != 1,
	    "nor what came behind it");
}

/* What has been committed is in the file, also if nothing has been flushed. */
static void
test_written(struct store *s)
{
	static char data[65536];
	char command[256], was[sizeof(path)];
	uint64_t body = store_new_body_id(s);
	struct store *copy;
	uint32_t i;

	strlcpy(was, path, sizeof(was));
	tap_ok(store_begin(s, 0) == 0 && store_add_chunk(s, body, 0, "hello",
	    5) == 0, "a piece");
	for (i = 1; i < 8; i++)
		store_add_chunk(s, body, i, data, sizeof(data));
	tap_ok(add(s, 61, body) == 0 && store_commit(s) == 0, "committed");
	snprintf(command, sizeof(command), "cp %s %s/copy.db && "
	    "cp %s-wal %s/copy.db-wal", was, dir, was, dir);
	tap_ok(system(command) == 0, "what kill -9 would leave");
	snprintf(path, sizeof(path), "%s/copy.db", dir);
	copy = store_open(path, 0);
	tap_ok(copy != NULL && has(copy, 61) == 1, "the message is there");
	store_close(copy);
	strlcpy(path, was, sizeof(path));
}

/* The log is copied between two flushes, and does not grow without end. */
static void
test_log(struct store *s)
{
	int n;

	for (n = 0; n < 1000 && s->wal_pages < STORE_WAL_PAGES; n++) {
		make_heavy(s);
		if (store_begin(s, 1) == -1 || store_remove_chunks(s,
		    s->next_body_id - 1) == -1 || store_commit(s) == -1)
			break;
	}
	tap_ok(s->wal_pages >= STORE_WAL_PAGES, "64 MiB of log");
	make_heavy(s);
	tap_ok(!store_is_heavy(s), "due: the next flush is not beside the "
	    "loop");
	store_checkpoint(s);
	tap_ok(s->wal_pages == 0, "and leaves time to copy it");
}

static long long
log_bytes(void)
{
	char name[sizeof(path) + 8];
	struct stat st;

	snprintf(name, sizeof(name), "%s-wal", path);
	return stat(name, &st) == -1 ? -1 : (long long)st.st_size;
}

/* As when nothing could be copied for long.  The disk gets it back. */
static void
test_long_log(struct store *s)
{
	long long most, then;
	int n, r;

	for (n = 0; n < 160; n++) {
		make_heavy(s);
		if (store_begin(s, 0) == -1 || store_remove_chunks(s,
		    s->next_body_id - 1) == -1 || store_commit(s) == -1)
			break;
	}
	most = log_bytes();
	store_checkpoint(s);
	r = commit(s, 71, 0);
	then = log_bytes();
	tap_ok(r == 0 && most > 145 << 20 && then < 80 << 20,
	    "a log of %lld bytes is %lld then", most, then);
	store_checkpoint(s);
	tap_ok(commit(s, 72, 0) == 0 && has(s, 71) == 1 && has(s, 72) == 1 &&
	    has(s, 31) == 1, "and all is there");
	store_close(s);
	tap_ok(log_bytes() > 32 << 20, "what is needed is kept");
}

/* A store that is closed meanwhile. */
static struct store *
test_later_closed(struct store *s, uint64_t id, int fails)
{
	make_heavy(s);
	flush_waits = 1;
	flush_fails = fails;
	tap_ok(commit_later(s, id, 0) == 0, "committed");
	flush_waits = 0;
	if (fails) {
		tap_ok(store_flush_end(s, 1) == -1, "the flush fails");
		flush_fails = 0;
		sleep(1);
	}
	store_close(s);
	return store_open(path, 1 << 20);
}

int
main(void)
{
	char command[128];
	struct store *s;

	log_init("store_flush_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if (!tap_ok((s = store_open(path, 1 << 20)) != NULL, "made"))
		return tap_done();
	test_repair(s, 0);
	store_close(s);
	snprintf(path, sizeof(path), "%s/long.db", dir);
	s = store_open(path, 1 << 20);
	test_repair(s, 1);
	test_refused(s);
	s = store_open(path, 1 << 20);
	tap_ok(s != NULL && has(s, 4) == 1 && has(s, 20) == 0,
	    "after a restart the same");
	store_close(s);
	snprintf(path, sizeof(path), "%s/later.db", dir);
	s = store_open(path, 1 << 20);
	/* without the thread it is flushed at once */
	make_heavy(s);
	tap_ok(commit_later(s, 30, 0) == 0 && !store_is_flushing(s) &&
	    store_flush_end(s, 0) == 0 && has(s, 30) == 1, "at once");
	flush_fails = 1;
	make_heavy(s);
	tap_ok(commit_later(s, 29, 0) == -1, "at once, it fails");
	flush_fails = 0;
	sleep(1);
	tap_ok(commit(s, 28, 0) == 0 && has(s, 29) == 0, "and is not there");
	if (!tap_ok(flush_init() == 0, "a thread"))
		return tap_done();
	test_later(s);
	test_written(s);
	test_log(s);
	test_later_fails(s);
	s = test_later_closed(s, 51, 0);
	tap_ok(has(s, 51) == 1, "closed meanwhile: it is there");
	s = test_later_closed(s, 52, 1);
	tap_ok(has(s, 52) == 0, "closed after a failure: it is not");
	test_long_log(s);
	s = store_open(path, 1 << 20);
	tap_ok(s != NULL && has(s, 31) == 1 && has(s, 71) == 1 &&
	    has(s, 72) == 1, "after a restart, too");
	store_close(s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
