/* Tests of peerlimit.c: one user's loop is nobody else's loss. */
#define child_peer_bucket	test_child_peer_bucket
#define child_name		test_child_name

#include "base/tap.h"
#include "peerlimit.c"

static struct bucket	 all;

struct bucket *
child_peer_bucket(struct child *c)
{
	(void)c;
	return &all;
}

const char *
child_name(const struct child *c)
{
	(void)c;
	return "net";
}

/* How many of n are let in at once. */
static int
knock(uid_t uid, int n, uint64_t now_ms)
{
	int	 i, in = 0;

	for (i = 0; i < n; i++)
		in += peerlimit_may_ask(NULL, uid, now_ms);
	return in;
}

int
main(void)
{
	uid_t	 uid;
	int	 n, last;

	log_init("test", LOG_TO_STDERR);
	bucket_init(&all, PEER_BURST, 1000);
	tap_ok(knock(1001, 5000, 1000) == (int)PEER_USER_BURST,
	    "a user has his burst");
	tap_ok(knock(1002, 100, 1000) == 100 && knock(0, 100, 1000) == 100,
	    "others have theirs");
	tap_ok(knock(1001, 5000, 2000) == (int)PEER_USER_RATE,
	    "after a second he has that of a second");
	bucket_init(&all, PEER_BURST, 3000);
	for (uid = 2000, n = 0; uid < 2000 + 2 * USERS_MAX; uid++) {
		last = knock(uid, 100, 3000);
		n += last;
		(void)knock(1001, 1, 3000);
	}
	tap_ok(n < (int)PEER_BURST + 1 && n > (int)PEER_BURST / 2 &&
	    last == 0, "all together have that of net: %d", n);
	tap_ok(knock(1001, 5000, 3001) <= 1,
	    "who comes all the time is not forgotten for others");
	return tap_done();
}
