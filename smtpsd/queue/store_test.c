/*
 * The store on a database in a temporary directory: what is committed
 * survives kill -9, what is not leaves no trace, a full disk is survived.
 */
#include <sys/time.h>
#include <sys/wait.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "store.h"

#define NOW	1700000000U

static char dir[] = "/tmp/smtpsd-store.XXXXXX";
static char path[64];

/* All that an opened store still has to do. */
static struct store *
open_swept(const char *file, uint64_t prealloc)
{
	struct store *s = store_open(file, prealloc);

	while (s != NULL && store_sweep(s) == 1)
		;
	return s;
}

static struct message *
make_message(uint64_t id, size_t size)
{
	struct message *m = message_new();

	m->id = id;
	m->size = size;
	m->created_s = NOW;
	m->body = malloc(size + 1);
	memset(m->body, 'x', size);
	strlcpy(m->sender, "a@example.org", sizeof(m->sender));
	return m;
}

/* One message with n envelopes; -1 as the store says. */
static int
add(struct store *s, struct message *m, unsigned int n)
{
	struct envelope *e = envelope_new();
	unsigned int i;
	int r;

	strlcpy(e->action, "out", sizeof(e->action));
	strlcpy(e->recipient, "b@example.net", sizeof(e->recipient));
	r = store_add_message(s, m);
	for (i = 1; r == 0 && i <= n; i++) {
		e->id = m->id << 10 | i;
		r = store_add_envelope(s, e, NOW + i);
	}
	envelope_free(e);
	return r;
}

static int
put(struct store *s, uint64_t id, size_t size, unsigned int n)
{
	struct message *m = make_message(id, size);
	int r;

	if ((r = store_begin(s, 1)) == 0)
		r = add(s, m, n);
	if (r == 0)
		r = store_commit(s);
	if (r == -1)
		store_rollback(s);
	message_unref(m);
	return r;
}

static void
test_order(struct store *s)
{
	struct store_cursor c = { 0, 0 };
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	uint64_t ids[10];
	size_t size;
	char *data;

	tap_ok(put(s, 100, 5, 3) == 0, "a message with three envelopes");
	tap_ok(store_count(s) == 3, "three counted");
	tap_ok(store_due(s, NOW, &c, ids, 10) == 0, "nothing due yet");
	tap_ok(store_due(s, NOW + 3, &c, ids, 2) == 2 &&
	    ids[0] == (100 << 10 | 1), "first page of what is due");
	tap_ok(store_due(s, NOW + 3, &c, ids, 2) == 1 &&
	    ids[0] == (100 << 10 | 3), "second page of what is due");
	tap_ok(store_load(s, 100 << 10 | 2, e, m) == 1, "load");
	tap_is_str(e->recipient, "b@example.net", "its recipient");
	tap_is_str(m->sender, "a@example.org", "its sender");
	tap_ok(store_load(s, 100 << 10 | 9, e, m) == 0, "load: not there");
	m->id = 100;
	m->body_id = 0;
	tap_ok(store_read_body(s, m, 0, 0, &data, &size) == 0 && size == 5 &&
	    memcmp(data, "xxxxx", 5) == 0, "its body");
	free(data);
	tap_ok(store_read_body(s, m, 1, 0, &data, &size) == 1, "and no more");
	envelope_free(e);
	message_unref(m);
}

static void
test_changes(struct store *s)
{
	struct store_cursor c = { 0, 0 };
	uint64_t ids[10];
	struct message *m = make_message(100, 3);

	store_begin(s, 1);
	tap_ok(add(s, m, 1) == 0 && m->id == 101, "a used id: the next one");
	store_rollback(s);
	tap_ok(store_count(s) == 3, "rolled back");
	message_unref(m);

	store_begin(s, 1);
	store_retry_envelope(s, 100 << 10 | 1, NOW + 500, 1, 0, "450 later");
	store_remove_envelope(s, 100 << 10 | 2);
	tap_ok(store_remove_message(s, 100, 0) == 0, "two envelopes are left");
	store_commit(s);
	tap_ok(store_count(s) == 2, "two counted");
	tap_ok(store_due(s, NOW + 499, &c, ids, 10) == 1, "one is deferred");
	store_begin(s, 1);
	store_remove_envelope(s, 100 << 10 | 1);
	store_remove_envelope(s, 100 << 10 | 3);
	tap_ok(store_remove_message(s, 100, 0) == 1, "the last one is gone");
	store_commit(s);
	tap_ok(store_count(s) == 0, "none counted");
}

