/*
 * The group commit, what is received and the store together, when the flush
 * is beside the loop and fails: what was refused is not seen again, not even
 * in the same turn, and no message is accepted that lost a piece.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "commit.h"
#include "flush.h"
#include "incoming.h"
#include "mail/reply.h"
#include "result.h"
#include "teststore.h"

#define LARGE	400000		/* a commit behind it is heavy */
#define HALF	(LARGE / 2)
#define SMALL	100
#define SESSION	(UINT64_C(7) << 32)

static char dir[] = "/tmp/smtpsd-later.XXXXXX";
static struct store *store;
static atomic_int flush_fails, flush_waits;
static unsigned int nqueued, nrefused, nresults, nheld;
static uint64_t now_ms = 10000;
static uint32_t session;

/* In the place of the system's, for SQLite too. */
int
fdatasync(int fd)
{
	while (flush_waits)
		usleep(1000);
	if (flush_fails > 0) {
		flush_fails--;
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

unsigned int
result_waiting(void)
{
	return nresults;
}

int
result_has_failed(void)
{
	return 0;
}

uint64_t
result_first_ms(void)
{
	return 0;
}

/* One result changes something. */
int
result_store(struct store *s, uint64_t now_s)
{
	return store_set_next(s, UINT64_C(999) << 10 | 1, now_s);
}

void
result_committed(void)
{
	nheld += nresults;
	nresults = 0;
}

void
result_stored(uint64_t now_s)
{
	(void)now_s;
	nheld = 0;
}

void
result_forget(void)
{
	nresults += nheld;
	nheld = 0;
}

static void
on_done(uint64_t s, uint32_t tx, uint64_t message, uint32_t reply)
{
	(void)s;
	(void)tx;
	(void)message;
	nqueued += reply == REPLY_QUEUED;
	nrefused += reply == REPLY_DISK;
}

static void
on_accepted(struct message *m, struct envelope_list *list)
{
	message_unref(m);
	envelope_list_free(list);
}

static void
body(uint32_t n, size_t size)
{
	static char data[BODY_PIECE_MAX];
	struct net_queue_body b = { .session = SESSION + n, .tx = 1 };
	const char *why;
	size_t part;

	for (; size > 0; size -= part) {
		part = size < sizeof(data) ? size : sizeof(data);
		incoming_body(&b, data, part, &why);
	}
}

/* What policy says, and the end. */
static void
end(uint32_t n, size_t size)
{
	struct net_queue_end e = { .session = SESSION + n, .tx = 1,
	    .size = size, .nrcpt = 1 };
	struct policy_queue_open o;
	struct policy_queue_rcpt r;
	const char *why;

	memset(&o, 0, sizeof(o));
	o.session = e.session;
	o.tx = 1;
	o.message = n;
	strlcpy(o.sender, "a@example.org", sizeof(o.sender));
	incoming_open(&o, "", 0, now_ms);
	memset(&r, 0, sizeof(r));
	r.session = e.session;
	r.tx = 1;
	strlcpy(r.action, "out", sizeof(r.action));
	strlcpy(r.recipient, "b@example.net", sizeof(r.recipient));
	incoming_rcpt(&r, "", 0);
	incoming_end(&e, now_ms, &why);
}

static void
start(void)
{
	struct incoming_def def = { .store = store, .done = on_done,
	    .accepted = on_accepted };

	incoming_init(&def);
	commit_init(store);
	incoming_drop_peer(SESSION >> 32);
	incoming_commit_chunks();
}

/* As main.c does it.  1: a commit has ended. */
static int
turn(void)
{
	int has_ended = commit_end(now_ms, NOW);

	incoming_expire(now_ms);
	if (!commit_is_under_way())
		commit_turn(now_ms, NOW);
	return has_ended;
}

/* The flush under way fails so often, or not; then the turn of its end. */
static void
end_flush(int fails)
{
	struct pollfd p = { .fd = flush_fd(), .events = POLLIN };

	flush_fails = fails;
	flush_waits = 0;
	tap_ok(poll(&p, 1, 10000) == 1, "a flush ends");
}

/* Due ones in the store; 0 if it cannot be read. */
static int
due(void)
{
	struct store_cursor cursor = { 0, 0 };
	uint64_t ids[64];
	int n = store_due(store, NOW + 10, &cursor, ids, 64);

	return n == -1 ? 0 : n;
}

/* The next attempt to repair it is in the next second. */
static void
mend(void)
{
	sleep(1);
	tap_ok(store_begin(store, 0) == 0, "mended");
	store_rollback(store);
}

/* Somebody's body, unfinished, makes a small one's commit heavy. */
static void
begin_small(void)
{
	body(++session, LARGE);
	incoming_commit_chunks();
	body(++session, SMALL);
	end(session, SMALL);
	flush_waits = 1;
	turn();
	tap_ok(commit_is_under_way(), "a flush is under way");
}

static void
test_stored(void)
{
	uint64_t count = store_count(store);

	begin_small();
	tap_ok(nqueued == 0 && nrefused == 0 && turn() == 0,
	    "nobody is answered before its end");
	end_flush(0);
	tap_ok(turn() == 1 && nqueued == 1 && nrefused == 0, "then it is");
	tap_ok(due() == 1 && store_count(store) == count + 1, "stored");
}

/* Twice: there is one attempt to repair it in a second. */
static void
test_refused(void)
{
	int had = due(), i;
	uint64_t count = store_count(store);

	for (i = 1; i <= 2; i++) {
		begin_small();
		end_flush(1);
		tap_ok(commit_end(now_ms, NOW) == 1 && nrefused ==
		    (unsigned int)i && nqueued == 1, "it fails: refused");
		tap_ok(due() <= had, "and no attempt is made with it");
		tap_ok(store_count(store) == count, "nor is it counted");
	}
	mend();
	tap_ok(due() == had, "they do not come back");
}

/* Ready meanwhile, with pieces in front of the commit and behind it. */
static void
test_pieces(void)
{
	unsigned int queued = nqueued, refused = nrefused;
	uint32_t n = ++session;

	mend();
	body(n, HALF);
	incoming_commit_chunks();
	nresults = 1;
	body(++session, LARGE);
	flush_waits = 1;
	turn();
	tap_ok(commit_is_under_way(), "results alone are under way");
	body(n, HALF);
	end(n, LARGE);
	turn();
	end_flush(1);
	tap_ok(turn() == 1 && nqueued == queued && nrefused == refused + 1,
	    "a message that lost a piece is not accepted");
}

/* Its net dies meanwhile: nobody hears it, and nothing is left behind. */
static void
test_peer(void)
{
	int had, fails;

	for (fails = 0; fails <= 1; fails++) {
		mend();
		had = due();
		begin_small();
		incoming_drop_peer(SESSION >> 32);
		tap_ok(incoming_open_count() == 1, "what is committed stays");
		end_flush(fails);
		tap_ok(turn() == 1 && incoming_open_count() == 0 &&
		    incoming_memory() == 0, "until the end");
		tap_ok(due() == had + !fails, "stored, or not");
	}
}

/* The process is to end, and waits no longer. */
static void
test_closed(const char *path)
{
	int had, fails;

	for (fails = 0; fails <= 1; fails++) {
		mend();
		had = due();
		begin_small();
		flush_fails = fails;
		flush_waits = 0;
		store_close(store);
		store = teststore_open(path, 1 << 20);
		tap_ok(store != NULL && due() == had + !fails, "closed during "
		    "a flush that %s", fails ? "fails: not there" : "ends well");
		start();
	}
}

/* SQLite flushes nothing then. */
static void
test_nothing(void)
{
	mend();
	body(++session, LARGE);
	incoming_commit_chunks();
	tap_ok(store_is_heavy(store) && store_begin(store, 1) == 0 &&
	    store_commit(store) == 0 && store_is_heavy(store),
	    "what changes nothing flushes nothing");
}

int
main(void)
{
	char path[64];

	log_init("later_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	store = teststore_open(path, 1 << 20);
	if (!tap_ok(store != NULL && flush_init() == 0, "made"))
		return tap_done();
	start();
	test_stored();
	test_refused();
	test_pieces();
	test_nothing();
	test_peer();
	test_closed(path);
	store_close(store);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	tap_ok(system(path) == 0, "cleaned up");
	return tap_done();
}
