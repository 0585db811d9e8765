/*
 * The queue on disk, writing part: opening, schema, transactions, changes.
 * One connection that nobody shares (locking_mode=EXCLUSIVE), write-ahead
 * log, prepared statements only.  A failure of any kind (full disk, i/o
 * error) is logged and returned; the caller rolls back and the next
 * transaction starts from what was committed.  Knows no links and no
 * schedule.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "store_sql.h"

#define SCHEMA_VERSION	5

/*
 * due: what has a next attempt (0: held, -1: quarantined) and is not parked.
 * parked: what is due and waits for its lane.  chunked: whose a body of
 * chunks is.
 */
#define INDEXES								\
    "CREATE INDEX due ON envelope (next)"				\
    " WHERE next > 0 AND lane IS NULL;"					\
    "CREATE INDEX parked ON envelope (lane, next)"			\
    " WHERE lane IS NOT NULL;"						\
    "CREATE INDEX chunked ON message (body_id) WHERE body_id > 0;"

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE message (id INTEGER PRIMARY KEY, created INTEGER NOT NULL,"
    " size INTEGER NOT NULL, flags INTEGER NOT NULL,"
    " body_id INTEGER NOT NULL, sender TEXT NOT NULL, user TEXT NOT NULL,"
    " bounce_action TEXT NOT NULL, bounce_user TEXT NOT NULL, envid TEXT,"
    " bounce_to TEXT, body BLOB);"
    "CREATE TABLE envelope (id INTEGER PRIMARY KEY, next INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, action TEXT NOT NULL, user TEXT NOT NULL,"
    " recipient TEXT NOT NULL, original TEXT NOT NULL,"
    " error TEXT NOT NULL, notify INTEGER NOT NULL DEFAULT 0,"
    " warned INTEGER NOT NULL DEFAULT 0, orcpt TEXT, owner TEXT,"
    " owner_action TEXT, owner_user TEXT, owner_to TEXT, lane TEXT,"
    " via TEXT);"
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    INDEXES
    "PRAGMA user_version = 5;"
    "COMMIT;";

/* One step for each form since the first; rows are not rewritten. */
static const char *const upgrades[SCHEMA_VERSION] = {
	[1] = "BEGIN;"
	    "ALTER TABLE message ADD COLUMN envid TEXT;"
	    "ALTER TABLE envelope ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
	    "ALTER TABLE envelope ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;"
	    "ALTER TABLE envelope ADD COLUMN orcpt TEXT;"
	    "PRAGMA user_version = 2;"
	    "COMMIT;",
	[2] = "BEGIN;"
	    "ALTER TABLE message ADD COLUMN bounce_to TEXT;"
	    "ALTER TABLE envelope ADD COLUMN owner TEXT;"
	    "ALTER TABLE envelope ADD COLUMN owner_action TEXT;"
	    "ALTER TABLE envelope ADD COLUMN owner_user TEXT;"
	    "ALTER TABLE envelope ADD COLUMN owner_to TEXT;"
	    "PRAGMA user_version = 3;"
	    "COMMIT;",
	[3] = "BEGIN;"
	    "ALTER TABLE envelope ADD COLUMN lane TEXT;"
	    "DROP INDEX due;"
	    INDEXES
	    "PRAGMA user_version = 4;"
	    "COMMIT;",
	[4] = "BEGIN;"
	    "ALTER TABLE envelope ADD COLUMN via TEXT;"
	    "PRAGMA user_version = 5;"
	    "COMMIT;",
};

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

static int
store_init_schema(struct store *s)
{
	uint64_t version;

	if (store_number(s, "PRAGMA user_version", &version) == -1)
		return -1;
	if (version == 0)
		return store_exec(s, schema);
	if (version > SCHEMA_VERSION) {
		log_warnx("store: %s has form %" PRIu64 ", made by a newer "
		    "smtpsd; this one knows forms up to %d: start the newer one "
		    "until the queue is empty", s->path, version,
		    SCHEMA_VERSION);
		return -1;
	}
	for (; version < SCHEMA_VERSION; version++) {
		log_info("store: upgrading %s from form %" PRIu64, s->path,
		    version);
		if (store_exec(s, upgrades[version]) == -1)
			return -1;
	}
	return 0;
}

static int
store_prepare(struct store *s)
{
	int i;

	for (i = 0; i < ST_MAX; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return store_complain(s, statements[i]);
	return 0;
}

static int
store_settings(struct store *s)
{
	/* the order matters: no page size after WAL, no shared memory before
	 * exclusive */
	if (store_exec(s, "PRAGMA page_size = 16384;"
	    "PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA secure_delete = OFF;"
	    "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA wal_autocheckpoint = 0;"
	    "PRAGMA cache_size = -32768;") == -1) {
		if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_BUSY)
			log_warnx("store: another smtpsd uses this spool");
		return -1;
	}
	s->is_full = 1;
	return 0;
}

int
store_connect(struct store *s)
{
	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK) {
		if (s->db != NULL)
			store_complain(s, s->path);
		return -1;
	}
	sqlite3_extended_result_codes(s->db, 1);
	if (store_settings(s) == -1 || store_init_schema(s) == -1 ||
	    store_usage_init(s) == -1)
		return -1;
	return store_prepare(s);
}

void
store_disconnect(struct store *s)
{
	int i;

	for (i = 0; i < ST_MAX; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	if (s->db != NULL)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
	sqlite3_close(s->db);
	s->db = NULL;
}

struct store *
store_open(const char *path, uint64_t prealloc)
{
	struct store *s;

	/* one thread; no counters behind a lock */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->path = strdup(path)) == NULL)
		goto fail;
	if (store_connect(s) == -1 || store_sweep_init(s) == -1 ||
	    store_wal_init(s, prealloc) == -1)
		goto fail;
	return s;
fail:
	store_close(s);
	return NULL;
}

void
store_close(struct store *s)
{
	int i;

	if (s == NULL)
		return;
	/* what was refused must not be there at the next start */
	if (s->is_doubtful && (!s->wal_is_known || store_repair(s) == -1))
		store_disconnect(s);
	for (i = 0; i < ST_MAX; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

int
store_is_idle(struct store *s)
{
	return s->db != NULL && sqlite3_get_autocommit(s->db);
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
	return store_run(s, ST_BEGIN);
}

int
store_commit(struct store *s)
{
	if (store_run(s, ST_COMMIT) == -1)
		return -1;
	if (s->is_full)
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
	if (store_run(s, ST_REMOVE_MESSAGE) == -1)
		return -1;
	if (body_id != 0 && store_remove_chunks(s, body_id) == -1)
		return -1;
	return 1;
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
	return store_run(s, ST_REMOVE_CHUNKS);
}
