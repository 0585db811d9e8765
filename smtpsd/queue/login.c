/*
 * Gathers the logins of a second and stores them in one transaction without
 * a flush, so that a login costs no write of its own.  kill -9 loses that
 * second, a power failure what no accepted message has carried to the disk
 * since.  A failure to store is logged and costs no mail.  State owned: what
 * waits, in the order in which it came.
 */
#include <stdlib.h>

#include "base/link.h"
#include "base/proc.h"
#include "login.h"
#include "proto/parent_queue.h"
#include "store.h"

#define WAITING_MAX	1024
#define WAIT_MS		1000

static struct store *store;
static struct parent_queue_login *waiting;
static size_t nwaiting, room;
static uint64_t first_ms;

void
login_init(struct store *s)
{
	store = s;
}

void
on_parent_login(struct link *link, struct link_in *in)
{
	const struct parent_queue_login *m = in->data;
	struct parent_queue_login *more;
	size_t n;

	(void)link;
	if (m->login[0] == '\0' || store == NULL)
		return;
	if (nwaiting == WAITING_MAX)
		login_store();
	if (nwaiting == WAITING_MAX)
		return;
	if (nwaiting == room) {
		n = room == 0 ? 16 : room * 2;
		if ((more = reallocarray(waiting, n, sizeof(*more))) == NULL)
			return;
		waiting = more;
		room = n;
	}
	if (nwaiting == 0)
		first_ms = proc_now_ms();
	waiting[nwaiting++] = *m;
}

void
login_store(void)
{
	size_t i, n = nwaiting;

	/* not into the chunks of this turn */
	if (!store_is_idle(store))
		return;
	nwaiting = 0;
	if (n == 0 || store_begin(store, 0) == -1)
		return;
	for (i = 0; i < n; i++)
		if (store_set_login(store, waiting[i].login,
		    waiting[i].used_s) == -1)
			break;
	if (i < n || store_commit(store) == -1)
		store_rollback(store);
}

void
login_turn(uint64_t now_ms)
{
	if (nwaiting > 0 && now_ms - first_ms >= WAIT_MS)
		login_store();
}
