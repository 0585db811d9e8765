/*
 * A connection over the network costs a handshake before the parent hears of
 * it; one to a Unix socket costs nothing, and a loop makes 20,000 a second.
 * Each asks the parent for a name.  So they have a budget of their own, apart
 * from that of logins (authlimit.h), and each user has a smaller one, apart
 * from those of others.  Who they are is the kernel's word, not net's.
 *
 * State owned: the budgets of the users who came last.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/bucket.h"
#include "child.h"
#include "peerlimit.h"

#define USERS_MAX	256

static struct user {
	uid_t		 uid;
	uint64_t	 seen;		/* the number of a visit; 0: free */
	struct bucket	 bucket;
} users[USERS_MAX];
static uint64_t	 nvisits;

/* A new one gets the place of whoever was not here for longest. */
static struct user *
find_user(uid_t uid, uint64_t now_ms)
{
	struct user	*oldest = &users[0];
	size_t		 i;

	for (i = 0; i < USERS_MAX; i++) {
		if (users[i].seen != 0 && users[i].uid == uid)
			return &users[i];
		if (users[i].seen < oldest->seen)
			oldest = &users[i];
	}
	oldest->uid = uid;
	bucket_init(&oldest->bucket, PEER_USER_BURST, now_ms);
	return oldest;
}

int
peerlimit_may_ask(struct child *net, uid_t uid, uint64_t now_ms)
{
	struct user	*u = find_user(uid, now_ms);
	struct bucket	*all = child_peer_bucket(net);

	u->seen = ++nvisits;
	if (!bucket_take(&u->bucket, PEER_USER_RATE, PEER_USER_BURST,
	    now_ms)) {
		if (bucket_log_due(&u->bucket, now_ms))
			log_warnx("local socket: uid %lu connects too often: "
			    "refused (%" PRIu64 " so far)", (unsigned long)uid,
			    u->bucket.refused);
		return 0;
	}
	if (bucket_take(all, PEER_RATE, PEER_BURST, now_ms))
		return 1;
	if (bucket_log_due(all, now_ms))
		log_warnx("%s has too many local connections: refused (%" PRIu64
		    " so far)", child_name(net), all->refused);
	return 0;
}
