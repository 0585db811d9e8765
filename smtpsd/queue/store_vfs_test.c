/*
 * What is written in large pieces: a failure of the last one is a failure of
 * what SQLite asked for, and what is committed is in the file, also where
 * SQLite goes back to frames that it had written before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "store_sql.h"
#include "teststore.h"

#define CHUNKS	40

static char dir[] = "/tmp/smtpsd-vfs.XXXXXX";
static char path[64];
static int fails;		/* the write after so many, 0: none */
static ino_t failing;		/* in this file */
static int nwrites;		/* in it */

static ssize_t
test_pwrite(int fd, const void *data, size_t size, sqlite3_int64 at)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_ino == failing && ++nwrites == fails) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, data, size, (off_t)at);
}

static ino_t
file_of(const char *suffix)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) == 0 ? st.st_ino : 0;
}

static char *
data_of(unsigned int n)
{
	static char data[30000];

	memset(data, 'a' + (int)(n % 26), sizeof(data));
	return data;
}

static int
add(struct store *s, uint64_t body, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		if (store_add_chunk(s, body, i, data_of(i), 30000) == -1)
			return -1;
	return 0;
}

static int
has(struct store *s, uint64_t body)
{
	unsigned int i;
	int ok = 1;

	for (i = 0; ok && i < CHUNKS; i++) {
		store_bind_id(s, ST_CHUNK, 1, body << STORE_CHUNK_BITS | i);
		ok = store_step(s, ST_CHUNK) == 1 &&
		    sqlite3_column_bytes(s->st[ST_CHUNK], 0) == 30000 &&
		    memcmp(sqlite3_column_blob(s->st[ST_CHUNK], 0), data_of(i),
		    30000) == 0;
		store_reset(s, ST_CHUNK);
	}
	return ok;
}

/* Whichever write to the database fails, the log is kept. */
static void
test_checkpoint(void)
{
	struct store *s = store_open(path, 0);
	uint64_t body = store_new_body_id(s);
	int n, total, failed = 0, r;

	store_begin(s, 1);
	tap_ok(add(s, body, 0, CHUNKS) == 0 && store_commit(s) == 0, "stored");
	failing = file_of("");
	for (n = 1;; n++) {
		nwrites = 0;
		fails = n;
		r = sqlite3_wal_checkpoint_v2(s->db, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		if (nwrites < n)
			break;
		failed += r != SQLITE_OK;
	}
	total = n - 1;
	fails = 0;
	tap_ok(total > 2 && failed == total, "copying fails when one of %d "
	    "writes does: %d", total, failed);
	store_begin(s, 1);
	tap_ok(add(s, store_new_body_id(s), 0, 1) == 0 && store_commit(s) == 0,
	    "the log begins anew");
	store_close(s);
	s = store_open(path, 0);
	tap_ok(has(s, body), "nothing is lost");
	store_close(s);
}

static int
copy_has(uint64_t body)
{
	char command[256], was[sizeof(path)];
	struct store *copy;
	int r;

	strlcpy(was, path, sizeof(was));
	snprintf(command, sizeof(command), "cp %s %s/copy.db && "
	    "cp %s-wal %s/copy.db-wal", was, dir, was, dir);
	if (system(command) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/copy.db", dir);
	copy = store_open(path, 0);
	r = copy != NULL && has(copy, body);
	store_close(copy);
	strlcpy(path, was, sizeof(path));
	return r;
}

/* More than the cache holds: pages are written before the commit, and again. */
static void
test_spill(void)
{
	struct store *s = store_open(path, 0);
	uint64_t body = store_new_body_id(s), other = store_new_body_id(s);

	store_exec(s, "PRAGMA cache_size = 10");
	store_begin(s, 0);
	tap_ok(add(s, body, 0, CHUNKS / 2) == 0 && add(s, other, 0, CHUNKS) ==
	    0 && add(s, body, CHUNKS / 2, CHUNKS) == 0 && store_commit(s) == 0,
	    "a commit larger than the cache");
	tap_ok(copy_has(body), "is in the file");
	body = store_new_body_id(s);
	store_begin(s, 0);
	tap_ok(add(s, body, 0, CHUNKS / 2) == 0, "half of one");
	store_rollback(s);
	store_begin(s, 0);
	tap_ok(add(s, body, 0, CHUNKS) == 0 && store_commit(s) == 0,
	    "one in its place");
	tap_ok(copy_has(body), "is in the file");
	store_close(s);
}

/* Whichever write to the log fails, no more than that transaction is lost. */
static void
test_full(void)
{
	struct store *s = store_open(path, 0);
	uint64_t before = store_new_body_id(s), body = 0;
	int n, good = 0, ok = 1;

	store_exec(s, "PRAGMA cache_size = 10");
	store_begin(s, 1);
	tap_ok(add(s, before, 0, CHUNKS) == 0 && store_commit(s) == 0,
	    "stored");
	failing = file_of("-wal");
	for (n = 1; ok && !good; n++) {
		body = store_new_body_id(s);
		nwrites = 0;
		fails = n;
		good = store_begin(s, 1) == 0 && add(s, body, 0, CHUNKS / 2) ==
		    0 && has(s, before) && add(s, body, CHUNKS / 2, CHUNKS) ==
		    0 && store_commit(s) == 0;
		ok = good == (nwrites < n);
		fails = 0;
		store_rollback(s);
		ok = ok && has(s, before) && has(s, body) == good;
	}
	tap_ok(n > 8 && ok, "refused when one of %d writes fails", n - 2);
	failing = 0;
	tap_ok(copy_has(before) && copy_has(body), "the rest is in the file");
	store_close(s);
	s = store_open(path, 0);
	tap_ok(has(s, before) && has(s, body), "and the next finds it");
	store_close(s);
}

int
main(void)
{
	char command[128];

	log_init("store_vfs_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	teststore_syscall("pwrite", (void *)test_pwrite);
	test_checkpoint();
	test_spill();
	test_full();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
