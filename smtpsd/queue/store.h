/*
 * The queue on disk: messages, envelopes and body chunks in one SQLite
 * database.  Everything of SQLite stays in the files store*.c, so that
 * another store can take its place.  Nothing here takes longer because the
 * queue is long.
 *
 * Changes happen between store_begin() and store_commit().  After any -1 in
 * between, call store_rollback(): nothing of the transaction remains.  The
 * reason is logged by the store.  Reads are allowed at any time.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"
#include "proto/control_any.h"
#include "proto/policy_queue.h"

struct store;

/*
 * Opens or makes the database.  prealloc: bytes of log to allocate ahead, 0
 * for none.  NULL: reason logged.
 */
struct store	*store_open(const char *path, uint64_t prealloc);
void		 store_close(struct store *);

/*
 * is_durable 1: commit returns when everything so far is on the disk.
 * 0: a later durable commit makes it so; for chunks of unfinished bodies.
 */
int	store_begin(struct store *, int is_durable);
int	store_commit(struct store *);
/*
 * Instead, for what was not begun durable: flush beside the loop.  Nothing of
 * the transaction may be told to anybody before store_flush_end(), and only
 * chunks of unfinished bodies be written; an end of 0 makes all durable that
 * was committed up to here.  -1: failed, as store_commit().
 */
int	store_commit_later(struct store *);
int	store_is_flushing(const struct store *);
/*
 * 1: it is still under way; with is_waiting, never.  -1: it failed: what has
 * been committed since store_commit_later(), itself included, is lost.
 */
int	store_flush_end(struct store *, int is_waiting);
/* Whether a flush would take so long that it better be beside the loop. */
int	store_is_heavy(struct store *);
void	store_rollback(struct store *);
/* There is a connection, no transaction is open, and no flush under way. */
int	store_is_idle(struct store *);

/* Adds row and body; takes the next free id if m->id is in use. */
int	store_add_message(struct store *, struct message *);
/* next_s is the next attempt; e->id is the key. */
int	store_add_envelope(struct store *, const struct envelope *,
	    uint64_t next_s);
/*
 * One more of the same message, due at now_s, with what the sender wished for
 * of; it belongs to an owner if of does or o names one.  -1: failed, 1: the
 * message has no number left for it.
 */
int	store_add_onward(struct store *, const struct envelope *of,
	    const struct onward *o, uint64_t now_s);
int	store_retry_envelope(struct store *, uint64_t envelope,
	    uint64_t next_s, uint32_t attempts, int is_warned,
	    const char *error);
/* The sender knows that it waits; the next attempt stays. */
int	store_set_warned(struct store *, uint64_t envelope);
/* Never again, until store_set_next(): the message is damaged. */
int	store_quarantine(struct store *, uint64_t envelope, const char *error);
/* The next attempt; 0 is never: it is held. */
int	store_set_next(struct store *, uint64_t envelope, uint64_t next_s);
/* When a message came, after all: the clock was wrong. */
int	store_set_created(struct store *, uint64_t message,
	    uint64_t created_s);
int	store_remove_envelope(struct store *, uint64_t envelope);
/*
 * Drops message and chunks if no envelope is left.  1: dropped, 0: not.  One
 * that is damaged so that it cannot be removed fails the transaction, the next
 * one leaves it behind: it has no envelope then and is nobody's.
 */
int	store_remove_message(struct store *, uint64_t message,
	    uint64_t body_id);
/* That was why the transaction failed: it is worth another one. */
int	store_leaves_more(const struct store *);

/* Chunks n = 0, 1, ... of a body, each at most MESSAGE_CHUNK_SIZE. */
uint64_t store_new_body_id(struct store *);
int	store_add_chunk(struct store *, uint64_t body_id, uint32_t n,
	    const void *data, size_t size);
int	store_remove_chunks(struct store *, uint64_t body_id);

/* Where a scan of the schedule stands; zeroed at its start. */
struct store_cursor {
	uint64_t	next_s;
	uint64_t	envelope;
};
/* Keys of envelopes due by now_s behind the cursor; how many, or -1. */
int	store_due(struct store *, uint64_t now_s, struct store_cursor *,
	    uint64_t *envelopes, int max);
/* Keys of envelopes not due before this time has passed, farthest first. */
int	store_far(struct store *, uint64_t after_s, uint64_t *envelopes,
	    int max);
/*
 * Parked envelopes are due but not found by store_due(): they wait for their
 * lane, any text, and are found by it.  Any change of the next attempt ends
 * that.
 */
int	store_park(struct store *, uint64_t envelope, const char *lane);
int	store_parked(struct store *, const char *lane, struct store_cursor *,
	    uint64_t *envelopes, int max);
/*
 * Parked envelopes of messages accepted until a time, how many, or -1.  The
 * next max behind *last are looked at, up to the first that came later, and
 * *last moves on; *seen: how many these were.
 */
int	store_parked_before(struct store *, uint64_t *last, uint64_t until_s,
	    uint64_t *envelopes, int max, int *seen);
/* The first lane behind this one.  1, 0: none, -1. */
int	store_parked_lane(struct store *, const char *after, char *lane,
	    size_t lane_size);
/* Fills in one envelope and, without body, its message. 1, 0: gone, -1. */
int	store_load(struct store *, uint64_t envelope, struct envelope *,
	    struct message *);
/*
 * Piece n of the body: a chunk, or for n = 0 the body of the row.  The
 * caller frees *data.  -1: it cannot be read now; 1: it is damaged: not
 * there, empty or longer than what is left of the message behind sent.
 */
int	store_read_body(struct store *, const struct message *, uint32_t n,
	    uint64_t sent, char **data, size_t *size);
/* Calls each() for envelopes above a key, in order.  How many, or -1. */
int	store_list(struct store *, uint64_t above, uint32_t limit,
	    void (*each)(const struct queue_item *, void *), void *arg);

/* What a user has used; replaces what was there. */
int	store_set_usage(struct store *, const struct user_usage *);
/* Calls each() for the users with a day of at least this number.  -1: failed.
 * The others are forgotten at the next start. */
int	store_list_usage(struct store *, uint64_t day,
	    void (*each)(const struct user_usage *, void *), void *arg);

/* When this password was used last; 0: forget it.  Older times change nothing. */
int	store_set_login(struct store *, const char *login, uint64_t used_s);
/* Calls each() for the logins above one, in order.  How many, or -1. */
int	store_list_logins(struct store *, const char *above, uint32_t limit,
	    void (*each)(const struct login_info *, void *), void *arg);

/* Envelopes in the store, as far as they are counted. */
uint64_t store_count(struct store *);
/*
 * A piece of what is left to do after the start: counts envelopes, sweeps
 * bodies that were received by half.  1: there is more of it; -1: there is,
 * but not now.
 */
int	store_sweep(struct store *);
int	store_is_counted(struct store *);
/*
 * Whether the disk has room for so many more bytes and for what the log still
 * has to copy into the database.  Without it nothing could be removed either.
 */
int	store_has_room(struct store *, uint64_t bytes);
/* Copies the log into the database when it has grown enough. */
void	store_checkpoint(struct store *);
/* For tests: at most this many pages of 16 KiB, as on a full disk. */
int	store_limit_pages(struct store *, uint32_t pages);

#endif
