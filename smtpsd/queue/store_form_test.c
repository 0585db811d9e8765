/*
 * The store on a database of an older form: each that was in use becomes the
 * present one and loses nothing, one of tomorrow is left alone.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tap.h"
#include "teststore.h"

static char dir[] = "/tmp/smtpsd-form.XXXXXX";

/* As the first release made it. */
static const char first_form[] =
    "CREATE TABLE message (id INTEGER PRIMARY KEY, created INTEGER NOT NULL,"
    " size INTEGER NOT NULL, flags INTEGER NOT NULL,"
    " body_id INTEGER NOT NULL, sender TEXT NOT NULL, user TEXT NOT NULL,"
    " bounce_action TEXT NOT NULL, bounce_user TEXT NOT NULL, body BLOB);"
    "CREATE TABLE envelope (id INTEGER PRIMARY KEY, next INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, action TEXT NOT NULL, user TEXT NOT NULL,"
    " recipient TEXT NOT NULL, original TEXT NOT NULL,"
    " error TEXT NOT NULL);"
    "CREATE INDEX due ON envelope (next) WHERE next > 0;"
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "INSERT INTO message VALUES (7, 1, 3, 0, 0, 'old@example.org', '', '',"
    " '', 'abc');"
    "INSERT INTO envelope VALUES (7169, 5, 2, 'out', '', 'r@example.net',"
    " 'r@example.net', 'later');"
    "PRAGMA user_version = 1;";

/* What later ones made of it, with a message of their own each. */
static const char second_form[] =
    "ALTER TABLE message ADD COLUMN envid TEXT;"
    "ALTER TABLE envelope ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE envelope ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE envelope ADD COLUMN orcpt TEXT;"
    "INSERT INTO message VALUES (8, 1, 3, 0, 0, 'two@example.org', '', '',"
    " '', 'abc', 'ID2');"
    "INSERT INTO envelope VALUES (8193, 0, 2, 'out', '', 'r@example.net',"
    " 'r@example.net', 'later', 2, 1, 'rfc822;r@example.net');"
    "PRAGMA user_version = 2;";
static const char third_form[] =
    "ALTER TABLE message ADD COLUMN bounce_to TEXT;"
    "ALTER TABLE envelope ADD COLUMN owner TEXT;"
    "ALTER TABLE envelope ADD COLUMN owner_action TEXT;"
    "ALTER TABLE envelope ADD COLUMN owner_user TEXT;"
    "ALTER TABLE envelope ADD COLUMN owner_to TEXT;"
    "INSERT INTO message VALUES (9, 1, 65536, 0, 3, 'three@example.org', '',"
    " '', '', NULL, NULL, 'back@example.org');"
    "INSERT INTO chunk VALUES (3 << 20, zeroblob(65536));"
    "INSERT INTO envelope VALUES (9217, 6, 2, 'out', '', 'r@example.net',"
    " 'r@example.net', 'later', 0, 0, NULL, 'owner@example.org', 'local',"
    " 'u', 'to@example.org');"
    "PRAGMA user_version = 3;";

static int
run_sql(const char *file, const char *sql)
{
	sqlite3 *db;
	int r;

	if ((r = sqlite3_open(file, &db)) == SQLITE_OK)
		r = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return r == SQLITE_OK;
}

static void
test_forms(void)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	struct store *s;
	char old[96];

	snprintf(old, sizeof(old), "%s/old.db", dir);
	tap_ok(run_sql(old, first_form), "a queue of the first form");
	s = store_open(old, 0);
	tap_ok(s != NULL && store_load(s, 7169, e, m) == 1 && e->notify == 0 &&
	    e->orcpt == NULL && !e->is_warned && m->envid[0] == '\0' &&
	    e->attempts == 2, "opens, its mail has no parameters");
	store_begin(s, 1);
	e->id = 7170;
	e->notify = NOTIFY_SUCCESS;
	envelope_set_orcpt(e, "rfc822;a@b", 10);
	m->id = 8;
	m->body = strdup("abc");
	message_set_envid(m, "QQ", 2);
	tap_ok(store_add_envelope(s, e, 5) == 0 &&
	    store_retry_envelope(s, 7170, 9, 3, 1, "x") == 0 &&
	    store_add_message(s, m) == 0 && (e->id = 8 << 10 | 1) != 0 &&
	    store_add_envelope(s, e, 5) == 0 && store_commit(s) == 0,
	    "takes some with parameters");
	store_close(s);
	s = store_open(old, 0);
	e->notify = 0;
	tap_ok(s != NULL && store_load(s, 7170, e, m) == 1 && e->is_warned &&
	    e->notify == NOTIFY_SUCCESS && store_load(s, 8 << 10 | 1, e,
	    m) == 1 && !e->is_warned, "and keeps them");
	tap_is_str(e->orcpt, "rfc822;a@b", "ORCPT");
	tap_is_str(m->envid, "QQ", "ENVID");
	store_close(s);
	tap_ok(run_sql(old, "PRAGMA user_version = 99"), "a form of tomorrow");
	tap_ok((s = store_open(old, 0)) == NULL, "does not open");
	store_close(s);
	envelope_free(e);
	message_unref(m);
}

