/*
 * The queue on disk, reading part: what is due, one envelope, a piece of a
 * body, a page of the list.  Strings from the database are cut to the sizes
 * that cross links; they were within them when they were stored.
 */
#include <stdlib.h>
#include <string.h>

#include "store_sql.h"

#define AHEAD_S	86400

static void
column_text(sqlite3_stmt *st, int column, char *out, size_t outsize)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	strlcpy(out, text != NULL ? text : "", outsize);
}

static uint64_t
column_id(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

/* -1: no memory. */
static int
column_orcpt(sqlite3_stmt *st, int column, struct envelope *e)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	if (text == NULL)
		return 0;
	free(e->orcpt);
	return (e->orcpt = strdup(text)) == NULL ? -1 : 0;
}

/* -1: no memory. */
static int
column_via(sqlite3_stmt *st, int column, struct envelope *e)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	free(e->via);
	e->via = NULL;
	return text == NULL || (e->via = strdup(text)) != NULL ? 0 : -1;
}

/* The sender of this envelope is another than that of the message. */
static void
column_owner(sqlite3_stmt *st, struct message *m)
{
	column_text(st, 19, m->sender, sizeof(m->sender));
	column_text(st, 20, m->bounce.action, sizeof(m->bounce.action));
	column_text(st, 21, m->bounce.user, sizeof(m->bounce.user));
	column_text(st, 22, m->bounce.recipient, sizeof(m->bounce.recipient));
	message_forget_wishes(m);
}

/* Steps through pairs of next attempt and key. */
static int
read_keys(struct store *s, enum statement st, struct store_cursor *cursor,
    uint64_t *envelopes, int max)
{
	int n, r = 0;

	for (n = 0; n < max && (r = store_step(s, st)) == 1; n++) {
		cursor->next_s = column_id(s->st[st], 0);
		envelopes[n] = cursor->envelope = column_id(s->st[st], 1);
	}
	if (r == -1)
		store_complain(s, "look for envelopes");
	store_reset(s, st);
	return r == -1 ? -1 : n;
}

/*
 * First those of the same second behind the cursor, then the later ones: an
 * index is searched for pairs in no other way.
 */
int
store_due(struct store *s, uint64_t now_s, struct store_cursor *cursor,
    uint64_t *envelopes, int max)
{
	int n, later;

	store_bind_id(s, ST_DUE_SAME, 1, cursor->next_s);
	store_bind_id(s, ST_DUE_SAME, 2, cursor->envelope);
	sqlite3_bind_int(s->st[ST_DUE_SAME], 3, max);
	n = read_keys(s, ST_DUE_SAME, cursor, envelopes, max);
	if (n == -1 || n == max)
		return n;
	store_bind_id(s, ST_DUE, 1, cursor->next_s);
	store_bind_id(s, ST_DUE, 2, now_s);
	sqlite3_bind_int(s->st[ST_DUE], 3, max - n);
	later = read_keys(s, ST_DUE, cursor, envelopes + n, max - n);
	return later == -1 ? -1 : n + later;
}

int
store_far(struct store *s, uint64_t after_s, uint64_t *envelopes, int max)
{
	struct store_cursor cursor;

	store_bind_id(s, ST_FAR, 1, after_s);
	sqlite3_bind_int(s->st[ST_FAR], 2, max);
	return read_keys(s, ST_FAR, &cursor, envelopes, max);
}

int
store_parked(struct store *s, const char *lane, struct store_cursor *cursor,
    uint64_t *envelopes, int max)
{
	int n, later;

	store_bind_text(s, ST_PARKED_SAME, 1, lane);
	store_bind_id(s, ST_PARKED_SAME, 2, cursor->next_s);
	store_bind_id(s, ST_PARKED_SAME, 3, cursor->envelope);
	sqlite3_bind_int(s->st[ST_PARKED_SAME], 4, max);
	n = read_keys(s, ST_PARKED_SAME, cursor, envelopes, max);
	if (n == -1 || n == max)
		return n;
	store_bind_text(s, ST_PARKED, 1, lane);
	store_bind_id(s, ST_PARKED, 2, cursor->next_s);
	sqlite3_bind_int(s->st[ST_PARKED], 3, max - n);
	later = read_keys(s, ST_PARKED, cursor, envelopes + n, max - n);
	return later == -1 ? -1 : n + later;
}

