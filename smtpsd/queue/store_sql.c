/*
 * The statements of the store and how each is run.  All that changes or finds
 * a row is prepared once, by its name in enum statement; what happens once at
 * the start goes through store_exec() and store_number().  A failure is logged
 * here.  Called by the other store*.c; knows no transactions and no forms.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "store_sql.h"

static const char *const statements[ST_MAX] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_ADD_MESSAGE] = "INSERT INTO message (id, created, size, flags,"
	    " body_id, sender, user, bounce_action, bounce_user, body,"
	    " envid, bounce_to) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	[ST_ADD_ENVELOPE] = "INSERT INTO envelope (id, next, attempts, action,"
	    " user, recipient, original, error, notify, orcpt, owner,"
	    " owner_action, owner_user, owner_to)"
	    " VALUES (?,?,?,?,?,?,?,'',?,?,?,?,?,?)",
	[ST_LAST_ENVELOPE] = "SELECT max(id) FROM envelope WHERE id BETWEEN"
	    " ? AND ?",
	[ST_ADD_ONWARD] = "INSERT INTO envelope (id, next, attempts, action,"
	    " user, recipient, original, error, notify, orcpt, owner,"
	    " owner_action, owner_user, owner_to, via) SELECT ?2, ?3, 0, ?4,"
	    " ?5, ?6, original, '', iif(?7 IS NULL, notify, 0),"
	    " iif(?7 IS NULL, orcpt, NULL), ifnull(?7, owner),"
	    " iif(?7 IS NULL, owner_action, ?8),"
	    " iif(?7 IS NULL, owner_user, ?9),"
	    " iif(?7 IS NULL, owner_to, ?10),"
	    " iif(?11 IS NULL, via, ifnull(via, '') || ?11 || char(10))"
	    " FROM envelope WHERE id = ?1",
	[ST_RETRY_ENVELOPE] = "UPDATE envelope SET next = ?, attempts = ?,"
	    " error = ?, warned = ?, lane = NULL WHERE id = ?",
	[ST_SET_NEXT] = "UPDATE envelope SET next = ?, lane = NULL WHERE id = ?",
	[ST_QUARANTINE] = "UPDATE envelope SET next = -1, error = ?,"
	    " lane = NULL WHERE id = ?",
	[ST_REMOVE_ENVELOPE] = "DELETE FROM envelope WHERE id = ?",
	[ST_HAS_ENVELOPE] = "SELECT 1 FROM envelope WHERE id BETWEEN ? AND ?"
	    " LIMIT 1",
	[ST_REMOVE_MESSAGE] = "DELETE FROM message WHERE id = ?",
	[ST_ADD_CHUNK] = "INSERT INTO chunk (id, data) VALUES (?,?)",
	[ST_REMOVE_CHUNKS] = "DELETE FROM chunk WHERE id BETWEEN ? AND ?",
	[ST_DUE] = "SELECT next, id FROM envelope INDEXED BY due"
	    " WHERE next > 0 AND lane IS NULL AND next > ? AND next <= ?"
	    " ORDER BY next, id LIMIT ?",
	[ST_DUE_SAME] = "SELECT next, id FROM envelope INDEXED BY due"
	    " WHERE next > 0 AND lane IS NULL AND next = ? AND id > ?"
	    " ORDER BY id LIMIT ?",
	[ST_FAR] = "SELECT next, id FROM envelope INDEXED BY due"
	    " WHERE next > 0 AND lane IS NULL AND next > ?"
	    " ORDER BY next DESC LIMIT ?",
	[ST_SET_CREATED] = "UPDATE message SET created = ? WHERE id = ?",
	[ST_PARK] = "UPDATE envelope SET lane = ? WHERE id = ? AND next > 0",
	[ST_PARKED] = "SELECT next, id FROM envelope INDEXED BY parked"
	    " WHERE lane = ? AND next > ? ORDER BY next, id LIMIT ?",
	[ST_PARKED_SAME] = "SELECT next, id FROM envelope INDEXED BY parked"
	    " WHERE lane = ? AND next = ? AND id > ? ORDER BY id LIMIT ?",
	[ST_PARKED_BEFORE] = "SELECT e.lane IS NOT NULL, e.id, m.created FROM"
	    " envelope e LEFT JOIN message m ON m.id = e.id >> 10 WHERE"
	    " e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?",
	[ST_SET_WARNED] = "UPDATE envelope SET warned = 1 WHERE id = ?",
	[ST_PARKED_LANE] = "SELECT lane FROM envelope INDEXED BY parked"
	    " WHERE lane > ? ORDER BY lane LIMIT 1",
	[ST_COUNT] = "SELECT id FROM envelope WHERE id > ? ORDER BY id LIMIT ?",
	[ST_NEXT_CHUNK] = "SELECT id FROM chunk WHERE id >= ?"
	    " ORDER BY id LIMIT 1",
	[ST_HAS_BODY] = "SELECT 1 FROM message INDEXED BY chunked"
	    " WHERE body_id > 0 AND body_id = ?",
	[ST_LOAD] = "SELECT e.attempts, e.action, e.user, e.recipient,"
	    " e.original, m.id, m.created, m.size, m.flags, m.body_id,"
	    " m.sender, m.user, m.bounce_action, m.bounce_user,"
	    " e.notify, e.warned, e.orcpt, m.envid, m.bounce_to, e.owner,"
	    " e.owner_action, e.owner_user, e.owner_to, e.via"
	    " FROM envelope e JOIN message m ON m.id = (e.id >> 10)"
	    " WHERE e.id = ?",
	[ST_BODY] = "SELECT body FROM message WHERE id = ?",
	[ST_CHUNK] = "SELECT data FROM chunk WHERE id = ?",
	[ST_LIST] = "SELECT e.id, m.size, m.created, e.next, e.attempts,"
	    " e.action, ifnull(e.owner, m.sender), e.recipient, e.error"
	    " FROM envelope e LEFT JOIN message m ON m.id = (e.id >> 10)"
	    " WHERE e.id > ? ORDER BY e.id LIMIT ?",
	[ST_FREE_PAGES] = "PRAGMA freelist_count",
	[ST_SET_USAGE] = "INSERT OR REPLACE INTO usage (user, hour,"
	    " messages, messages_before, recipients, recipients_before, day,"
	    " day_messages, day_messages_before, day_recipients,"
	    " day_recipients_before) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
	[ST_LIST_USAGE] = "SELECT user, hour, messages, messages_before,"
	    " recipients, recipients_before, day, day_messages,"
	    " day_messages_before, day_recipients, day_recipients_before"
	    " FROM usage WHERE day >= ?",
	[ST_SET_LOGIN] = "INSERT INTO login (login, used) VALUES (?,?)"
	    " ON CONFLICT (login) DO UPDATE SET used = max(used,"
	    " excluded.used)",
	[ST_FORGET_LOGIN] = "DELETE FROM login WHERE login = ?",
	[ST_LIST_LOGINS] = "SELECT login, used FROM login WHERE login > ?"
	    " ORDER BY login LIMIT ?",
};

int
store_complain(struct store *s, const char *what)
{
	uint64_t now_s = (uint64_t)time(NULL);
	int code;

	if (s->db == NULL)
		return -1;
	code = sqlite3_extended_errcode(s->db);
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		s->is_doubtful = 1;
	if (now_s == s->complained_s) {
		s->complaints++;
		return -1;
	}
	log_warnx("store: %s: %s (%d, errno %d), %u more like it before", what,
	    sqlite3_errmsg(s->db), code,
	    sqlite3_system_errno(s->db), s->complaints);
	s->complained_s = now_s;
	s->complaints = 0;
	return -1;
}

int
store_step(struct store *s, enum statement st)
{
	switch (sqlite3_step(s->st[st])) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return -1;
	}
}

void
store_reset(struct store *s, enum statement st)
{
	sqlite3_reset(s->st[st]);
}

void
store_bind_id(struct store *s, enum statement st, int column, uint64_t id)
{
	sqlite3_bind_int64(s->st[st], column, (sqlite3_int64)id);
}

void
store_bind_text(struct store *s, enum statement st, int column,
    const char *text)
{
	/* the caller's text lives until the step is done */
	sqlite3_bind_text(s->st[st], column, text, -1, SQLITE_STATIC);
}

