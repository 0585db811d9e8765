/*
 * The store when a flush fails: nothing is acknowledged, nothing of the log
 * before it is trusted, what was refused does not come back, and with the
 * disk in order again it goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "store.h"

#define NOW	1700000000U

static char dir[] = "/tmp/smtpsd-flush.XXXXXX";
static char path[64];
static int flush_fails, flushes;

/* In the place of the system's, for SQLite too. */
int
fdatasync(int fd)
{
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
commit_piece(struct store *s, uint64_t body_id)
{
	if (store_begin(s, 0) == 0 && store_add_chunk(s, body_id, 0, "hello",
	    5) == 0 && store_commit(s) == 0)
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
	tap_ok(store_sweep(s) == 0 || store_sweep(s) == 1, "sweeping waits");
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
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