int
store_parked_before(struct store *s, uint64_t *last, uint64_t until_s,
    uint64_t *envelopes, int max, int *seen)
{
	sqlite3_stmt *st = s->st[ST_PARKED_BEFORE];
	uint64_t created_s;
	int n = 0, r = 0;

	/*
	 * A key is the microsecond in which its message began to come: most
	 * that are younger are not even read.
	 */
	store_bind_id(s, ST_PARKED_BEFORE, 1, *last);
	store_bind_id(s, ST_PARKED_BEFORE, 2, (until_s + 1) * 1000000 << 10);
	sqlite3_bind_int(st, 3, max);
	for (*seen = 0; *seen < max && (r = store_step(s,
	    ST_PARKED_BEFORE)) == 1; ++*seen) {
		created_s = column_id(st, 2);
		/* one of a clock that was ahead is not waited for */
		if (created_s > until_s && created_s <= until_s + AHEAD_S)
			break;
		*last = column_id(st, 1);
		if (created_s <= until_s && sqlite3_column_int(st, 0))
			envelopes[n++] = *last;
	}
	if (r == -1)
		store_complain(s, "look for late envelopes");
	store_reset(s, ST_PARKED_BEFORE);
	return r == -1 ? -1 : n;
}

int
store_parked_lane(struct store *s, const char *after, char *lane,
    size_t lane_size)
{
	int r;

	store_bind_text(s, ST_PARKED_LANE, 1, after);
	if ((r = store_step(s, ST_PARKED_LANE)) == 1)
		column_text(s->st[ST_PARKED_LANE], 0, lane, lane_size);
	else if (r == -1)
		store_complain(s, "look for parked envelopes");
	store_reset(s, ST_PARKED_LANE);
	return r;
}

int
store_load(struct store *s, uint64_t envelope, struct envelope *e,
    struct message *m)
{
	sqlite3_stmt *st = s->st[ST_LOAD];
	int r;

	store_bind_id(s, ST_LOAD, 1, envelope);
	if ((r = store_step(s, ST_LOAD)) == -1)
		store_complain(s, "load envelope");
	if (r == 1) {
		e->id = envelope;
		e->attempts = (uint32_t)sqlite3_column_int64(st, 0);
		column_text(st, 1, e->action, sizeof(e->action));
		column_text(st, 2, e->user, sizeof(e->user));
		column_text(st, 3, e->recipient, sizeof(e->recipient));
		column_text(st, 4, e->original, sizeof(e->original));
		m->id = column_id(st, 5);
		m->created_s = column_id(st, 6);
		m->size = column_id(st, 7);
		m->flags = (uint32_t)sqlite3_column_int64(st, 8);
		m->body_id = column_id(st, 9);
		column_text(st, 10, m->sender, sizeof(m->sender));
		column_text(st, 11, m->user, sizeof(m->user));
		column_text(st, 12, m->bounce.action,
		    sizeof(m->bounce.action));
		column_text(st, 13, m->bounce.user, sizeof(m->bounce.user));
		e->notify = (uint32_t)sqlite3_column_int64(st, 14);
		e->is_warned = sqlite3_column_int(st, 15) != 0;
		if (column_orcpt(st, 16, e) == -1)
			r = -1;
		column_text(st, 17, m->envid, sizeof(m->envid));
		column_text(st, 18, m->bounce.recipient,
		    sizeof(m->bounce.recipient));
		if (sqlite3_column_type(st, 19) != SQLITE_NULL)
			column_owner(st, m);
		if (e->action[0] == '\0' && column_via(st, 23, e) == -1)
			r = -1;
	}
	store_reset(s, ST_LOAD);
	return r;
}

static sqlite3_file *
file_of(struct store *s, int which)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(s->db, "main", which, &file) ==
	    SQLITE_OK && file != NULL && file->pMethods != NULL ? file : NULL;
}

/*
 * 1: a file has had an error, of whatever kind and however old, which may be
 * that of a disk that cannot be read; then it is forgotten, as SQLite does for
 * a read behind the end.
 */
