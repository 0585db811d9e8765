/*
 * Transactions: body and envelope in every order, what is refused, what a
 * full disk does to small and to large ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tap.h"
#include "incoming.h"
#include "mail/reply.h"
#include "store.h"

static char dir[] = "/tmp/smtpsd-incoming.XXXXXX";
static struct store *store;
static const char *why;
static int ndone, naccepted;
static uint32_t last_reply;
static uint64_t last_size, last_body_id, last_id;
static char senders[512];
static uint64_t session = (UINT64_C(7) << 32) + 1;

static void
on_done(uint64_t s, uint32_t tx, uint64_t message, uint32_t reply)
{
	(void)s;
	(void)tx;
	(void)message;
	ndone++;
	last_reply = reply;
}

static void
on_accepted(struct message *m, struct envelope_list *list)
{
	struct envelope *e;

	naccepted++;
	TAILQ_FOREACH(e, list, entry)
		snprintf(senders + strlen(senders),
		    sizeof(senders) - strlen(senders), "%u:%s%s ",
		    (unsigned int)(e->id & 1023), m->sender,
		    e->owner != NULL ? "!" : "");
	last_id = m->id;
	last_size = m->size;
	last_body_id = m->body_id;
	message_unref(m);
	envelope_list_free(list);
}

static int
body(uint32_t tx, size_t size)
{
	static char data[BODY_PIECE_MAX];
	struct net_queue_body b = { .session = session, .tx = tx };
	size_t n;

	for (; size > 0; size -= n) {
		n = size < sizeof(data) ? size : sizeof(data);
		if (incoming_body(&b, data, n, &why) == -1)
			return -1;
	}
	return 0;
}

static int
end(uint32_t tx, size_t size, uint32_t nrcpt)
{
	struct net_queue_end e = { .session = session, .tx = tx,
	    .size = size, .nrcpt = nrcpt };

	return incoming_end(&e, 1000, &why);
}

static void
open_tx(uint32_t tx)
{
	struct policy_queue_open o;

	memset(&o, 0, sizeof(o));
	o.session = session;
	o.tx = tx;
	o.message = 1000 + tx;
	strlcpy(o.sender, "a@example.org", sizeof(o.sender));
	incoming_open(&o, "", 0, 1000);
}

static void
owner(uint32_t tx, const char *sender)
{
	struct policy_queue_owner o;

	memset(&o, 0, sizeof(o));
	o.session = session;
	o.tx = tx;
	strlcpy(o.sender, sender, sizeof(o.sender));
	strlcpy(o.bounce.action, "local", sizeof(o.bounce.action));
	strlcpy(o.bounce.recipient, "boss@example.org",
	    sizeof(o.bounce.recipient));
	incoming_owner(&o);
}

static void
rcpt(uint32_t tx)
{
	struct policy_queue_rcpt r;

	memset(&r, 0, sizeof(r));
	r.session = session;
	r.tx = tx;
	strlcpy(r.action, "out", sizeof(r.action));
	strlcpy(r.recipient, "b@example.net", sizeof(r.recipient));
	incoming_rcpt(&r, "", 0);
}

/* As commit.c does it. */
static void
turn(void)
{
	incoming_commit_chunks();
	if (incoming_ready() == 0)
		return;
	if (store_begin(store, 1) == 0 && incoming_store(1) == 0 &&
	    store_commit(store) == 0) {
		incoming_committed();
		incoming_stored();
	} else {
		store_rollback(store);
		incoming_refuse(REPLY_DISK);
	}
}

/*
 * A script, one letter per event: O open, R rcpt, B body of 100, E end that
 * names as many recipients as the digit behind it, A abort, C cancel,
 * N the next transaction of the session, T turn, W wait 31 s, D net died.
 */
