/*
 * What SQLite writes in small pieces, a frame of the log in two calls, goes to
 * the system in large ones: half of the cost of a body on its way to the disk
 * was in their number.  A layer over SQLite's own access to files
 * (sqlite.org/vfs.html); only contiguous writes are gathered, and what else is
 * asked of the same bytes, the size or the disk writes them first.  The last
 * frame of a commit is written at once with all before it, so that SQLite hears
 * of a failure where it expects one and nothing of a commit is in memory only.
 *
 * Called by store_open.c; SQLite calls the rest.  No state but that of each
 * open file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store_sql.h"

#define FRAME_HEADER	24	/* sqlite.org/fileformat.html, 4.1 */
/* SQLite's files take less than 128 KiB at once. */
#define GATHER_MAX	(7 * (FRAME_HEADER + STORE_PAGE_SIZE))

struct gather {
	sqlite3_file	 base;		/* what SQLite sees; first */
	sqlite3_file	*file;		/* behind us */
	char		*buffer;	/* NULL: nothing is gathered */
	int		 used;
	int		 is_log;
	int		 has_header;	/* a frame's page comes next */
	int		 is_last;	/* and it is the last of its commit */
	sqlite3_int64	 offset;	/* of the buffer */
	sqlite3_int64	 log_end;	/* where the last write ended */
};

static sqlite3_vfs vfs, *below;

static int
gather_write(struct gather *g)
{
	int used = g->used;

	g->used = 0;
	return used == 0 ? SQLITE_OK : g->file->pMethods->xWrite(g->file,
	    g->buffer, used, g->offset);
}

static int
gather_add(struct gather *g, const void *data, int size, sqlite3_int64 offset)
{
	int r;

	if (g->used > 0 && (offset != g->offset + g->used ||
	    size > GATHER_MAX - g->used) && (r = gather_write(g)) != SQLITE_OK)
		return r;
	if (g->used == 0)
		g->offset = offset;
	memcpy(g->buffer + g->used, data, (size_t)size);
	g->used += size;
	return SQLITE_OK;
}

static int
write_through(struct gather *g, const void *data, int size,
    sqlite3_int64 offset)
{
	int r = gather_write(g);

	return r != SQLITE_OK ? r :
	    g->file->pMethods->xWrite(g->file, data, size, offset);
}

/*
 * A header says of how many pages the database is after a commit, or 0.  A
 * transaction larger than the cache changes frames that it has written, and
 * their headers last of all: no page comes behind those, nor a flush.
 */
static int
write_log(struct gather *g, const unsigned char *data, int size,
    sqlite3_int64 offset)
{
	int r, had_header = g->has_header;

	g->has_header = size == FRAME_HEADER && offset == g->log_end;
	g->log_end = offset + size;
	if (g->has_header)
		g->is_last = (data[4] | data[5] | data[6] | data[7]) != 0;
	else if (!had_header)
		return write_through(g, data, size, offset);
	r = gather_add(g, data, size, offset);
	if (r == SQLITE_OK && !g->has_header && g->is_last)
		r = gather_write(g);
	return r;
}

static int
on_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 offset)
{
	struct gather *g = (struct gather *)f;

	if (g->buffer == NULL || size > GATHER_MAX)
		return write_through(g, data, size, offset);
	return g->is_log ? write_log(g, data, size, offset) :
	    gather_add(g, data, size, offset);
}

/* A reader has no part in what was written: if that fails, it is not over. */
static int
on_read(sqlite3_file *f, void *data, int size, sqlite3_int64 offset)
{
	struct gather *g = (struct gather *)f;
	int r, used = g->used;

	if (used > 0 && offset < g->offset + used &&
	    offset + size > g->offset && (r = gather_write(g)) != SQLITE_OK) {
		g->used = used;
		return r;
	}
	return g->file->pMethods->xRead(g->file, data, size, offset);
}

static int
on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct gather *g = (struct gather *)f;
	int r = gather_write(g);

	return r != SQLITE_OK ? r : g->file->pMethods->xTruncate(g->file, size);
}

static int
on_sync(sqlite3_file *f, int flags)
{
	struct gather *g = (struct gather *)f;
	int r = gather_write(g);

	return r != SQLITE_OK ? r : g->file->pMethods->xSync(g->file, flags);
}

static int
on_size(sqlite3_file *f, sqlite3_int64 *size)
{
	struct gather *g = (struct gather *)f;
	int r = gather_write(g);

	return r != SQLITE_OK ? r :
	    g->file->pMethods->xFileSize(g->file, size);
}

static int
on_lock(sqlite3_file *f, int lock)
{
	struct gather *g = (struct gather *)f;

	return g->file->pMethods->xLock(g->file, lock);
}

static int
on_unlock(sqlite3_file *f, int lock)
{
	struct gather *g = (struct gather *)f;
	int r = gather_write(g), r2;

	r2 = g->file->pMethods->xUnlock(g->file, lock);
	return r != SQLITE_OK ? r : r2;
}

static int
on_check_lock(sqlite3_file *f, int *is_locked)
{
	struct gather *g = (struct gather *)f;

	return g->file->pMethods->xCheckReservedLock(g->file, is_locked);
}

/*
 * Writes nothing: SQLite ignores what comes back of some, as of the one
 * between the last page of a checkpoint and its flush.
 */
static int
on_control(sqlite3_file *f, int what, void *arg)
{
	struct gather *g = (struct gather *)f;

	return g->file->pMethods->xFileControl(g->file, what, arg);
}

static int
on_sector_size(sqlite3_file *f)
{
	struct gather *g = (struct gather *)f;

	return g->file->pMethods->xSectorSize(g->file);
}

static int
on_device(sqlite3_file *f)
{
	struct gather *g = (struct gather *)f;

	return g->file->pMethods->xDeviceCharacteristics(g->file);
}

static int
on_close(sqlite3_file *f)
{
	struct gather *g = (struct gather *)f;
	int r = gather_write(g), r2;

	r2 = g->file->pMethods->xClose(g->file);
	free(g->buffer);
	g->buffer = NULL;
	return r != SQLITE_OK ? r : r2;
}

/* Version 1: no shared memory, which a lone connection does without. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_device,
};

/* Without memory for the buffer nothing is gathered. */
static int
on_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
    int *out_flags)
{
	struct gather *g = (struct gather *)f;
	int r;

	(void)v;
	memset(g, 0, sizeof(*g));
	g->file = (sqlite3_file *)(g + 1);
	r = below->xOpen(below, name, g->file, flags, out_flags);
	if (g->file->pMethods == NULL)
		return r;
	g->base.pMethods = &methods;
	g->is_log = (flags & SQLITE_OPEN_WAL) != 0;
	if (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB))
		g->buffer = malloc(GATHER_MAX);
	return r;
}

const char *
store_vfs(void)
{
	if (below == NULL) {
		if ((below = sqlite3_vfs_find(NULL)) == NULL)
			return NULL;
		vfs = *below;
		vfs.zName = "gather";
		vfs.szOsFile = (int)sizeof(struct gather) + below->szOsFile;
		vfs.xOpen = on_open;
		if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
			below = NULL;
	}
	return below != NULL ? vfs.zName : NULL;
}
