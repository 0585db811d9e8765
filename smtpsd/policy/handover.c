/*
 * The link to the queue.  OPEN and RCPT go out at the end of the turn.
 * CANCELs are gathered and go out once a second, so that a transaction that
 * ended costs the queue no wake-up of its own, and so that one which the
 * queue is just committing is committed before its CANCEL comes.  When the
 * queue goes, what it was handed is void: transactions compare generations.
 */
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "handover.h"
#include "quota.h"
#include "route.h"

#define OWED_MAX	4096
#define STUFFED		(32U << 20)	/* bytes that the queue does not read */
#define BUSY		(4U << 20)	/* the same, for those with long lists */
#define LINK_BUFFER	(1 << 20)	/* bytes */

static struct link	*queue;
static uint32_t		 generation;
static struct {
	uint64_t	session;
	uint32_t	tx;
}			 owed[OWED_MAX];
static unsigned int	 nowed;

static void	on_queue_usage(struct link *, struct link_in *);

static const struct link_rule	rules[] = {
	{ MSG_QUEUE_POLICY_USAGE, LINK_STATE_ANY, on_queue_usage },
	{ MSG_QUEUE_POLICY_ROUTE, LINK_STATE_ANY, on_queue_route },
};

static void
on_queue_usage(struct link *link, struct link_in *in)
{
	(void)link;
	quota_restore(in->data, proc_now_s());
}

static void
on_down(struct link *link, const char *why)
{
	if (link != queue)
		return;
	log_warnx("queue is gone%s%s", why != NULL ? ": " : "",
	    why != NULL ? why : "");
	queue = NULL;
	nowed = 0;
	route_forget();
}

void
handover_link(uint32_t peer_id, int fd)
{
	struct link_end	 end;
	struct link	*link;

	memset(&end, 0, sizeof(end));
	end.name = "queue";
	end.rules = rules;
	end.nrules = sizeof(rules) / sizeof(rules[0]);
	end.down = on_down;
	end.peer_id = peer_id;
	if ((link = link_new(fd, &end)) == NULL) {
		log_warn("queue link");
		close(fd);
		return;
	}
	link_set_buffer(link, LINK_BUFFER);
	link_close(queue);
	queue = link;
	nowed = 0;
	route_forget();
	quota_owe_all();
	if (++generation == 0)
		generation = 1;
}

uint32_t
handover_generation(void)
{
	if (queue == NULL || link_queued(queue) > STUFFED)
		return 0;
	return generation;
}

int
handover_is_busy(void)
{
	return queue == NULL || link_queued(queue) > BUSY;
}

int
handover_open(const struct policy_queue_open *open, const char *envid)
{
	return link_send_tail(queue, MSG_POLICY_QUEUE_OPEN, open,
	    sizeof(*open), envid, strlen(envid));
}

int
handover_rcpt(const struct policy_queue_rcpt *rcpt, const char *orcpt)
{
	return link_send_tail(queue, MSG_POLICY_QUEUE_RCPT, rcpt,
	    sizeof(*rcpt), orcpt, strlen(orcpt));
}

int
handover_owner(const struct policy_queue_owner *owner)
{
	return link_send(queue, MSG_POLICY_QUEUE_OWNER, owner, sizeof(*owner));
}

int
handover_answer(uint32_t type, const void *data, size_t size)
{
	return link_send(queue, type, data, size);
}

int
handover_usage(const struct user_usage *usage)
{
	return link_send(queue, MSG_POLICY_QUEUE_USAGE, usage, sizeof(*usage));
}

void
handover_cancel(uint64_t session, uint32_t tx, uint32_t told)
{
	if (queue == NULL || told != generation)
		return;
	if (nowed == OWED_MAX)
		handover_pay();
	owed[nowed].session = session;
	owed[nowed++].tx = tx;
}

int
handover_owes(void)
{
	return nowed > 0;
}

void
handover_pay(void)
{
	struct policy_queue_cancel	 cancel;
	unsigned int			 i, n = nowed;

	nowed = 0;
	memset(&cancel, 0, sizeof(cancel));
	for (i = 0; i < n; i++) {
		cancel.session = owed[i].session;
		cancel.tx = owed[i].tx;
		if (link_send(queue, MSG_POLICY_QUEUE_CANCEL, &cancel,
		    sizeof(cancel)) == -1)
			return;
	}
}