static const struct {
	const char	*name, *script;
	uint32_t	 reply;		/* of the last answer */
	int		 ndone, naccepted;
} cases[] = {
	{ "policy first", "ORBE1T", REPLY_QUEUED, 1, 1 },
	{ "net first", "BE1TORT", REPLY_QUEUED, 1, 1 },
	{ "end before the last rcpt", "ORBE2TTRT", REPLY_QUEUED, 1, 1 },
	{ "in the same turn", "BORRE2T", REPLY_QUEUED, 1, 1 },
	{ "empty body", "ORE1T", REPLY_QUEUED, 1, 1 },
	{ "no recipients", "OBE0T", REPLY_TRY_LATER, 1, 0 },
	{ "more than END names", "ORRBE1T", REPLY_TRY_LATER, 1, 0 },
	{ "one too many behind END", "ORBE1RT", REPLY_TRY_LATER, 1, 0 },
	{ "net claims more", "ORBE2TWT", REPLY_TRY_LATER, 1, 0 },
	{ "policy never came", "BE1TWT", REPLY_TRY_LATER, 1, 0 },
	{ "abort", "ORBAT", 0, 0, 0 },
	{ "cancel", "ORBCT", 0, 0, 0 },
	{ "cancel behind END is answered", "ORBE2CT", REPLY_TRY_LATER, 1, 0 },
	{ "a newer transaction", "ORBNORBE1T", REPLY_QUEUED, 1, 1 },
	{ "a newer one answers the older", "BE1NORBE1T", REPLY_QUEUED, 2, 1 },
	{ "net died", "ORBE2DT", REPLY_TRY_LATER, 1, 0 },
	{ "late answers after commit", "ORBE1TCRAT", REPLY_QUEUED, 1, 1 },
};

static void
play(const char *s, uint32_t *tx)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case 'O': open_tx(*tx); break;
		case 'R': rcpt(*tx); break;
		case 'B': body(*tx, 100); break;
		case 'E': {
			int has_body = s[-1] != 'R' || strchr("BR", s[-2]);

			end(*tx, has_body ? 100 : 0, (uint32_t)(s[1] - '0'));
			s++;
			break;
		}
		case 'A': incoming_abort(session, *tx); break;
		case 'C': incoming_abort(session, *tx); break;
		case 'N': ++*tx; break;
		case 'T': turn(); break;
		case 'W': incoming_expire(1000 + 31000); break;
		case 'D': incoming_drop_peer(7); break;
		}
}

static void
test_scripts(void)
{
	uint32_t tx = 1;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++, tx++) {
		ndone = naccepted = 0;
		last_reply = 0;
		play(cases[i].script, &tx);
		if (!tap_ok(last_reply == cases[i].reply &&
		    ndone == cases[i].ndone &&
		    naccepted == cases[i].naccepted, "%s", cases[i].name))
			printf("# reply %u answers %d accepted %d\n",
			    last_reply, ndone, naccepted);
		tap_ok(incoming_open_count() == 0 && incoming_memory() == 0,
		    "%s: nothing stays", cases[i].name);
		session++;
	}
}

static void
test_faults(void)
{
	open_tx(1);
	rcpt(1);
	rcpt(2);
	tap_ok(incoming_open_count() == 1, "a stale rcpt is ignored");
	body(1, 100);
	end(1, 100, 5);
	tap_ok(body(1, 100) == -1, "BODY behind END is a fault");
	tap_ok(end(1, 100, 5) == -1, "a second END is a fault");
	incoming_abort(session, 1);
	body(3, 10);
	rcpt(3);
	end(3, 10, 1);
	last_reply = 0;
	turn();
	tap_ok(last_reply == REPLY_TRY_LATER, "RCPT before OPEN is refused");
	tap_ok(incoming_open_count() == 0, "and the transaction is over");
	open_tx(4);
	rcpt(4);
	body(4, 100);
	end(4, 99, 1);
	turn();
	tap_ok(last_reply == REPLY_TRY_LATER, "a wrong size is refused");
	session++;
}

static void
one(size_t size)
{
	open_tx(1);
	rcpt(1);
	body(1, size);
	end(1, size, 1);
	turn();
	session++;
}

static void
test_sizes(void)
{
	static const size_t sizes[] = { 65535, 65536, 65537, 1000000 };
	size_t i;

	for (i = 0; i < 4; i++) {
		one(sizes[i]);
		tap_ok(last_reply == REPLY_QUEUED && last_size == sizes[i] &&
		    (last_body_id != 0) == (sizes[i] > 65535),
		    "%zu bytes", sizes[i]);
	}
	incoming_limit(200000);
	one(200000);
	tap_ok(last_reply == REPLY_QUEUED, "as large as may be");
	one(200001);
	tap_ok(last_reply == REPLY_TOO_BIG, "one byte too large");
	incoming_limit(100 << 20);
	incoming_limit_memory(1000);
	one(30000);
	tap_ok(last_reply == REPLY_QUEUED && last_body_id != 0,
	    "memory is short: a small one goes to the store early");
	incoming_limit_memory(1 << 20);
	tap_ok(incoming_open_count() == 0 && incoming_memory() == 0,
	    "nothing stays");
}

