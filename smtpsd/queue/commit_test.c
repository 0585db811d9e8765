/*
 * The group commit when the disk takes no message: results, which make room,
 * get in however many messages come.
 */
#include "base/tap.h"
#include "commit.h"
#include "incoming.h"
#include "mail/reply.h"
#include "result.h"
#include "store.h"
#include "usage.h"

static unsigned int nready, nresults, nrefused, naccepted, nstored, in_tx;
static int is_full, fails_results;
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
incoming_stored(void)
{
	naccepted += nready;
	nready = 0;
}

void
incoming_refuse(uint32_t reply)
{
	(void)reply;
	nrefused += nready;
	nready = 0;
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
result_stored(uint64_t now_s)
{
	(void)now_s;
	nstored += nresults;
	nresults = 0;
}

void
result_forget(void)
{
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
	tap_ok(in_tx == 0, "each transaction ends");
	return tap_done();
}
