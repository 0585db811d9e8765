/*
 * The queue on disk, writing part: transactions and the changes in them.  A
 * failure of any kind (full disk, i/o error) is logged and returned; the
 * caller rolls back and the next transaction starts from what was committed.
 * Called by the group commit, by what receives bodies and by the
 * administrator's changes; knows no links and no schedule.
 */
#include <stdlib.h>
#include <string.h>

#include "store_sql.h"

int
store_is_idle(struct store *s)
{
	return s->db != NULL && sqlite3_get_autocommit(s->db) &&
	    !s->is_flushing;
}

int
store_begin(struct store *s, int is_durable)
{
	if (s->is_doubtful && store_repair(s) == -1)
		return -1;
	/*
	 * NORMAL writes the frames without a flush.  The log is one file
	 * read in order after a crash, so that the flush of the next FULL
	 * commit covers them too.
	 */
	if (!s->is_full != !is_durable) {
		if (store_exec(s, is_durable ? "PRAGMA synchronous = FULL" :
		    "PRAGMA synchronous = NORMAL") == -1)
			return -1;
		s->is_full = is_durable;
	}
	s->count_change = 0;
	s->is_left = 0;
	return store_run(s, ST_BEGIN);
}

int
store_commit(struct store *s)
{
	int before = s->wal_pages;

	if (store_run(s, ST_COMMIT) == -1)
		return -1;
	/* one that changes nothing does not flush */
	if (s->is_full && s->wal_pages != before)
		s->wal_flushed = s->wal_pages;
	s->count = (uint64_t)((int64_t)s->count + s->count_change);
	s->count_change = 0;
	return 0;
}

void
store_rollback(struct store *s)
{
	s->count_change = 0;
	/* SQLite has already rolled back after the worst failures */
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		store_run(s, ST_ROLLBACK);
}

int
store_add_message(struct store *s, struct message *m)
{
	sqlite3_stmt *st = s->st[ST_ADD_MESSAGE];
	int r, tries;

	if (m->id == 0 || m->id > MESSAGE_ID_MAX)
		m->id = message_id_now();
	store_bind_id(s, ST_ADD_MESSAGE, 2, m->created_s);
	store_bind_id(s, ST_ADD_MESSAGE, 3, m->size);
	sqlite3_bind_int64(st, 4, m->flags);
	store_bind_id(s, ST_ADD_MESSAGE, 5, m->body_id);
	store_bind_text(s, ST_ADD_MESSAGE, 6, m->sender);
	store_bind_text(s, ST_ADD_MESSAGE, 7, m->user);
	store_bind_text(s, ST_ADD_MESSAGE, 8, m->bounce.action);
	store_bind_text(s, ST_ADD_MESSAGE, 9, m->bounce.user);
	if (m->body_id == 0)
		sqlite3_bind_blob64(st, 10, m->body != NULL ? m->body : "",
		    m->size, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 10);
	store_bind_text(s, ST_ADD_MESSAGE, 11, m->envid[0] != '\0' ?
	    m->envid : NULL);
	store_bind_text(s, ST_ADD_MESSAGE, 12, m->bounce.recipient[0] !=
	    '\0' ? m->bounce.recipient : NULL);
	for (tries = 0; tries < 1000; tries++, m->id = message_id_after(m->id)) {
		store_bind_id(s, ST_ADD_MESSAGE, 1, m->id);
		r = sqlite3_step(st);
		if (r != SQLITE_DONE && (r & 0xff) != SQLITE_CONSTRAINT)
			store_complain(s, "add message");
		sqlite3_reset(st);
		if ((r & 0xff) != SQLITE_CONSTRAINT)
			break;
	}
	sqlite3_clear_bindings(st);	/* the body may be freed now */
	return r == SQLITE_DONE ? 0 : -1;
}