static char listed[256];

static void
list_login(const struct login_info *info, void *arg)
{
	char one[LOGIN_SIZE + 32];

	(void)arg;
	snprintf(one, sizeof(one), "%s=%llu ", info->login,
	    (unsigned long long)info->used_s);
	strlcat(listed, one, sizeof(listed));
}

static const char *
logins(struct store *s, const char *above, uint32_t limit)
{
	listed[0] = '\0';
	if (store_list_logins(s, above, limit, list_login, NULL) == -1)
		return NULL;
	return listed;
}

/* A queue that was made before logins were kept, with mail in it. */
static void
test_logins(void)
{
	struct store *s;
	char old[96];

	snprintf(old, sizeof(old), "%s/logins.db", dir);
	s = store_open(old, 0);
	tap_ok(s != NULL && teststore_put(s, 9, 5, 2) == 0, "a queue");
	store_close(s);
	tap_ok(run_sql(old, "DROP TABLE login; DROP TABLE usage"),
	    "that knows no logins");
	s = store_open(old, 0);
	tap_ok(s != NULL && store_count(s) == 2, "opens with its mail");
	if (s == NULL)
		return;
	tap_is_str(logins(s, "", 10), "", "and nobody was there");
	store_begin(s, 0);
	tap_ok(store_set_login(s, "b", 20) == 0 &&
	    store_set_login(s, "a/phone", 30) == 0 &&
	    store_set_login(s, "c", 10) == 0 &&
	    store_set_login(s, "b", 15) == 0 &&
	    store_set_login(s, "c", 11) == 0 &&
	    store_set_login(s, "d", 40) == 0 &&
	    store_set_login(s, "d", 0) == 0 &&
	    store_set_login(s, "nobody", 0) == 0 && store_commit(s) == 0,
	    "logins are kept and forgotten");
	tap_is_str(logins(s, "", 10), "a/phone=30 b=20 c=11 ", "the latest");
	tap_is_str(logins(s, "", 2), "a/phone=30 b=20 ", "a page");
	tap_is_str(logins(s, "b", 2), "c=11 ", "the page behind it");
	store_begin(s, 0);
	store_set_login(s, "b", 99);
	store_rollback(s);
	store_close(s);
	s = store_open(old, 0);
	tap_is_str(s == NULL ? NULL : logins(s, "", 10),
	    "a/phone=30 b=20 c=11 ", "opened again, they are there");
	store_close(s);
}

/* Each form that was in use becomes the present one, and loses nothing. */
static void
test_upgrades(int form)
{
	struct store_cursor c = { 0, 0 };
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	uint64_t ids[10];
	struct store *s;
	char old[96], *data;
	size_t size;
	int n;

	snprintf(old, sizeof(old), "%s/form%d.db", dir, form);
	tap_ok(run_sql(old, first_form) &&
	    (form < 2 || run_sql(old, second_form)) &&
	    (form < 3 || run_sql(old, third_form)), "form %d", form);
	if (!tap_ok((s = teststore_open(old, 0)) != NULL, "opens"))
		return;
	n = store_due(s, NOW, &c, ids, 10);
	tap_ok(n == (form < 3 ? 1 : 2) && ids[0] == 7169 &&
	    (form < 3 || ids[1] == 9217), "what is due");
	tap_ok(store_count(s) == (uint64_t)form, "what is counted");
	tap_ok(store_load(s, 7169, e, m) == 1 && e->attempts == 2 &&
	    strcmp(m->sender, "old@example.org") == 0, "from form 1");
	tap_ok(form < 2 || (store_load(s, 8193, e, m) == 1 &&
	    e->notify == 2 && e->is_warned && e->orcpt != NULL &&
	    strcmp(m->envid, "ID2") == 0), "from form 2");
	tap_ok(form < 3 || (store_load(s, 9217, e, m) == 1 &&
	    strcmp(m->sender, "owner@example.org") == 0 &&
	    strcmp(m->bounce.recipient, "to@example.org") == 0 &&
	    store_read_body(s, m, 0, 0, &data, &size) == 0 &&
	    size == 65536), "from form 3");
	if (form == 3)
		free(data);
	tap_ok(store_begin(s, 1) == 0 &&
	    store_park(s, 7169, "out example.net") == 0 &&
	    store_commit(s) == 0 && memset(&c, 0, sizeof(c)) &&
	    store_parked(s, "out example.net", &c, ids, 10) == 1,
	    "and is parked as now");
	store_close(s);
	envelope_free(e);
	message_unref(m);
}

int
main(void)
{
	char command[128];

	log_init("store_form_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	test_forms();
	test_upgrades(1);
	test_upgrades(2);
	test_upgrades(3);
	test_logins();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