static void
test_full(void)
{
	uint64_t before = store_count(store);
	int i;

	store_limit_pages(store, 1);
	one(1000000);
	tap_ok(last_reply == REPLY_DISK, "a full disk: large one refused");
	tap_ok(store_count(store) == before, "nothing stored");
	/* pages that became free still take a few */
	for (i = 0, naccepted = 0; i < 100; i++) {
		one(60000);
		if (last_reply == REPLY_DISK)
			break;
	}
	tap_ok(last_reply == REPLY_DISK, "a full disk: small one refused");
	tap_ok(store_count(store) == before + (uint64_t)naccepted,
	    "only accepted ones stored");
	store_limit_pages(store, 1000000);
	one(1000000);
	tap_ok(last_reply == REPLY_QUEUED, "room again: large one accepted");
	one(60000);
	tap_ok(last_reply == REPLY_QUEUED, "room again: small one accepted");
	tap_ok(incoming_open_count() == 0 && incoming_memory() == 0,
	    "nothing stays");
}

/* One BODY of size bytes in a session of this net. */
static void
body_of(uint32_t net, uint32_t n, size_t size)
{
	session = (uint64_t)net << 32 | n;
	body(1, size);
}

/* One net cannot take what the others need. */
static void
test_shares(void)
{
	uint32_t i;

	incoming_limit_open(10, 1000);
	for (i = 1; i <= 20; i++)
		body_of(7, i, 10);
	tap_ok(incoming_open_count() == 5, "one net opens half of them");
	for (i = 1; i <= 20; i++)
		body_of(8, i, 10);
	tap_ok(incoming_open_count() == 10, "the other half is the other's");
	incoming_drop_peer(7);
	for (i = 21; i <= 40; i++)
		body_of(8, i, 10);
	tap_ok(incoming_open_count() == 5, "which has no more, even so");
	for (i = 1; i <= 20; i++)
		body_of(9, i, 10);
	tap_ok(incoming_open_count() == 10, "a third one has its own");
	incoming_drop_peer(8);
	incoming_drop_peer(9);
	tap_ok(incoming_open_count() == 0 && incoming_memory() == 0,
	    "nothing stays");
	incoming_limit_open(1000, 1000);
	incoming_limit_memory(2000000);
	for (i = 1; i <= 100; i++)
		body_of(7, i, 50000);
	tap_ok(incoming_memory() > 500000 && incoming_memory() < 1100000,
	    "one net holds half of the memory: %llu",
	    (unsigned long long)incoming_memory());
	for (i = 1; i <= 10; i++)
		body_of(8, i, 50000);
	tap_ok(incoming_memory() >= 1400000, "the other still has its own");
	incoming_drop_peer(7);
	incoming_drop_peer(8);
	incoming_commit_chunks();
	tap_ok(incoming_open_count() == 0 && incoming_memory() == 0,
	    "nothing stays");
}

/* Recipients are memory as well. */
static void
test_share_of_recipients(void)
{
	uint32_t i, n;

	incoming_limit_open(1000, 20);
	for (i = 1; i <= 5; i++) {
		session = (UINT64_C(7) << 32) | i;
		open_tx(1);
		for (n = 0; n < 4; n++)
			rcpt(1);
		body(1, 10);
		end(1, 10, 4);
	}
	naccepted = ndone = 0;
	turn();
	tap_ok(ndone == 5 && naccepted == 2, "one net has half of the "
	    "recipients: %d", naccepted);
	session = (UINT64_C(8) << 32) | 1;
	open_tx(1);
	for (n = 0; n < 10; n++)
		rcpt(1);
	body(1, 10);
	end(1, 10, 10);
	turn();
	tap_ok(naccepted == 3, "they count only while they are open");
	incoming_limit_open(1000, 1000);
}

/* Some recipients have another sender: one row, two messages in memory. */
static void
test_owners(void)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();

	session = (UINT64_C(7) << 32) | 500;
	open_tx(1);
	rcpt(1);
	owner(1, "owner-l@example.org");
	rcpt(1);
	rcpt(1);
	owner(1, "");
	rcpt(1);
	body(1, 100);
	end(1, 100, 4);
	naccepted = 0;
	senders[0] = '\0';
	turn();
	tap_ok(naccepted == 2 && last_size == 100, "one for each sender");
	tap_is_str(senders, "1:a@example.org 4:a@example.org "
	    "2:owner-l@example.org 3:owner-l@example.org ", "whose is whose");
	tap_ok(store_load(store, last_id << 10 | 3, e, m) == 1, "stored");
	tap_is_str(m->sender, "owner-l@example.org", "with its sender");
	tap_is_str(m->bounce.recipient, "boss@example.org",
	    "and the way of its bounces");
	tap_ok(store_load(store, last_id << 10 | 4, e, m) == 1 &&
	    strcmp(m->sender, "a@example.org") == 0 &&
	    m->bounce.recipient[0] == '\0', "the others with theirs");
	open_tx(2);
	owner(2, "owner-l@example.org");
	rcpt(2);
	incoming_abort(session, 2);
	tap_ok(incoming_open_count() == 0, "an end before its time");
	envelope_free(e);
	message_unref(m);
}

