/*
 * A store that is closed right behind a flush that failed, whenever the last
 * one was mended: what was refused is not there at the next start.
 */
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

int
main(void)
{
	char command[128];
	struct store *s;

	log_init("store_repair_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
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
	store_close(s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