static void
count_item(const struct queue_item *item, void *arg)
{
	int *n = arg;

	if (item->state == QUEUE_WAITING)
		++*n;
}

static void
test_list(struct store *s)
{
	int n = 0;

	put(s, 200, 10, 4);
	tap_ok(store_list(s, 0, 3, count_item, &n) == 3 && n == 3, "a page");
	tap_ok(store_list(s, 200 << 10 | 3, 3, count_item, &n) == 1,
	    "the last page");
	store_begin(s, 1);
	for (uint64_t i = 1; i <= 4; i++)
		store_remove_envelope(s, 200 << 10 | i);
	store_remove_message(s, 200, 0);
	store_commit(s);
}

static void
test_full(struct store *s)
{
	static const size_t sizes[] = { 60000, 1000, 10 };
	uint64_t before;
	size_t i;
	unsigned int n = 0;

	store_limit_pages(s, 40);
	while (n < 1000 && put(s, 300 + n, 60000, 1) == 0)
		n++;
	tap_ok(n > 0 && n < 20, "a full disk refuses");
	before = store_count(s);
	for (i = 0; i < 3; i++)
		put(s, 400 + i, sizes[i] * 20, 2);
	tap_ok(store_count(s) - before <= 6, "still refused or whole");
	store_limit_pages(s, 100000);
	tap_ok(put(s, 500, 60000, 1) == 0, "room again: accepted");
}