/* What must follow in the same turn: results, changes of the queue. */
static int
store_is_free(void)
{
	if (store_begin(store, 1) == -1)
		return 0;
	store_rollback(store);
	return 1;
}

static void
test_dropped_chunks(void)
{
	char *data = NULL;
	struct message *m = message_new();
	size_t size;
	uint32_t i;

	session = (UINT64_C(7) << 32) | 600;
	for (i = 1; i <= 2; i++, session++) {
		open_tx(1);
		if (i == 1)
			rcpt(1);
		body(1, 200000);
		end(1, 200000, 1);
		incoming_commit_chunks();
		if (i == 1)
			incoming_refuse(REPLY_DISK);
		else
			incoming_expire(1000 + 31000);
		tap_ok(store_is_free(), "%s: the store is free at once",
		    i == 1 ? "refused" : "expired");
	}
	m->body_id = store_new_body_id(store) - 1;
	m->size = 200000;
	tap_ok(store_read_body(store, m, 0, 0, &data, &size) == 1,
	    "its chunks are gone");
	free(data);
	message_unref(m);
	one(200000);
	tap_ok(last_reply == REPLY_QUEUED, "the next one is accepted");
}

/* Between a commit and the end of its flush. */
static void
test_committed(void)
{
	uint64_t first = (UINT64_C(7) << 32) | 620;
	unsigned int was;

	session = first;
	open_tx(1);
	rcpt(1);
	body(1, 200000);
	end(1, 200000, 1);
	incoming_commit_chunks();
	was = incoming_open_count();
	tap_ok(store_begin(store, 1) == 0 && incoming_store(1) == 0 &&
	    store_commit(store) == 0, "committed");
	incoming_committed();
	naccepted = 0;
	last_reply = 0;
	incoming_abort(session, 1);
	incoming_drop_peer(7);
	tap_ok(last_reply == 0 && incoming_open_count() == was,
	    "nothing takes it back");
	/* the same session, and another with half a body */
	open_tx(2);
	rcpt(2);
	body(2, 100);
	end(2, 100, 1);
	session++;
	body(1, 200000);
	incoming_stored();
	tap_ok(naccepted == 1 && last_reply == REPLY_QUEUED &&
	    last_size == 200000, "its end answers it alone");
	incoming_lose_chunks();
	turn();
	tap_ok(naccepted == 2 && last_size == 100 &&
	    last_reply == REPLY_QUEUED, "a body in memory lost nothing");
	open_tx(1);
	rcpt(1);
	body(1, 100);
	end(1, 200100, 1);
	turn();
	tap_ok(naccepted == 2 && last_reply == REPLY_DISK,
	    "one that lost chunks is refused");
}

/* The room on the disk that a commit asks for. */
static void
test_ready_bytes(void)
{
	uint64_t few;
	uint32_t i;

	body_of(7, 700, 60000);
	session++;
	open_tx(1);
	rcpt(1);
	body(1, 100);
	end(1, 100, 1);
	few = incoming_ready_bytes();
	tap_ok(few > 100 && few < 10000, "not that of unfinished bodies");
	session++;
	open_tx(1);
	for (i = 0; i < 100; i++)
		rcpt(1);
	body(1, 100);
	end(1, 100, 100);
	tap_ok(incoming_ready_bytes() > 2 * few + 90 * 300,
	    "but that of recipients");
	turn();
	incoming_drop_peer(7);
}

int
main(void)
{
	struct incoming_def def = { .done = on_done, .accepted = on_accepted };
	char path[64], command[128];

	log_init("incoming_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((def.store = store = store_open(path, 0)) == NULL)
		return 1;
	incoming_init(&def);
	test_scripts();
	test_faults();
	test_sizes();
	test_full();
	test_shares();
	test_share_of_recipients();
	test_owners();
	test_dropped_chunks();
	test_committed();
	test_ready_bytes();
	store_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
