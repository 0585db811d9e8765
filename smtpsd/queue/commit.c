/*
 * The group commit.  Called at the end of each turn, before links are
 * flushed: first the chunks of unfinished bodies, without a flush; then all
 * accepted messages and all results in one durable transaction; only then
 * answers and hand-over to the schedule.  If it fails, nothing of it is
 * stored: the messages are refused with "insufficient storage", results are
 * kept and tried again alone after a second: they free what others would fill
 * again and again.
 */
#include "commit.h"
#include "incoming.h"
#include "mail/reply.h"
#include "result.h"
#include "store.h"
#include "usage.h"

#define RESULT_DELAY_MS		5	/* to ride with accepted messages */
#define FAILURE_DELAY_MS	1000

static struct store *store;
static struct commit_stats stats;
static uint64_t hold_until_ms;		/* results, after a failure */
static int is_alone;			/* results, since a failure */

void
commit_init(struct store *s)
{
	store = s;
}

static int
results_are_due(uint64_t now_ms)
{
	return result_waiting() > 0 && now_ms >= hold_until_ms &&
	    now_ms - result_first_ms() >= RESULT_DELAY_MS;
}

/* All or nothing. */
static int
commit_all(uint64_t now_s, int with_messages, int with_results)
{
	if (store_begin(store, 1) == 0 &&
	    (!with_messages || incoming_store(now_s) == 0) &&
	    (!with_results || result_store(store, now_s) == 0) &&
	    store_commit(store) == 0)
		return 0;
	store_rollback(store);
	result_forget();
	return -1;
}

static void
hold_results(uint64_t now_ms)
{
	is_alone = 1;
	hold_until_ms = now_ms + FAILURE_DELAY_MS;
}

static void
commit_results(uint64_t now_ms, uint64_t now_s)
{
	if (commit_all(now_s, 0, 1) == -1) {
		hold_results(now_ms);
		return;
	}
	is_alone = 0;
	stats.commits++;
	result_stored(now_s);
}

static void
commit_messages(uint64_t now_ms, uint64_t now_s, unsigned int n)
{
	int with_results = result_waiting() > 0 && !is_alone;

	if (commit_all(now_s, 1, with_results) == -1) {
		if (with_results)
			hold_results(now_ms);
		stats.refused += n;
		incoming_refuse(REPLY_DISK);
		return;
	}
	stats.commits++;
	stats.accepted += n;
	if (n > stats.largest)
		stats.largest = n;
	incoming_stored();
	if (with_results)
		result_stored(now_s);
}

void
commit_turn(uint64_t now_ms, uint64_t now_s)
{
	unsigned int n;

	incoming_commit_chunks();
	usage_turn();
	n = incoming_ready();
	if (n > 0 && !store_has_room(store, incoming_ready_bytes())) {
		/* what is left is for results, which free some */
		stats.refused += n;
		incoming_refuse(REPLY_DISK);
		n = 0;
	}
	if ((n == 0 || is_alone) && results_are_due(now_ms))
		commit_results(now_ms, now_s);
	if (n > 0)
		commit_messages(now_ms, now_s, n);
}

uint32_t
commit_wait_ms(uint64_t now_ms, uint32_t limit)
{
	uint64_t due_ms;

	if (result_waiting() == 0)
		return limit;
	due_ms = result_first_ms() + RESULT_DELAY_MS;
	if (due_ms < hold_until_ms)
		due_ms = hold_until_ms;
	if (due_ms <= now_ms)
		return 1;
	return due_ms - now_ms < limit ? (uint32_t)(due_ms - now_ms) : limit;
}

void
commit_stats(struct commit_stats *out)
{
	*out = stats;
}
