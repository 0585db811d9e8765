/*
 * The group commit when the disk takes no message: results, which make room,
 * get in however many messages come.  And when the flush is beside the loop:
 * nobody is answered before its end, and one that fails takes all along.
 */
#include "base/tap.h"
#include "commit.h"
#include "incoming.h"
#include "mail/reply.h"
#include "result.h"
#include "store.h"
#include "usage.h"

static unsigned int nready, nresults, nrefused, naccepted, nstored, in_tx;
static unsigned int ncommitted, nheld, nlost;
static int has_failed;			/* some result is still waiting */
static int is_full, fails_results, is_heavy, is_flushing, flush_end;
static uint64_t first_ms;

void
incoming_commit_chunks(void)
{
}

unsigned int
incoming_ready(void)
{
	return nready;
}

uint64_t
incoming_ready_bytes(void)
{
	return 1;
}

int
incoming_store(uint64_t now_s)
{
	(void)now_s;
	return is_full ? -1 : 0;
}

void
incoming_committed(void)
{
	ncommitted += nready;
	nready = 0;
}

void
incoming_stored(void)
{
	naccepted += ncommitted;
	ncommitted = 0;
}

void
incoming_refuse(uint32_t reply)
{
	(void)reply;
	nrefused += nready + ncommitted;
	nready = ncommitted = 0;
}

void
incoming_lose_chunks(void)
{
	nlost++;
}

unsigned int
result_waiting(void)
{
	return nresults;
}

uint64_t
result_first_ms(void)
{
	return first_ms;
}

int
result_store(struct store *s, uint64_t now_s)
{
	(void)s;
	(void)now_s;
	return fails_results ? -1 : 0;
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
	nstored += nheld;
	nheld = 0;
}

void
result_forget(void)
{
	nresults += nheld;
	nheld = 0;
}

int
result_has_failed(void)
{
	return has_failed;
}

int
store_begin(struct store *s, int is_durable)
{
	(void)s;
	(void)is_durable;
	in_tx++;
	return 0;
}

int
store_commit(struct store *s)
{
	(void)s;
	in_tx--;
	return 0;
}

int
store_is_heavy(struct store *s)
{
	(void)s;
	return is_heavy;
}

int
store_commit_later(struct store *s)
{
	is_flushing = 1;
	return store_commit(s);
}

int
store_is_flushing(const struct store *s)
{
	(void)s;
	return is_flushing;
}

int
store_flush_end(struct store *s, int is_waiting)
{
	(void)s;
	(void)is_waiting;
	if (flush_end != 1)
		is_flushing = 0;
	return flush_end;
}

void
store_rollback(struct store *s)
{
	(void)s;
	in_tx--;
}

int
store_has_room(struct store *s, uint64_t bytes)
{
	(void)s;
	(void)bytes;
	return 1;
}

void
usage_turn(void)
{
}

static void
test_later(uint64_t ms)
{
	unsigned int before = naccepted, stored = nstored, refused = nrefused;

	is_heavy = 1;
	flush_end = 1;
	nready = 2;
	nresults = 1;
	tap_ok(commit_end(ms, 1) == 0, "none is under way");
	commit_turn(ms, 1);
	tap_ok(commit_is_under_way(), "one is");
	nready = 3;
	nresults = 2;
	first_ms = ms;
	tap_ok(commit_end(ms + 1, 1) == 0 && naccepted == before &&
	    nstored == stored, "nobody is answered");
	tap_ok(commit_wait_ms(ms + 900, 1000, 0) == 1000, "results can wait");
	tap_ok(commit_wait_ms(ms + 900, 1000, 1) == 1000, "and so can all "
	    "else that writes");
	flush_end = 0;
	tap_ok(commit_end(ms + 2, 1) == 1 && naccepted == before + 2 &&
	    nstored == stored + 1, "at its end all that are in it");
	tap_ok(nready == 3 && nresults == 2 && !commit_is_under_way(),
	    "and no others");
	flush_end = 1;
	commit_turn(ms + 2, 1);
	nready = nresults = 1;
	flush_end = -1;
	tap_ok(commit_end(ms + 3, 1) == 1 && nrefused == refused + 4 &&
	    nlost == 1, "a failure refuses them, and those that are ready");
	tap_ok(nresults == 3 && nstored == stored + 1, "results are kept");
	is_heavy = 0;
	tap_ok(commit_wait_ms(ms + 100, 1000, 0) > 1 &&
	    commit_wait_ms(ms + 100, 1000, 1) == 1, "which goes on then");
	commit_turn(ms + 100, 1);
	tap_ok(nresults == 3, "for a while");
	commit_turn(ms + 2000, 1);
	tap_ok(nresults == 0 && nstored == stored + 4, "and stored then");
}

/* Some of those that failed together are stored, one is still to fail. */
static void
test_suspect(uint64_t ms)
{
	unsigned int accepted = naccepted, refused;

	fails_results = has_failed = 1;
	nresults = nready = 1;
	commit_turn(ms, 1);
	refused = nrefused;
	fails_results = 0;
	commit_turn(ms += 2000, 1);
	fails_results = 1;
	nresults = nready = 1;
	commit_turn(ms += 2000, 1);
	tap_ok(nrefused == refused && naccepted == accepted + 1,
	    "what is to fail takes nobody along");
	fails_results = has_failed = 0;
	commit_turn(ms += 2000, 1);
	nresults = nready = 1;
	commit_turn(ms += 2000, 1);
	commit_turn(ms += 2000, 1);
}

int
main(void)
{
	uint64_t ms = 1000;
	unsigned int i;

	nready = nresults = 1;
	first_ms = ms;
	commit_turn(ms, 1);
	tap_ok(naccepted == 1 && nstored == 1, "a result rides along");
	is_full = 1;
	nresults = 1;
	for (i = 0; i < 30; i++) {
		nready = 1;
		commit_turn(ms += 100, 1);
	}
	tap_ok(nstored == 2, "results get in though each message fails");
	tap_ok(nrefused == 30, "and each is refused");
	is_full = 0;
	fails_results = 1;
	nresults = 1;
	for (i = 0; i < 30; i++) {
		nready = 1;
		commit_turn(ms += 100, 1);
	}
	tap_ok(nrefused == 31, "a result that fails takes one along: %u",
	    nrefused - 30);
	fails_results = 0;
	commit_turn(ms += 2000, 1);
	tap_ok(nstored == 3, "and is stored later");
	nready = nresults = 1;
	commit_turn(ms += 100, 1);
	tap_ok(naccepted == 31 && nstored == 4, "the next rides along again");
	test_suspect(ms += 10000);
	test_later(ms + 10000);
	tap_ok(in_tx == 0, "each transaction ends");
	return tap_done();
}
