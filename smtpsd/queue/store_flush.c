/*
 * A commit whose flush takes long, as large bodies are in front of it: the log
 * is flushed beside the loop (flush.c), which goes on receiving.  Until the end
 * of it nothing of the commit counts, and nothing but chunks of unfinished
 * bodies is written: should the flush fail, the log is cut in front of the
 * commit at once, and what came behind it goes too; as long as it cannot be
 * cut, there is no connection.  No state but what the store says of the flush
 * under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "flush.h"
#include "proto/sizes.h"
#include "store_sql.h"

#define HEAVY_PAGES	16	/* 256 KiB: longer than two turns of the loop */

/*
 * When the log is due to be copied, an ordinary commit makes room for that: it
 * has to happen between two flushes.
 */
int
store_is_heavy(struct store *s)
{
	return s->wal_is_known && !s->is_doubtful &&
	    s->wal_pages - s->wal_flushed >= HEAVY_PAGES &&
	    s->wal_pages < s->wal_next;
}

/* The lock of SQLite is on the database, not on this file. */
static int
log_open(struct store *s)
{
	char path[PATHNAME_SIZE];

	if (s->wal_fd == -1) {
		snprintf(path, sizeof(path), "%s-wal", s->path);
		if ((s->wal_fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			log_warn("store: %s", path);
	}
	return s->wal_fd;
}

static int
flush_over(struct store *s, int r)
{
	s->is_flushing = 0;
	if (r == 0) {
		s->wal_flushed = s->wal_until;
		return 0;
	}
	log_warn("store: flush of the log");
	s->is_doubtful = 1;
	s->wal_pages = s->wal_before;
	s->count = (uint64_t)((int64_t)s->count - s->count_later);
	/* nobody may read what was refused, also before it is mended */
	if (store_repair(s) == -1)
		store_disconnect(s);
	return -1;
}

int
store_commit_later(struct store *s)
{
	int before = s->wal_pages;

	s->count_later = s->count_change;
	if (store_commit(s) == -1)
		return -1;
	s->wal_before = before;
	s->wal_until = s->wal_pages;
	if (log_open(s) == -1)
		return flush_over(s, -1);
	if (flush_start(s->wal_fd) == -1)
		return flush_over(s, fdatasync(s->wal_fd));
	s->is_flushing = 1;
	return 0;
}

int
store_is_flushing(const struct store *s)
{
	return s->is_flushing;
}

int
store_flush_end(struct store *s, int is_waiting)
{
	int r;

	if (!s->is_flushing)
		return 0;
	return (r = flush_end(is_waiting)) == 1 ? 1 : flush_over(s, r);
}
