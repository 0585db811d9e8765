/*
 * A store that is closed right behind a flush that failed, whenever the last
 * one was mended: what was refused is not there at the next start.  Nor if the
 * log could not be emptied before.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "store_sql.h"
#include "teststore.h"

static char dir[] = "/tmp/smtpsd-repair.XXXXXX";
static char path[64];
static int flush_fails;
static int is_full;			/* no more of the database */

/* In the place of the system's, for SQLite too. */
int
fdatasync(int fd)
{
	if (flush_fails) {
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

static ssize_t
test_pwrite(int fd, const void *buf, size_t size, sqlite3_int64 at)
{
	struct stat of_fd, of_path;

	if (is_full && fstat(fd, &of_fd) == 0 && stat(path, &of_path) == 0 &&
	    of_fd.st_ino == of_path.st_ino) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, buf, size, (off_t)at);
}

static int
commit(struct store *s, uint64_t id, int fails)
{
	struct message *m = teststore_message(id, 100);
	int r;

	flush_fails = fails;
	r = store_begin(s, 1) == 0 && teststore_add(s, m, 1) == 0 &&
	    store_commit(s) == 0 ? 0 : -1;
	if (r == -1)
		store_rollback(s);
	flush_fails = 0;
	message_unref(m);
	return r;
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

/* Its log cannot be emptied at the start, and the first flush fails. */
static struct store *
test_full(struct store *s, int is_closed)
{
	uint64_t id = is_closed ? 11 : 21;

	tap_ok(commit(s, id, 0) == 0, "stored");
	is_full = 1;
	store_close(s);
	if ((s = teststore_open(path, 0)) == NULL)
		return NULL;
	tap_ok(has(s, id) == 1, "no room to empty the log: it is there");
	tap_ok(commit(s, id + 1, 1) == -1, "the first one is refused");
	if (is_closed) {
		store_close(s);
		s = teststore_open(path, 0);
	} else
		sleep(1);
	tap_ok(s != NULL && has(s, id + 1) != 1, "it is not there");
	tap_ok(commit(s, id + 2, 0) == 0 && has(s, id + 1) == 0 &&
	    has(s, id) == 1 && has(s, id + 2) == 1, "nor behind the next one");
	is_full = 0;
	return s;
}

int
main(void)
{
	char command[128];
	struct store *s;

	log_init("store_repair_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	teststore_syscall("pwrite", (void *)test_pwrite);
	if ((s = teststore_open(path, 0)) == NULL)
		return 1;
	tap_ok(commit(s, 1, 0) == 0, "stored");
	tap_ok(commit(s, 2, 1) == -1, "refused");
	tap_ok(commit(s, 3, 0) == 0, "mended: stored");
	tap_ok(commit(s, 4, 1) == -1, "refused in the same second");
	store_close(s);
	s = teststore_open(path, 0);
	tap_ok(s != NULL && has(s, 1) == 1 && has(s, 3) == 1,
	    "what was stored is there");
	tap_ok(has(s, 2) == 0 && has(s, 4) == 0, "what was refused is not");
	if ((s = test_full(s, 0)) == NULL || (s = test_full(s, 1)) == NULL)
		return tap_done();
	store_close(s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