/* A child commits, begins something and is killed. */
static void
test_kill(void)
{
	struct message *m;
	struct store *s;
	uint64_t count;
	char chunk[65536], *data;
	size_t size;
	int status;
	pid_t pid;

	s = open_swept(path, 0);
	count = store_count(s);
	store_close(s);
	memset(chunk, 'c', sizeof(chunk));
	if ((pid = fork()) == 0) {
		s = store_open(path, 1 << 20);
		put(s, 600, 100, 2);
		store_begin(s, 0);
		store_add_chunk(s, store_new_body_id(s), 0, chunk, 65536);
		store_add_chunk(s, store_new_body_id(s), 0, chunk, 65536);
		store_commit(s);
		/* the first belongs to a whole message */
		m = make_message(601, 0);
		m->body_id = store_new_body_id(s) - 2;
		m->size = 65536;
		store_begin(s, 1);
		add(s, m, 1);
		store_commit(s);
		store_begin(s, 1);
		m = make_message(700, 50);
		add(s, m, 1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	s = open_swept(path, 0);
	if (!tap_ok(s != NULL, "opens after kill -9"))
		return;
	tap_ok(store_count(s) == count + 3, "acknowledged ones are there");
	m = message_new();
	m->size = 65536;
	m->body_id = store_new_body_id(s) - 2;
	m->id = 601;
	tap_ok(store_read_body(s, m, 0, 0, &data, &size) == 0 && size == 65536 &&
	    data[65535] == 'c', "chunks of a whole message stay");
	free(data);
	m->body_id++;
	tap_ok(store_read_body(s, m, 0, 0, &data, &size) == 1,
	    "chunks of a half message are swept");
	message_unref(m);
	store_close(s);
}

static void
test_second(void)
{
	struct store *s = store_open(path, 0), *other;
	int status = 1;
	pid_t pid;

	if ((pid = fork()) == 0) {
		other = store_open(path, 0);
		_exit(other == NULL ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	tap_ok(status == 0, "a second one on the same spool does not open");
	store_close(s);
}

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
	tap_ok(s != NULL && put(s, 9, 5, 2) == 0, "a queue");
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
	if (!tap_ok((s = open_swept(old, 0)) != NULL, "opens"))
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

/* Parked ones are out of the way until their next attempt is changed. */
static void
test_parked(struct store *s)
{
	struct store_cursor c = { 0, 0 };
	uint64_t ids[10], id = 800 << 10 | 1;
	char lane[32];

	put(s, 800, 10, 4);
	store_begin(s, 1);
	store_park(s, id, "out a.example");
	store_park(s, id + 1, "out b.example");
	store_park(s, id + 2, "out b.example");
	store_commit(s);
	tap_ok(store_due(s, NOW + 10, &c, ids, 10) == 1 && ids[0] == id + 3,
	    "parked ones are not due");
	tap_ok(store_parked_lane(s, "", lane, sizeof(lane)) == 1 &&
	    strcmp(lane, "out a.example") == 0 &&
	    store_parked_lane(s, lane, lane, sizeof(lane)) == 1 &&
	    strcmp(lane, "out b.example") == 0 &&
	    store_parked_lane(s, lane, lane, sizeof(lane)) == 0,
	    "their lanes, one after the other");
	memset(&c, 0, sizeof(c));
	tap_ok(store_parked(s, "out b.example", &c, ids, 1) == 1 &&
	    ids[0] == id + 1 &&
	    store_parked(s, "out b.example", &c, ids, 10) == 1 &&
	    ids[0] == id + 2 &&
	    store_parked(s, "out b.example", &c, ids, 10) == 0,
	    "those of a lane, page by page");
	store_begin(s, 1);
	store_retry_envelope(s, id, NOW + 20, 1, 0, "later");
	store_set_next(s, id + 1, NOW);
	store_quarantine(s, id + 2, "damaged");
	store_commit(s);
	tap_ok(store_parked_lane(s, "", lane, sizeof(lane)) == 0,
	    "no longer parked when the next attempt changes");
	memset(&c, 0, sizeof(c));
	tap_ok(store_due(s, NOW + 100, &c, ids, 10) == 3, "but due, if ever");
	store_begin(s, 1);
	store_park(s, id + 2, "out b.example");
	for (uint64_t i = 0; i < 4; i++)
		if (i != 2)
			store_remove_envelope(s, id + i);
	store_commit(s);
	tap_ok(store_parked_lane(s, "", lane, sizeof(lane)) == 0,
	    "what is quarantined is not parked");
	store_begin(s, 1);
	store_remove_envelope(s, id + 2);
	store_remove_message(s, 800, 0);
	store_commit(s);
}

/* What a ~/.forward makes of an envelope, in a message of nine. */
static void
test_onward(struct store *s)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new(), *owner = message_new();
	struct onward *o = onward_add(e);
	const uint64_t id = 900 << 10;
	unsigned int n;

	put(s, 900, 10, 9);
	store_begin(s, 1);
	tap_ok(o != NULL && store_load(s, id + 3, e, m) == 1,
	    "one of nine leads elsewhere");
	e->id = id + 3;
	strlcpy(o->user, "alice", sizeof(o->user));
	strlcpy(o->recipient, "x@example.net", sizeof(o->recipient));
	tap_ok(store_add_onward(s, e, o, 5) == 0 &&
	    store_remove_envelope(s, id + 3) == 0 && store_commit(s) == 0,
	    "to an address instead");
	tap_ok(store_load(s, id + 3, e, m) == 0, "it is gone");
	tap_ok(store_load(s, id + 10, e, m) == 1 && e->action[0] == '\0' &&
	    strcmp(e->recipient, "x@example.net") == 0 &&
	    strcmp(e->user, "alice") == 0, "its number is a new one");
	tap_is_str(e->via, "alice\n", "whose it was is known");

	strlcpy(o->action, "local", sizeof(o->action));
	strlcpy(owner->sender, "owner-x@example.net", sizeof(owner->sender));
	strlcpy(owner->bounce.action, "local", sizeof(owner->bounce.action));
	o->owner = owner;
	store_begin(s, 1);
	tap_ok(store_add_onward(s, e, o, 5) == 0, "routed to a list");
	strlcpy(o->user, "bob", sizeof(o->user));
	o->action[0] = '\0';
	tap_ok(store_add_onward(s, e, o, 5) == 0 && store_commit(s) == 0,
	    "and on by another user");
	tap_ok(store_load(s, id + 11, e, m) == 1 && strcmp(m->sender,
	    "owner-x@example.net") == 0 && strcmp(m->bounce.action,
	    "local") == 0 && strcmp(e->action, "local") == 0, "of its owner");
	tap_ok(store_load(s, id + 12, e, m) == 1 && e->via != NULL &&
	    strcmp(e->via, "alice\nbob\n") == 0, "both are known");

	store_begin(s, 1);
	e->id = id + 10;
	for (n = 13; n <= MESSAGE_ENVELOPES_MAX; n++)
		if (store_add_onward(s, e, o, 5) != 0)
			break;
	tap_ok(n == MESSAGE_ENVELOPES_MAX + 1 &&
	    store_load(s, id + 3, e, m) == 0 &&
	    store_add_onward(s, e, o, 5) == 0 &&
	    store_load(s, id + 3, e, m) == 1, "behind 1023 comes what is free");
	tap_ok(store_add_onward(s, e, o, 5) == 1, "1023 are all");
	store_remove_envelope(s, id + 500);
	store_remove_envelope(s, id + 1023);
	tap_ok(store_add_onward(s, e, o, 5) == 0 &&
	    store_add_onward(s, e, o, 5) == 0 &&
	    store_add_onward(s, e, o, 5) == 1, "but for those that go");
	store_rollback(s);
	tap_ok(store_load(s, id + 13, e, m) == 0, "a rollback takes them back");
	store_begin(s, 1);
	for (n = 1; n <= 12; n++)
		store_remove_envelope(s, id + n);
	tap_ok(store_remove_message(s, 900, 0) == 1 && store_commit(s) == 0,
	    "and the message with the last of them");
	message_unref(m);
	envelope_free(e);
}

/* Another time than of this world, for message_id_now(). */
static int64_t fake_s;

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = fake_s;
	tv->tv_usec = 0;
	return 0;
}

static int
is_id(uint64_t id)
{
	return id > 0 && id <= MESSAGE_ID_MAX;
}

static void
test_ids(struct store *s)
{
	struct message *m = message_new();
	uint64_t a, b;

	fake_s = INT64_MAX / 1000000;
	a = message_id_now();
	b = message_id_now();
	tap_ok(is_id(a) && is_id(b) && a != b, "the clock at its end");
	fake_s = -5;
	tap_ok(is_id(message_id_now()), "before 1970");
	m->body = strdup("");
	m->id = MESSAGE_ID_MAX;
	store_begin(s, 0);
	tap_ok(store_add_message(s, m) == 0 && m->id == MESSAGE_ID_MAX,
	    "the last id");
	tap_ok(store_add_message(s, m) == 0 && is_id(m->id),
	    "it is taken: the first");
	store_rollback(s);
	message_unref(m);
}

int
main(void)
{
	char command[128];
	struct store *s;

	log_init("store_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	s = open_swept(path, 1 << 20);
	if (!tap_ok(s != NULL, "made"))
		return tap_done();
	test_order(s);
	test_changes(s);
	test_list(s);
	test_parked(s);
	test_onward(s);
	test_ids(s);
	test_full(s);
	store_close(s);
	test_kill();
	test_second();
	test_forms();
	test_upgrades(1);
	test_upgrades(2);
	test_upgrades(3);
	test_logins();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