int
store_add_envelope(struct store *s, const struct envelope *e, uint64_t next_s)
{
	const struct message *o = e->owner;

	store_bind_id(s, ST_ADD_ENVELOPE, 1, e->id);
	store_bind_id(s, ST_ADD_ENVELOPE, 2, next_s);
	sqlite3_bind_int64(s->st[ST_ADD_ENVELOPE], 3, e->attempts);
	store_bind_text(s, ST_ADD_ENVELOPE, 4, e->action);
	store_bind_text(s, ST_ADD_ENVELOPE, 5, e->user);
	store_bind_text(s, ST_ADD_ENVELOPE, 6, e->recipient);
	store_bind_text(s, ST_ADD_ENVELOPE, 7, e->original);
	sqlite3_bind_int64(s->st[ST_ADD_ENVELOPE], 8, e->notify);
	store_bind_text(s, ST_ADD_ENVELOPE, 9, e->orcpt);
	store_bind_text(s, ST_ADD_ENVELOPE, 10, o != NULL ? o->sender : NULL);
	store_bind_text(s, ST_ADD_ENVELOPE, 11, o != NULL ? o->bounce.action :
	    NULL);
	store_bind_text(s, ST_ADD_ENVELOPE, 12, o != NULL ? o->bounce.user :
	    NULL);
	store_bind_text(s, ST_ADD_ENVELOPE, 13, o != NULL ?
	    o->bounce.recipient : NULL);
	if (store_run(s, ST_ADD_ENVELOPE) == -1)
		return -1;
	s->count_change += e->id <= s->counted;
	return 0;
}

/* The first number of a message that none has; 0: all are taken, -1. */
static int
free_number(struct store *s, uint64_t message)
{
	int n, r;

	store_bind_id(s, ST_COUNT, 1, message << 10);
	sqlite3_bind_int(s->st[ST_COUNT], 2, MESSAGE_ENVELOPES_MAX);
	for (n = 1; (r = store_step(s, ST_COUNT)) == 1; n++)
		if ((uint64_t)sqlite3_column_int64(s->st[ST_COUNT], 0) !=
		    (message << 10 | (uint64_t)n))
			break;
	if (r == -1)
		store_complain(s, "count envelopes");
	store_reset(s, ST_COUNT);
	return r == -1 ? -1 : n <= MESSAGE_ENVELOPES_MAX ? n : 0;
}

int
store_add_onward(struct store *s, const struct envelope *of,
    const struct onward *o, uint64_t now_s)
{
	const struct message *owner = o->owner;
	uint64_t last = of->id;
	int n;

	store_bind_id(s, ST_LAST_ENVELOPE, 1, of->id & ~UINT64_C(1023));
	store_bind_id(s, ST_LAST_ENVELOPE, 2, of->id | 1023);
	if (store_step(s, ST_LAST_ENVELOPE) != 1) {
		store_complain(s, "count envelopes");
		store_reset(s, ST_LAST_ENVELOPE);
		return -1;
	}
	last = (uint64_t)sqlite3_column_int64(s->st[ST_LAST_ENVELOPE], 0);
	store_reset(s, ST_LAST_ENVELOPE);
	if (last < of->id)
		last = of->id;	/* somebody removed it */
	/* those delivered before this commit have left theirs */
	if ((last & 1023) == 1023) {
		if ((n = free_number(s, of->id >> 10)) < 1)
			return n == 0 ? 1 : -1;
		last = (of->id >> 10 << 10 | (uint64_t)n) - 1;
	}
	store_bind_id(s, ST_ADD_ONWARD, 1, of->id);
	store_bind_id(s, ST_ADD_ONWARD, 2, last + 1);
	store_bind_id(s, ST_ADD_ONWARD, 3, now_s);
	store_bind_text(s, ST_ADD_ONWARD, 4, o->action);
	store_bind_text(s, ST_ADD_ONWARD, 5, o->user);
	store_bind_text(s, ST_ADD_ONWARD, 6, o->recipient);
	store_bind_text(s, ST_ADD_ONWARD, 7, owner != NULL ? owner->sender :
	    NULL);
	store_bind_text(s, ST_ADD_ONWARD, 8, owner != NULL ?
	    owner->bounce.action : NULL);
	store_bind_text(s, ST_ADD_ONWARD, 9, owner != NULL ?
	    owner->bounce.user : NULL);
	store_bind_text(s, ST_ADD_ONWARD, 10, owner != NULL ?
	    owner->bounce.recipient : NULL);
	/* a target of a ~/.forward has passed its user */
	store_bind_text(s, ST_ADD_ONWARD, 11, o->action[0] == '\0' ? o->user :
	    NULL);
	if (store_run(s, ST_ADD_ONWARD) == -1)
		return -1;
	if (last + 1 <= s->counted)
		s->count_change += sqlite3_changes(s->db);
	return 0;
}

