/*
 * Bodies on a disk that cannot be read for a while, and one that is damaged:
 * which is which, each time, and that whoever has one can be removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "teststore.h"

#define PAGE	16384
#define SIZE	60000		/* some pages */

static char dir[] = "/tmp/smtpsd-read.XXXXXX";
static char path[64];
static int is_failing;	/* with this error */

static ssize_t
test_pread(int fd, void *buf, size_t size, sqlite3_int64 at)
{
	if (is_failing) {
		errno = is_failing;
		return -1;
	}
	return pread(fd, buf, size, (off_t)at);
}

static void
put(struct store *s, uint64_t id, char c)
{
	struct message *m = teststore_message(id, SIZE);

	memset(m->body, c, SIZE);
	if (store_begin(s, 1) == -1 || teststore_add(s, m, 1) == -1 ||
	    store_commit(s) == -1)
		abort();
	message_unref(m);
}

/* From the log into the database. */
static void
empty_log(void)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db,
	    "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
}

/* The pages of the body with this letter lead nowhere.  How many. */
static int
damage(char c)
{
	static const unsigned char far[4] = { 0x7f, 0xff, 0xff, 0xff };
	unsigned char page[PAGE];
	int fd = open(path, O_RDWR), n = 0;
	off_t at;

	for (at = 0; pread(fd, page, PAGE, at) == PAGE; at += PAGE)
		if (page[4] == (unsigned char)c && memcmp(page + 4, page + 5,
		    PAGE - 5) == 0)
			n += pwrite(fd, far, sizeof(far), at) == sizeof(far);
	close(fd);
	return n;
}

/* 1: damaged, -1: not now, 0: all of it. */
static int
get(struct store *s, uint64_t id, char c)
{
	struct message *m = teststore_message(id, SIZE);
	char *data;
	size_t size;
	int r = store_read_body(s, m, 0, 0, &data, &size);

	if (r == 0 && (size != SIZE || data[0] != c || data[SIZE - 1] != c))
		r = -2;
	free(data);
	message_unref(m);
	return r;
}

/* Of message id a body of letters c in chunks. */
static void
put_chunks(struct store *s, uint64_t id, char c)
{
	struct message *m = teststore_message(id, SIZE);
	char data[SIZE];
	uint32_t n;

	memset(data, c, SIZE);
	m->body_id = store_new_body_id(s);
	if (store_begin(s, 1) == -1)
		abort();
	for (n = 0; n < 3; n++)
		if (store_add_chunk(s, m->body_id, n, data, SIZE) == -1)
			abort();
	if (teststore_add(s, m, 1) == -1 || store_commit(s) == -1)
		abort();
	message_unref(m);
}

/* As when its last delivery is over, with another one's. */
static int
drop(struct store *s, uint64_t id, uint64_t body_id, uint64_t other)
{
	if (store_begin(s, 1) == 0 &&
	    store_remove_envelope(s, id << 10 | 1) == 0 &&
	    store_remove_message(s, id, body_id) == 1 &&
	    store_remove_envelope(s, other << 10 | 1) == 0 &&
	    store_remove_message(s, other, 0) == 1 && store_commit(s) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

static int
has(struct store *s, uint64_t id)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	int r = store_load(s, id << 10 | 1, e, m);

	envelope_free(e);
	message_unref(m);
	return r;
}

/* However it is damaged, its envelope goes, and keeps no other's here. */
static void
test_drop(void)
{
	struct store *s;
	uint64_t i, body_id = 0;

	snprintf(path, sizeof(path), "%s/drop.db", dir);
	if ((s = teststore_open(path, 0)) == NULL)
		return;
	put(s, 1, 'p');
	body_id = store_new_body_id(s) + 1;
	put_chunks(s, 2, 'q');
	for (i = 3; i <= 6; i++)
		put(s, i, 'r');
	store_close(s);
	empty_log();
	tap_ok(damage('p') > 0 && damage('q') > 0, "two are damaged");
	if ((s = teststore_open(path, 0)) == NULL)
		return;
	is_failing = EIO;
	tap_ok(drop(s, 1, 0, 3) == -1 && !store_leaves_more(s),
	    "what cannot be read is not left behind");
	is_failing = 0;
	drop(s, 1, 0, 3);	/* that error is forgotten now */
	tap_ok(drop(s, 1, 0, 3) == -1 && store_leaves_more(s) &&
	    drop(s, 1, 0, 3) == 0, "what is damaged is, at the second attempt");
	tap_ok(drop(s, 2, body_id, 4) == -1 && drop(s, 2, body_id, 4) == 0,
	    "so is one in chunks");
	tap_ok(has(s, 1) == 0 && has(s, 2) == 0 && has(s, 3) == 0 &&
	    has(s, 4) == 0 && has(s, 5) == 1, "and those with them");
	put_chunks(s, 7, 's');
	store_close(s);
	s = teststore_open(path, 0);
	tap_ok(s != NULL && has(s, 1) == 0 && has(s, 2) == 0 &&
	    has(s, 5) == 1 && get(s, 5, 'r') == 0 && has(s, 7) == 1,
	    "after a restart, too");
	store_close(s);
}

int
main(void)
{
	char command[128];
	struct store *s;
	uint64_t i;

	log_init("store_read_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	teststore_syscall("pread", (void *)test_pread);
	if ((s = teststore_open(path, 0)) == NULL)
		return 1;
	for (i = 1; i <= 4; i++)
		put(s, i, (char)('a' + i));
	store_close(s);
	empty_log();
	tap_ok(damage('a' + 2) > 0, "one is damaged");
	if ((s = teststore_open(path, 0)) == NULL)
		return 1;
	is_failing = EIO;
	tap_ok(get(s, 1, 'a' + 1) == -1, "one that cannot be read is not");
	is_failing = 0;
	tap_ok(get(s, 2, 'a' + 2) == 1, "later, the damaged one is");
	tap_ok(get(s, 1, 'a' + 1) == 0, "and the other is whole");
	is_failing = ENXIO;
	tap_ok(get(s, 3, 'a' + 3) == -1, "the disk fails again");
	is_failing = 0;
	tap_ok(get(s, 3, 'a' + 3) == 0 && get(s, 4, 'a' + 4) == 0,
	    "those it kept are whole");
	tap_ok(get(s, 2, 'a' + 2) == 1, "the damaged one is not");
	store_close(s);
	test_drop();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