int
store_run(struct store *s, enum statement st)
{
	int r;

	if ((r = store_step(s, st)) == -1)
		store_complain(s, statements[st]);
	store_reset(s, st);
	return r == -1 ? -1 : 0;
}

static int
is_left(const struct store *s, enum statement st, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < s->nleft && i < STORE_LEFT_MAX; i++)
		if (s->left[i].st == st && s->left[i].id == id)
			return 1;
	return 0;
}

/* SQLite lets nobody write in a transaction that has met damage. */
int
store_run_or_leave(struct store *s, enum statement st, uint64_t id)
{
	if (is_left(s, st, id)) {
		store_reset(s, st);
		return 0;
	}
	if (store_run(s, st) == 0)
		return 0;
	if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_CORRUPT &&
	    !store_has_unreadable(s)) {
		log_warnx("store: what is damaged stays in the database: %s "
		    "%" PRIu64, st == ST_REMOVE_MESSAGE ? "message" : "body",
		    id);
		s->left[s->nleft % STORE_LEFT_MAX].st = st;
		s->left[s->nleft++ % STORE_LEFT_MAX].id = id;
		s->is_left = 1;
	}
	return -1;
}

int
store_exec(struct store *s, const char *sql)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return store_complain(s, sql);
}

int
store_number(struct store *s, const char *sql, uint64_t *number)
{
	sqlite3_stmt *st = NULL;
	int r = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		store_complain(s, sql);
	else {
		*number = (uint64_t)sqlite3_column_int64(st, 0);
		r = 0;
	}
	sqlite3_finalize(st);
	return r;
}

int
store_prepare(struct store *s)
{
	int i;

	for (i = 0; i < ST_MAX; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return store_complain(s, statements[i]);
	return 0;
}