static int
is_unreadable(sqlite3_file *file)
{
	sqlite3_int64 size = 0;
	int error = 0;
	char c;

	if (file == NULL)
		return 0;
	file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
	if (error == 0)
		return 0;
	if (file->pMethods->xFileSize(file, &size) == SQLITE_OK)
		file->pMethods->xRead(file, &c, 1, size);
	return 1;
}

int
store_has_unreadable(struct store *s)
{
	int of_database = is_unreadable(file_of(s,
	    SQLITE_FCNTL_FILE_POINTER));

	return is_unreadable(file_of(s, SQLITE_FCNTL_JOURNAL_POINTER)) ||
	    of_database;
}

static int
is_corrupt(struct store *s)
{
	return (sqlite3_errcode(s->db) & 0xff) == SQLITE_CORRUPT;
}

/*
 * To SQLite an error of the disk is "malformed" (os_unix.c makes
 * IOERR_CORRUPTFS of EIO, ENXIO and others), and so is a file with wrong bytes.
 * But a disk may come back.  A file has an error of this read if it has one
 * again, the old ones being forgotten.  As store_step(), with *damaged.
 */
static int
step_body(struct store *s, enum statement st, int *damaged)
{
	int r = store_step(s, st);

	*damaged = 0;
	if (r != -1)
		return r;
	store_complain(s, "read body");
	if (!is_corrupt(s))
		return -1;
	if (store_has_unreadable(s)) {
		store_reset(s, st);
		if ((r = store_step(s, st)) != -1)
			return r;
		*damaged = is_corrupt(s) && !store_has_unreadable(s);
	} else
		*damaged = 1;
	return -1;
}

int
store_read_body(struct store *s, const struct message *m, uint32_t n,
    uint64_t sent, char **data, size_t *size)
{
	enum statement st = m->body_id == 0 ? ST_BODY : ST_CHUNK;
	const void *blob;
	int r, damaged;

	*data = NULL;
	*size = 0;
	if (m->body_id == 0 && n > 0)
		return 1;
	store_bind_id(s, st, 1, m->body_id == 0 ? m->id :
	    m->body_id << STORE_CHUNK_BITS | n);
	r = step_body(s, st, &damaged);
	if (r == 1 && (blob = sqlite3_column_blob(s->st[st], 0)) != NULL &&
	    (*size = (size_t)sqlite3_column_bytes(s->st[st], 0)) <=
	    m->size - sent) {
		if ((*data = malloc(*size + 1)) == NULL)
			r = -1;
		else
			memcpy(*data, blob, *size);
	} else if (r != -1)
		damaged = 1;
	store_reset(s, st);
	return damaged ? 1 : r == 1 ? 0 : -1;
}

int
store_list(struct store *s, uint64_t above, uint32_t limit,
    void (*each)(const struct queue_item *, void *), void *arg)
{
	sqlite3_stmt *st = s->st[ST_LIST];
	struct queue_item item;
	int n, r;

	if (above > INT64_MAX)
		return 0;	/* to SQLite it would be below all */
	store_bind_id(s, ST_LIST, 1, above);
	sqlite3_bind_int64(st, 2, limit);
	for (n = 0; (r = store_step(s, ST_LIST)) == 1; n++) {
		memset(&item, 0, sizeof(item));
		item.envelope = column_id(st, 0);
		item.size = column_id(st, 1);
		item.created_s = column_id(st, 2);
		item.next_s = column_id(st, 3);
		item.attempts = (uint32_t)sqlite3_column_int64(st, 4);
		item.state = item.next_s == 0 ? QUEUE_HELD : QUEUE_WAITING;
		if ((int64_t)item.next_s < 0) {
			item.state = QUEUE_QUARANTINED;
			item.next_s = 0;
		}
		column_text(st, 5, item.action, sizeof(item.action));
		column_text(st, 6, item.sender, sizeof(item.sender));
		column_text(st, 7, item.recipient, sizeof(item.recipient));
		column_text(st, 8, item.error, sizeof(item.error));
		each(&item, arg);
	}
	if (r == -1)
		store_complain(s, "list");
	store_reset(s, ST_LIST);
	return r == -1 ? -1 : n;
}
