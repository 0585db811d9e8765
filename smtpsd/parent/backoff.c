/*
 * Exponential back-off against guessing.
 *
 * Used by authenticate.c with two tables.  Attempts of one key stand in line:
 * each waits behind the one before, so opening many connections at once gains
 * nothing.  Only the key that guesses waits; the owner of an account is never
 * locked out from another address.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "backoff.h"

#define BUCKETS		4096
#define GOOD_MS		(24ULL * 3600 * 1000)

struct entry {
	LIST_ENTRY(entry)	 hash;
	TAILQ_ENTRY(entry)	 lru;		/* first: used last */
	uint8_t			 key[BACKOFF_KEY_SIZE];
	uint32_t		 failures;
	uint32_t		 running;
	uint64_t		 last_ms;	/* of forgetting */
	uint64_t		 next_ms;	/* when the line ends */
	uint64_t		 good_ms;	/* 0: never */
};
LIST_HEAD(bucket_head, entry);
TAILQ_HEAD(lru_head, entry);

struct backoff {
	struct backoff_limits	 limits;
	struct bucket_head	 buckets[BUCKETS];
	struct lru_head		 lru;
	size_t			 n, max;
};

struct backoff *
backoff_new(const struct backoff_limits *limits, size_t entries_max)
{
	struct backoff	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->limits = *limits;
	b->max = entries_max;
	TAILQ_INIT(&b->lru);
	return b;
}

static void
drop(struct backoff *b, struct entry *e)
{
	LIST_REMOVE(e, hash);
	TAILQ_REMOVE(&b->lru, e, lru);
	free(e);
	b->n--;
}

void
backoff_free(struct backoff *b)
{
	if (b == NULL)
		return;
	while (!TAILQ_EMPTY(&b->lru))
		drop(b, TAILQ_FIRST(&b->lru));
	free(b);
}

static struct bucket_head *
bucket_of(struct backoff *b, const uint8_t *key)
{
	/* Keys are digests: any bits will do. */
	return &b->buckets[((size_t)key[0] << 8 | key[1]) % BUCKETS];
}

static struct entry *
find(struct backoff *b, const uint8_t *key, uint64_t now_ms)
{
	struct entry	*e;
	uint64_t	 forget;

	LIST_FOREACH(e, bucket_of(b, key), hash) {
		if (memcmp(e->key, key, sizeof(e->key)) == 0)
			break;
	}
	if (e == NULL)
		return NULL;
	forget = (now_ms - e->last_ms) / b->limits.forget_ms;
	if (forget > 0) {
		e->failures -= forget < e->failures ? forget : e->failures;
		e->last_ms += forget * b->limits.forget_ms;
	}
	return e;
}

static struct entry *
find_or_make(struct backoff *b, const uint8_t *key, uint64_t now_ms)
{
	struct entry	*e;

	if ((e = find(b, key, now_ms)) != NULL) {
		TAILQ_REMOVE(&b->lru, e, lru);
		TAILQ_INSERT_HEAD(&b->lru, e, lru);
		return e;
	}
	if (b->n >= b->max)
		drop(b, TAILQ_LAST(&b->lru, lru_head));
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	memcpy(e->key, key, sizeof(e->key));
	e->last_ms = now_ms;
	LIST_INSERT_HEAD(bucket_of(b, key), e, hash);
	TAILQ_INSERT_HEAD(&b->lru, e, lru);
	b->n++;
	return e;
}

static uint64_t
wait_after(const struct backoff_limits *l, uint32_t failures)
{
	uint64_t	 ms = l->first_ms;

	if (failures <= l->nfree)
		return 0;
	for (failures -= l->nfree + 1; failures > 0 && ms < l->max_ms;
	    failures--)
		ms *= 2;
	return ms < l->max_ms ? ms : l->max_ms;
}

int64_t
backoff_enter(struct backoff *b, const uint8_t *key, uint64_t now_ms)
{
	struct entry	*e;
	uint64_t	 slot, wait_ms;
	uint32_t	 failures;

	if ((e = find_or_make(b, key, now_ms)) == NULL)
		return -1;
	if (e->running >= b->limits.running_max)
		return -1;
	failures = e->failures;
	if (b->limits.count_running || failures > 0)
		failures += e->running;
	wait_ms = wait_after(&b->limits, failures);
	slot = now_ms;
	if (wait_ms > 0) {
		if (e->next_ms > slot)
			slot = e->next_ms;
		slot += wait_ms;
	}
	if (slot - now_ms > b->limits.line_max_ms)
		return -1;
	if (slot > e->next_ms)
		e->next_ms = slot;
	e->running++;
	return slot - now_ms;
}

void
backoff_leave(struct backoff *b, const uint8_t *key, enum backoff_result result,
    uint64_t now_ms)
{
	struct entry	*e;

	if ((e = find(b, key, now_ms)) == NULL) {
		/* Pushed out meanwhile; a failure must not be lost by that. */
		if (result != BACKOFF_BAD ||
		    (e = find_or_make(b, key, now_ms)) == NULL)
			return;
	}
	if (e->running > 0)
		e->running--;
	if (result == BACKOFF_BAD) {
		if (e->failures == 0)
			e->last_ms = now_ms;
		if (e->failures < 1000)
			e->failures++;
	} else if (result == BACKOFF_GOOD) {
		e->failures = 0;
		e->next_ms = 0;
		e->good_ms = now_ms == 0 ? 1 : now_ms;
	}
}

int
backoff_was_good(struct backoff *b, const uint8_t *key, uint64_t now_ms)
{
	struct entry	*e = find(b, key, now_ms);

	return e != NULL && e->good_ms != 0 && now_ms - e->good_ms < GOOD_MS;
}

int
backoff_is_marked(struct backoff *b, const uint8_t *key, uint64_t now_ms)
{
	struct entry	*e = find(b, key, now_ms);

	return e != NULL && e->failures > b->limits.nfree;
}

size_t
backoff_size(const struct backoff *b)
{
	return b->n;
}
