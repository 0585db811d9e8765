/*
 * The store after a flush that failed.  The system may have dropped what it
 * could not write and says so once: the next flush succeeds without it.  A
 * commit behind such a gap would be acknowledged and, after a crash, be
 * invisible, since the log is read up to the first gap.  So the connection is
 * closed, what the log got since the last good flush is written and flushed
 * again, the commit that was refused is made invalid, and a new connection
 * starts from what the disk has.
 *
 * Called by store_begin(), at most once a second.  Until it succeeds there is
 * no connection, and every call of the store fails.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/sizes.h"
#include "store_sql.h"

/* sqlite.org/fileformat.html, 4.1 */
#define LOG_HEADER	32
#define FRAME_HEADER	24
#define PIECE		((size_t)1 << 20)

static off_t
frame_offset(int n)
{
	return LOG_HEADER + (off_t)n * (FRAME_HEADER + STORE_PAGE_SIZE);
}

static int
write_again(int fd, off_t from, off_t to)
{
	char *buffer;
	size_t size;
	ssize_t n = 0;

	if ((buffer = malloc(PIECE)) == NULL)
		return -1;
	for (; from < to; from += n) {
		size = (off_t)PIECE < to - from ? PIECE : (size_t)(to - from);
		if ((n = pread(fd, buffer, size, from)) == -1)
			break;
		if (n == 0)
			fatalx("store: the end of the log is lost");
		if ((n = pwrite(fd, buffer, (size_t)n, from)) == -1)
			break;
	}
	free(buffer);
	return n == -1 ? -1 : 0;
}

/* A frame counts with the salts of the log's header only. */
static int
end_log(int fd, off_t end)
{
	static const char zeros[FRAME_HEADER];

	return pwrite(fd, zeros, sizeof(zeros), end) ==
	    (ssize_t)sizeof(zeros) ? 0 : -1;
}

static int
log_repair(const struct store *s)
{
	char path[PATHNAME_SIZE];
	off_t from, to = frame_offset(s->wal_pages);
	struct stat st;
	int fd, r = -1;

	from = s->wal_flushed == 0 ? 0 : frame_offset(s->wal_flushed);
	snprintf(path, sizeof(path), "%s-wal", s->path);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1 ||
	    fstat(fd, &st) == -1)
		goto out;
	if (!s->wal_is_known)
		r = write_again(fd, 0, st.st_size);
	else if (write_again(fd, from, to) == 0)
		r = end_log(fd, to);
	if (r == 0)
		r = fdatasync(fd);
out:
	if (r == -1)
		log_warn("store: cannot repair %s", path);
	if (fd != -1)
		close(fd);
	return r;
}

int
store_repair(struct store *s)
{
	uint64_t now_s = (uint64_t)time(NULL);
	int had = s->wal_is_known ? s->wal_pages : 0;

	if (now_s == s->repaired_s)
		return -1;
	s->repaired_s = now_s;
	store_disconnect(s);
	if (log_repair(s) == -1)
		return -1;
	if (store_connect(s) == -1 || store_wal_start(s) == -1) {
		store_disconnect(s);
		s->is_doubtful = 1;
		return -1;
	}
	/* Nothing of that was acknowledged; but bodies that are being received
	 * would lack a piece. */
	if (s->wal_found != -1 && s->wal_found < had)
		fatalx("store: the log had %d pages, the disk has %d", had,
		    s->wal_found);
	log_info("store: the log is whole again: pages=%d", s->wal_found);
	return 0;
}
