/*
 * Gathers the usage that came in this turn and stores it in one transaction
 * without a flush: kill -9 loses what policy has not sent yet (a second), a
 * power failure what no accepted message has carried to the disk since.  A
 * failure to store is logged and costs no mail.  State owned: what waits.
 */
#include <stdlib.h>

#include "base/link.h"
#include "base/log.h"
#include "store.h"
#include "usage.h"

#define WAITING_MAX	4096
#define DAY		86400
#define UNREAD_MAX	(LINK_UNREAD_MAX / 2)	/* some 150,000 users */

static struct store *store;
static struct user_usage *waiting;
static size_t nwaiting, room;

void
usage_init(struct store *s)
{
	store = s;
}

void
usage_add(const struct user_usage *u)
{
	struct user_usage *more;
	size_t n;

	if (u->user[0] == '\0' || nwaiting == WAITING_MAX)
		return;
	if (nwaiting == room) {
		n = room == 0 ? 16 : room * 2;
		if ((more = reallocarray(waiting, n, sizeof(*more))) == NULL)
			return;
		waiting = more;
		room = n;
	}
	waiting[nwaiting++] = *u;
}

void
usage_turn(void)
{
	size_t i, n = nwaiting;

	nwaiting = 0;
	if (n == 0 || store_begin(store, 0) == -1)
		return;
	for (i = 0; i < n; i++)
		if (store_set_usage(store, &waiting[i]) == -1)
			break;
	if (i < n || store_commit(store) == -1)
		store_rollback(store);
}

struct sending {
	struct link	*link;
	unsigned int	 nleft;		/* had no room */
};

/* More would be a fault of the link, and cost policy its life. */
static void
send_one(const struct user_usage *u, void *arg)
{
	struct sending *to = arg;

	if (link_queued(to->link) > UNREAD_MAX)
		to->nleft++;
	else
		(void)link_send(to->link, MSG_QUEUE_POLICY_USAGE, u,
		    sizeof(*u));
}

void
usage_send(struct link *policy, uint64_t now_s)
{
	struct sending to = { policy, 0 };

	/* Of the future as well: the clock may have been set back. */
	if (store_list_usage(store, now_s < 2 * DAY ? 0 : now_s / DAY - 1,
	    send_one, &to) == -1)
		log_warnx("usage: quotas begin anew");
	else if (to.nleft > 0)
		log_warnx("usage: quotas of %u users begin anew: there are "
		    "too many", to.nleft);
}
