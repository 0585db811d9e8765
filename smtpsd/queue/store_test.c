/*
 * The store on a database in a temporary directory: what is committed
 * survives kill -9, what is not leaves no trace, a full disk is survived.
 */
#include <sys/time.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "teststore.h"

static char dir[] = "/tmp/smtpsd-store.XXXXXX";
static char path[64];

static void
test_order(struct store *s)
{
	struct store_cursor c = { 0, 0 };
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	uint64_t ids[10];
	size_t size;
	char *data;

	tap_ok(teststore_put(s, 100, 5, 3) == 0,
	    "a message with three envelopes");
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
	struct message *m = teststore_message(100, 3);

	store_begin(s, 1);
	tap_ok(teststore_add(s, m, 1) == 0 && m->id == 101,
	    "a used id: the next one");
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

	teststore_put(s, 200, 10, 4);
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
	while (n < 1000 && teststore_put(s, 300 + n, 60000, 1) == 0)
		n++;
	tap_ok(n > 0 && n < 20, "a full disk refuses");
	before = store_count(s);
	for (i = 0; i < 3; i++)
		teststore_put(s, 400 + i, sizes[i] * 20, 2);
	tap_ok(store_count(s) - before <= 6, "still refused or whole");
	store_limit_pages(s, 100000);
	tap_ok(teststore_put(s, 500, 60000, 1) == 0, "room again: accepted");
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

	s = teststore_open(path, 0);
	count = store_count(s);
	store_close(s);
	memset(chunk, 'c', sizeof(chunk));
	if ((pid = fork()) == 0) {
		s = store_open(path, 1 << 20);
		teststore_put(s, 600, 100, 2);
		store_begin(s, 0);
		store_add_chunk(s, store_new_body_id(s), 0, chunk, 65536);
		store_add_chunk(s, store_new_body_id(s), 0, chunk, 65536);
		store_commit(s);
		/* the first belongs to a whole message */
		m = teststore_message(601, 0);
		m->body_id = store_new_body_id(s) - 2;
		m->size = 65536;
		store_begin(s, 1);
		teststore_add(s, m, 1);
		store_commit(s);
		store_begin(s, 1);
		m = teststore_message(700, 50);
		teststore_add(s, m, 1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	s = teststore_open(path, 0);
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

/* Parked ones are out of the way until their next attempt is changed. */
static void
test_parked(struct store *s)
{
	struct store_cursor c = { 0, 0 };
	uint64_t ids[10], id = 800 << 10 | 1;
	char lane[32];

	teststore_put(s, 800, 10, 4);
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

	teststore_put(s, 900, 10, 9);
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
	s = teststore_open(path, 1 << 20);
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
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