int
store_retry_envelope(struct store *s, uint64_t envelope, uint64_t next_s,
    uint32_t attempts, int is_warned, const char *error)
{
	store_bind_id(s, ST_RETRY_ENVELOPE, 1, next_s);
	sqlite3_bind_int64(s->st[ST_RETRY_ENVELOPE], 2, attempts);
	store_bind_text(s, ST_RETRY_ENVELOPE, 3, error);
	sqlite3_bind_int(s->st[ST_RETRY_ENVELOPE], 4, is_warned);
	store_bind_id(s, ST_RETRY_ENVELOPE, 5, envelope);
	return store_run(s, ST_RETRY_ENVELOPE);
}

int
store_set_next(struct store *s, uint64_t envelope, uint64_t next_s)
{
	store_bind_id(s, ST_SET_NEXT, 1, next_s);
	store_bind_id(s, ST_SET_NEXT, 2, envelope);
	return store_run(s, ST_SET_NEXT);
}

int
store_set_created(struct store *s, uint64_t message, uint64_t created_s)
{
	store_bind_id(s, ST_SET_CREATED, 1, created_s);
	store_bind_id(s, ST_SET_CREATED, 2, message);
	return store_run(s, ST_SET_CREATED);
}

int
store_set_warned(struct store *s, uint64_t envelope)
{
	store_bind_id(s, ST_SET_WARNED, 1, envelope);
	return store_run(s, ST_SET_WARNED);
}

int
store_quarantine(struct store *s, uint64_t envelope, const char *error)
{
	store_bind_text(s, ST_QUARANTINE, 1, error);
	store_bind_id(s, ST_QUARANTINE, 2, envelope);
	return store_run(s, ST_QUARANTINE);
}

int
store_park(struct store *s, uint64_t envelope, const char *lane)
{
	store_bind_text(s, ST_PARK, 1, lane);
	store_bind_id(s, ST_PARK, 2, envelope);
	return store_run(s, ST_PARK);
}

int
store_remove_envelope(struct store *s, uint64_t envelope)
{
	store_bind_id(s, ST_REMOVE_ENVELOPE, 1, envelope);
	if (store_run(s, ST_REMOVE_ENVELOPE) == -1)
		return -1;
	if (envelope <= s->counted)
		s->count_change -= sqlite3_changes(s->db);
	return 0;
}

int
store_remove_message(struct store *s, uint64_t message, uint64_t body_id)
{
	int has;

	store_bind_id(s, ST_HAS_ENVELOPE, 1, message << 10);
	store_bind_id(s, ST_HAS_ENVELOPE, 2, message << 10 | 1023);
	if ((has = store_step(s, ST_HAS_ENVELOPE)) == -1)
		store_complain(s, "count envelopes");
	store_reset(s, ST_HAS_ENVELOPE);
	if (has == -1)
		return -1;
	if (has == 1)
		return 0;
	store_bind_id(s, ST_REMOVE_MESSAGE, 1, message);
	if (store_run_or_leave(s, ST_REMOVE_MESSAGE, message) == -1)
		return -1;
	if (body_id != 0 && store_remove_chunks(s, body_id) == -1)
		return -1;
	return 1;
}

int
store_leaves_more(const struct store *s)
{
	return s->is_left;
}

uint64_t
store_new_body_id(struct store *s)
{
	return s->next_body_id++;
}

int
store_add_chunk(struct store *s, uint64_t body_id, uint32_t n,
    const void *data, size_t size)
{
	if (n >= 1U << STORE_CHUNK_BITS)
		return -1;
	store_bind_id(s, ST_ADD_CHUNK, 1, body_id << STORE_CHUNK_BITS | n);
	sqlite3_bind_blob64(s->st[ST_ADD_CHUNK], 2, data, size, SQLITE_STATIC);
	return store_run(s, ST_ADD_CHUNK);
}

int
store_remove_chunks(struct store *s, uint64_t body_id)
{
	store_bind_id(s, ST_REMOVE_CHUNKS, 1, body_id << STORE_CHUNK_BITS);
	store_bind_id(s, ST_REMOVE_CHUNKS, 2, (body_id << STORE_CHUNK_BITS) +
	    (1U << STORE_CHUNK_BITS) - 1);
	return store_run_or_leave(s, ST_REMOVE_CHUNKS, body_id);
}
