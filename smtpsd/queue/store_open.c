/*
 * The connection to the queue on disk: the form of the database, the steps
 * from each older form to it, the settings of SQLite, opening and closing.
 * One connection that nobody shares (locking_mode=EXCLUSIVE), write-ahead
 * log.  Called by main.c, and by store_repair.c to connect again; knows
 * nothing of what is in the tables.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	    SQLITE_OPEN_PRIVATECACHE, store_vfs()) != SQLITE_OK) {
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
	/* to see what goes wrong from the next start of the log on */
	if (s->wal_fd != -1)
		close(s->wal_fd);
	s->wal_fd = -1;
}

struct store *
store_open(const char *path, uint64_t prealloc)
{
	struct store *s;

	/* one thread; no counters behind a lock */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		goto fail;
	s->wal_fd = -1;
	if ((s->path = strdup(path)) == NULL)
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
	store_flush_end(s, 1);
	/* what was refused must not be there at the next start */
	s->repaired_s = 0;
	if (s->is_doubtful && (!s->wal_is_known || store_repair(s) == -1))
		store_disconnect(s);
	for (i = 0; i < ST_MAX; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	if (s->wal_fd != -1)
		close(s->wal_fd);
	free(s->path);
	free(s);
}
