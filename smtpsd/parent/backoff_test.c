/* Waits of those who guess, and the memo of right passwords. */
#include "backoff.h"
#include "base/tap.h"
#include "base/bucket.h"
#include "memo.h"

static const struct backoff_limits limits = {
	.nfree = 0, .first_ms = 250, .max_ms = 4000, .line_max_ms = 10000,
	.forget_ms = 60000, .running_max = 16, .count_running = 1
};
static const uint8_t	alice[BACKOFF_KEY_SIZE] = "alice";
static const uint8_t	bob[BACKOFF_KEY_SIZE] = "bob";

static void
test_sequence(void)
{
	static const int64_t	 want[] = { 0, 250, 500, 1000, 2000, 4000, 4000 };
	struct backoff		*b = backoff_new(&limits, 100);
	uint64_t		 now = 1000000;
	int64_t			 got;
	size_t			 i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		got = backoff_enter(b, alice, now);
		tap_ok(got == want[i], "after %zu failures: %lld ms", i,
		    (long long)got);
		now += got;
		backoff_leave(b, alice, BACKOFF_BAD, now);
		now += 10;
	}
	tap_ok(backoff_enter(b, bob, now) == 0, "another key does not wait");
	tap_ok(backoff_is_marked(b, alice, now), "marked");
	now += 7 * 60000;
	tap_ok(backoff_enter(b, alice, now) == 0, "forgotten in time");
	backoff_leave(b, alice, BACKOFF_BAD, now);
	tap_ok(backoff_enter(b, alice, now) > 0, "waits again");
	backoff_leave(b, alice, BACKOFF_GOOD, now);
	tap_ok(backoff_enter(b, alice, now) == 0, "free after a good login");
	tap_ok(backoff_was_good(b, alice, now), "was good");
	tap_ok(!backoff_was_good(b, bob, now), "was not good");
	backoff_free(b);
}

/* Many at once must gain nothing. */
static void
test_parallel(void)
{
	struct backoff	*b = backoff_new(&limits, 100);
	int64_t		 got, last = -1, sum = 0;
	int		 i, refused = 0, in_order = 1;

	for (i = 0; i < 50; i++) {
		got = backoff_enter(b, alice, 5000);
		if (got == -1) {
			refused++;
			continue;
		}
		if (got <= last)
			in_order = 0;
		last = got;
		sum += got;
	}
	tap_ok(in_order, "parallel attempts stand in line");
	tap_ok(last <= 10000, "the line is bounded");
	tap_ok(refused >= 40, "%d of 50 refused", refused);
	for (i = 0; i < 50 - refused; i++)
		backoff_leave(b, alice, BACKOFF_NOTHING, 5000);
	tap_ok(sum > 0 && backoff_size(b) == 1, "one entry");
	backoff_free(b);
}

static void
test_bound(void)
{
	struct backoff	*b = backoff_new(&limits, 8);
	uint8_t		 key[BACKOFF_KEY_SIZE] = { 0 };
	int		 i;

	for (i = 0; i < 1000; i++) {
		key[0] = i;
		key[1] = i >> 8;
		(void)backoff_enter(b, key, i);
		backoff_leave(b, key, BACKOFF_BAD, i);
	}
	tap_ok(backoff_size(b) == 8, "never more than the maximum");
	tap_ok(backoff_enter(b, key, 1000) > 0, "the last ones are kept");
	backoff_leave(b, alice, BACKOFF_BAD, 1000);
	tap_ok(backoff_enter(b, alice, 1000) > 0,
	    "a failure counts though its entry was pushed out");
	backoff_free(b);
}

static void
test_memo(void)
{
	uint8_t	 a[MEMO_MAC_SIZE], c[MEMO_MAC_SIZE];

	tap_ok(memo_init() == 0, "memo");
	memo_mac(a, "alice", "$2b$hash", "secret");
	memo_mac(c, "alice", "$2b$hash", "secreT");
	tap_ok(!memo_has(a, 1000), "memo: empty");
	memo_add(a, 1000);
	tap_ok(memo_has(a, 1000 + 299999), "memo: for five minutes");
	tap_ok(!memo_has(a, 1000 + 300000), "memo: not longer");
	tap_ok(!memo_has(c, 1000), "memo: another password");
	memo_mac(c, "alice", "$2b$has", "hsecret");
	tap_ok(memcmp(a, c, sizeof(a)) != 0, "memo: ends of strings count");
	memo_clear();
	tap_ok(!memo_has(a, 1000), "memo: cleared");
}

static void
test_bucket(void)
{
	struct bucket	 b;
	int		 i, n = 0;

	bucket_init(&b, 5, 1000);
	for (i = 0; i < 10; i++)
		n += bucket_take(&b, 2, 5, 1000);
	tap_ok(n == 5, "bucket: burst");
	tap_ok(bucket_log_due(&b, 1000) && !bucket_log_due(&b, 2000),
	    "bucket: logged once a minute");
	tap_ok(bucket_take(&b, 2, 5, 1500), "bucket: fills");
	tap_ok(!bucket_take(&b, 2, 5, 1500), "bucket: at its rate");
	for (i = 0, n = 0; i < 10; i++)
		n += bucket_take(&b, 2, 5, 100000);
	tap_ok(n == 5, "bucket: saves no more than its burst");
}

int
main(void)
{
	test_sequence();
	test_parallel();
	test_bound();
	test_memo();
	test_bucket();
	return tap_done();
}
