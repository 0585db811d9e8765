/*
 * The inside of the store, for the files store*.c only.
 */
#ifndef QUEUE_STORE_SQL_H
#define QUEUE_STORE_SQL_H

#include <sqlite3.h>
#include <stdint.h>

#include "store.h"

enum statement {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_ADD_MESSAGE, ST_ADD_ENVELOPE,
	ST_RETRY_ENVELOPE, ST_SET_NEXT, ST_REMOVE_ENVELOPE, ST_HAS_ENVELOPE,
	ST_REMOVE_MESSAGE, ST_ADD_CHUNK, ST_REMOVE_CHUNKS, ST_DUE, ST_LOAD,
	ST_BODY, ST_CHUNK, ST_LIST, ST_FREE_PAGES, ST_SET_USAGE, ST_LIST_USAGE,
	ST_DUE_SAME, ST_PARK, ST_PARKED, ST_PARKED_SAME, ST_PARKED_LANE,
	ST_COUNT, ST_NEXT_CHUNK, ST_HAS_BODY, ST_QUARANTINE, ST_SET_LOGIN,
	ST_FORGET_LOGIN, ST_LIST_LOGINS, ST_LAST_ENVELOPE, ST_ADD_ONWARD,
	ST_FAR, ST_SET_CREATED, ST_SET_WARNED, ST_PARKED_BEFORE, ST_MAX
};

#define STORE_LEFT_MAX	4096

struct store {
	sqlite3		*db;		/* NULL: being repaired */
	sqlite3_stmt	*st[ST_MAX];
	char		*path;
	uint64_t	 next_body_id;
	uint64_t	 count;		/* envelopes up to counted, committed */
	uint64_t	 counted;	/* UINT64_MAX: all */
	uint64_t	 swept;		/* bodies below are somebody's */
	uint64_t	 sweep_end;	/* those from here on are of this run */
	int64_t		 count_change;	/* in the open transaction */
	int		 is_full;	/* synchronous is FULL, else NORMAL */
	int		 wal_pages;	/* after the last commit */
	int		 wal_flushed;	/* of them, that a flush covered */
	int		 wal_is_known;	/* whether both are */
	int		 wal_found;	/* pages at the start, -1: unknown */
	int		 wal_next;	/* checkpoint from here */
	int		 wal_is_long;	/* the next commit cuts the file */
	int		 wal_fd;	/* for flushes beside the loop, or -1 */
	int		 wal_before;	/* pages in front of such a commit */
	int		 wal_until;	/* and that its flush covers */
	int		 is_flushing;	/* it is under way */
	int64_t		 count_later;	/* envelopes more by it */
	int		 is_doubtful;	/* a flush failed since */
	int		 is_left;	/* some more, since the last begin */
	uint32_t	 nleft;		/* of all time; the last in left[] */
	struct {
		enum statement	st;
		uint64_t	id;
	}		 left[STORE_LEFT_MAX]; /* damaged, not to be removed */
	uint64_t	 repaired_s;	/* last attempt to mend that */
	uint64_t	 reserve;	/* bytes of disk to leave free */
	uint64_t	 full_s;	/* last log line of a full disk */
	uint64_t	 complained_s;	/* last log line of a failure */
	uint32_t	 complaints;	/* swallowed since */
};

#define STORE_PAGE_SIZE		16384
#define STORE_CHUNK_BITS	20	/* chunk key: body_id << 20 | n */
#define STORE_WAL_PAGES		4096	/* 64 MiB */
#define STORE_RESERVE		(UINT64_C(4) << 20)

/* store_sql.c.  -1: failed, logged. */
/* All statements; needs the present form. */
int	store_prepare(struct store *);
/* For use at the start: what gives no rows; one number. */
int	store_exec(struct store *, const char *sql);
int	store_number(struct store *, const char *sql, uint64_t *);
/* A statement that gives no rows. */
int	store_run(struct store *, enum statement);
/*
 * One that removes what nobody needs any more, of this message or body: if it
 * is damaged, that fails once, and from then on it stays where it is.
 */
int	store_run_or_leave(struct store *, enum statement, uint64_t id);
/*
 * Log why the last call failed, at most once a second, and note whether it
 * was a flush.  Always -1.
 */
int	store_complain(struct store *, const char *what);
/* The row loop of one prepared statement: 1 row, 0 done, -1 failed. */
int	store_step(struct store *, enum statement);
void	store_reset(struct store *, enum statement);
void	store_bind_id(struct store *, enum statement, int column, uint64_t);
void	store_bind_text(struct store *, enum statement, int column,
	    const char *);	/* NULL is NULL */

/* store_open.c: the connection, its pragmas and statements. */
int	store_connect(struct store *);
/* Leaves the log as it is. */
void	store_disconnect(struct store *);

/*
 * store_read.c: 1, a file has had an error since this was asked last; then
 * what SQLite calls malformed may be a disk that cannot be read now.
 */
int	store_has_unreadable(struct store *);

/* store_vfs.c: the name of our access to files; NULL: SQLite's. */
const char *store_vfs(void);

/* store_sweep.c */
int	store_sweep_init(struct store *);

/* store_usage.c: makes its tables. */
int	store_usage_init(struct store *);

/* store_wal.c */
int	store_wal_init(struct store *, uint64_t prealloc);
/* Copies what the log has.  -1: no flush could be had. */
int	store_wal_start(struct store *);

/* store_repair.c.  -1: not yet. */
int	store_repair(struct store *);

#endif
