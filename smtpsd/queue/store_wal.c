/*
 * The store's write-ahead log as a file: it is allocated ahead with written
 * zeros and not cut, so that a commit changes no metadata, and it is copied
 * into the database every 64 MiB instead of in small steps.  Only one that has
 * grown far beyond that, as while a flush hung, gives the disk its room back.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/sizes.h"
#include "store_sql.h"

#define LOG_KEEP	75497472	/* 72 MiB */
#define STRING(n)	STRING_OF(n)
#define STRING_OF(n)	#n

/* SQLite calls this after each commit. */
static int
on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *s = arg;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	s->wal_is_known = 1;
	return SQLITE_OK;
}

/*
 * Zeros behind the frames are safe: a frame counts only with the salts of
 * the header and a running checksum.  The lock of SQLite is on the database,
 * not on this file, so that our close() releases nothing.
 */
static void
store_wal_allocate(struct store *s, uint64_t size)
{
	char path[PATHNAME_SIZE];
	struct stat st;
	char *zeros = NULL;
	off_t offset;
	ssize_t n;
	int fd = -1;

	snprintf(path, sizeof(path), "%s-wal", s->path);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1 ||
	    fstat(fd, &st) == -1 ||
	    (zeros = calloc(1, 1 << 20)) == NULL) {
		log_debug("store: %s: not allocated ahead", path);
		goto out;
	}
	for (offset = st.st_size; (uint64_t)offset < size; offset += n)
		if ((n = pwrite(fd, zeros, 1 << 20, offset)) <= 0)
			break;
	if ((uint64_t)offset < size || fdatasync(fd) == -1) {
		log_warn("store: %s: not allocated ahead", path);
		/* a full disk: leave the space to messages */
		if (ftruncate(fd, st.st_size) == -1)
			log_warn("store: %s", path);
	}
out:
	free(zeros);
	if (fd != -1)
		close(fd);
}

/*
 * SQLite says how long the log is behind a commit only.  One that flushes
 * nothing will do: without that, what a flush refuses could not be cut off.
 */
static void
log_measure(struct store *s)
{
	if (store_exec(s, "PRAGMA synchronous = NORMAL;") == -1)
		return;
	s->is_full = 0;
	store_exec(s, "PRAGMA application_id = 0;");
}

/* All of it is in the database; SQLite begins anew with the next commit. */
static void
log_shorten(struct store *s)
{
	char path[PATHNAME_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", s->path);
	if (stat(path, &st) == -1 || st.st_size <= 2 * LOG_KEEP)
		return;
	s->wal_is_long = sqlite3_exec(s->db, "PRAGMA journal_size_limit = "
	    STRING(LOG_KEEP), NULL, NULL, NULL) == SQLITE_OK;
}

/* Else SQLite would cut all of it at the end. */
static void
log_shortened(struct store *s)
{
	if (sqlite3_exec(s->db, "PRAGMA journal_size_limit = -1", NULL, NULL,
	    NULL) == SQLITE_OK)
		s->wal_is_long = 0;
}

int
store_wal_start(struct store *s)
{
	int keep = 1, frames = 0, copied = 0;

	s->is_doubtful = 0;
	s->wal_next = STORE_WAL_PAGES;
	s->wal_found = -1;
	s->wal_pages = s->wal_flushed = s->wal_is_known = 0;
	s->wal_is_long = 0;
	sqlite3_wal_hook(s->db, on_commit, s);
	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep);
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    &frames, &copied) == SQLITE_OK) {
		s->wal_is_known = frames == copied;
		s->wal_found = frames;
		log_shorten(s);
	} else {
		/* a full disk may not have room for it */
		store_complain(s, "checkpoint");
		if (s->is_doubtful)
			return -1;
		log_measure(s);
	}
	return 0;
}

/* SQLite does it for files it made, but does not look at the result. */
static int
directory_flush(const char *path)
{
	char dir[PATHNAME_SIZE];
	char *slash;
	int fd, r;

	if (strlcpy(dir, path, sizeof(dir)) >= sizeof(dir) ||
	    (slash = strrchr(dir, '/')) == NULL)
		strlcpy(dir, ".", sizeof(dir));
	else
		slash[slash == dir] = '\0';
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    fsync(fd) == -1) {
		log_warn("store: cannot flush %s", dir);
		r = -1;
	} else
		r = 0;
	if (fd != -1)
		close(fd);
	return r;
}

int
store_wal_init(struct store *s, uint64_t prealloc)
{
	s->reserve = STORE_RESERVE;
	if (store_wal_start(s) == -1 || directory_flush(s->path) == -1)
		return -1;
	if (prealloc > 0)
		store_wal_allocate(s, prealloc);
	return 0;
}

static void
store_copy_log(struct store *s)
{
	int frames = 0, copied = 0;

	if (s->is_doubtful)
		return;
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    &frames, &copied) != SQLITE_OK) {
		/* nothing is lost, the log grows; try again later */
		store_complain(s, "checkpoint");
		s->wal_next = s->wal_pages + STORE_WAL_PAGES;
		return;
	}
	log_debug("store: checkpoint frames=%d copied=%d", frames, copied);
	s->wal_pages = s->wal_flushed = 0;
	s->wal_next = STORE_WAL_PAGES;
	log_shorten(s);
}

void
store_checkpoint(struct store *s)
{
	if (s->wal_is_long && s->wal_pages > 0 && store_is_idle(s))
		log_shortened(s);
	if (s->wal_pages >= s->wal_next && store_is_idle(s))
		store_copy_log(s);
}

/* Bytes free for us; on failure as many as one likes. */
static uint64_t
disk_free(const char *path)
{
	struct statvfs sv;

	if (statvfs(path, &sv) == -1)
		return UINT64_MAX;
	return (uint64_t)sv.f_bavail * sv.f_frsize;
}

static uint64_t
room_needed(const struct store *s, uint64_t bytes)
{
	/* once for the log, once for the database */
	return s->reserve + 2 * bytes +
	    (uint64_t)s->wal_pages * STORE_PAGE_SIZE;
}

/* Bytes of pages inside the database that deleted messages left. */
static uint64_t
database_free(struct store *s)
{
	uint64_t pages = 0;

	if (store_step(s, ST_FREE_PAGES) == 1)
		pages = (uint64_t)sqlite3_column_int64(s->st[ST_FREE_PAGES],
		    0);
	store_reset(s, ST_FREE_PAGES);
	return pages * STORE_PAGE_SIZE;
}

int
store_has_room(struct store *s, uint64_t bytes)
{
	uint64_t now_s, disk;

	if (disk_free(s->path) >= room_needed(s, bytes))
		return 1;
	if (s->wal_pages > 0 && store_is_idle(s))
		store_copy_log(s);
	disk = disk_free(s->path);
	if (disk >= s->reserve &&
	    disk + database_free(s) >= room_needed(s, bytes))
		return 1;
	now_s = (uint64_t)time(NULL);
	if (now_s != s->full_s)
		log_warnx("store: the disk is full: %" PRIu64 " bytes free, "
		    "%" PRIu64 " needed", disk_free(s->path),
		    room_needed(s, bytes));
	s->full_s = now_s;
	return 0;
}

int
store_limit_pages(struct store *s, uint32_t pages)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %u", pages);
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ?
	    0 : -1;
}
