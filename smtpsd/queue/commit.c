/*
 * The group commit.  Called at the end of each turn, before links are
 * flushed: first the chunks of unfinished bodies, without a flush; then all
 * accepted messages and all results in one durable transaction; only then
 * answers and hand-over to the schedule.  If it fails, nothing of it is
 * stored: the messages are refused with "insufficient storage", results are
 * kept and tried again alone after a second: they free what others would fill
 * again and again.
 *
 * A commit behind large bodies is under way for some turns, as its flush is
 * beside the loop.  What gets ready meanwhile is in the next one.
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
static struct {
	unsigned int	nmessages;
	int		has_results;
} way;					/* what the commit under way has */

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

static void
commit_stored(uint64_t now_s)
{
	stats.commits++;
	if (way.nmessages > 0) {
		stats.accepted += way.nmessages;
		if (way.nmessages > stats.largest)
			stats.largest = way.nmessages;
		incoming_stored();
	}
	if (way.has_results) {
		result_stored(now_s);
		is_alone = is_alone && result_has_failed();
	}
}

static void
commit_failed(uint64_t now_ms)
{
	result_forget();
	if (way.has_results) {
		is_alone = 1;
		hold_until_ms = now_ms + FAILURE_DELAY_MS;
	}
	if (way.nmessages > 0) {
		stats.refused += way.nmessages;
		incoming_refuse(REPLY_DISK);
	}
}

/* All or nothing. */
static int
commit_all(uint64_t now_s)
{
	int is_heavy = store_is_heavy(store);

	if (store_begin(store, !is_heavy) == 0 &&
	    (way.nmessages == 0 || incoming_store(now_s) == 0) &&
	    (!way.has_results || result_store(store, now_s) == 0) &&
	    (is_heavy ? store_commit_later(store) : store_commit(store)) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

static void
commit(uint64_t now_ms, uint64_t now_s, unsigned int nmessages,
    int has_results)
{
	way.nmessages = nmessages;
	way.has_results = has_results;
	if (commit_all(now_s) == -1) {
		commit_failed(now_ms);
		return;
	}
	if (nmessages > 0)
		incoming_committed();
	if (has_results)
		result_committed();
	if (!store_is_flushing(store))
		commit_stored(now_s);
}

void
commit_turn(uint64_t now_ms, uint64_t now_s)
{
	unsigned int n;

	/* a link that failed at an answer has dropped some */
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
		commit(now_ms, now_s, 0, 1);
	if (n > 0 && !store_is_flushing(store))
		commit(now_ms, now_s, n, result_waiting() > 0 && !is_alone);
}

int
commit_is_under_way(void)
{
	return store_is_flushing(store);
}

int
commit_end(uint64_t now_ms, uint64_t now_s)
{
	incoming_commit_chunks();
	if (!store_is_flushing(store))
		return 0;
	switch (store_flush_end(store, 0)) {
	case 0:
		commit_stored(now_s);
		break;
	case -1:
		incoming_lose_chunks();
		commit_failed(now_ms);
		break;
	default:
		return 0;
	}
	return 1;
}

uint32_t
commit_wait_ms(uint64_t now_ms, uint32_t limit, int is_busy)
{
	uint64_t due_ms;

	/* nothing goes on before its end, which wakes the loop */
	if (store_is_flushing(store))
		return limit;
	if (is_busy)
		return 1;
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
