/*
 * The link to the queue.
 */
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "queue.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"

#define QUEUE_BUFFER	(1 << 20)	/* bytes in the kernel */

static struct link	*queue;

static void
on_queue_done(struct link *link, struct link_in *in)
{
	struct queue_net_done	 done;
	struct session		*s;

	(void)link;
	memcpy(&done, in->data, sizeof(done));
	if ((s = session_find(done.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_data_done(s, done.tx, done.message, done.reply);
}

static const struct link_rule rules[] = {
	{ MSG_QUEUE_NET_DONE, LINK_STATE_ANY, on_queue_done },
};

static void
queue_is_down(void)
{
	queue = NULL;
	session_each(smtp_queue_down, NULL);
}

static void
on_queue_down(struct link *link, const char *why)
{
	log_warnx("queue: link down: %s", why == NULL ? "closed" : why);
	if (link == queue)
		queue_is_down();
}

void
queue_set_link(int fd, uint32_t peer_id)
{
	struct link_end	end;

	if (queue != NULL) {
		link_close(queue);
		queue_is_down();
	}
	memset(&end, 0, sizeof(end));
	end.name = "queue";
	end.rules = rules;
	end.nrules = sizeof(rules) / sizeof(rules[0]);
	end.down = on_queue_down;
	end.peer_id = peer_id;
	if ((queue = link_new(fd, &end)) == NULL) {
		log_warn("queue: link");
		close(fd);
		return;
	}
	link_set_buffer(queue, QUEUE_BUFFER);
}

int
queue_body(uint64_t session, uint32_t tx, const void *bytes, size_t size)
{
	struct net_queue_body	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	return link_send_tail(queue, MSG_NET_QUEUE_BODY, &m, sizeof(m), bytes,
	    size);
}

int
queue_end(const struct net_queue_end *end)
{
	return link_send(queue, MSG_NET_QUEUE_END, end, sizeof(*end));
}

void
queue_abort(uint64_t session, uint32_t tx)
{
	struct net_queue_body	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	(void)link_send(queue, MSG_NET_QUEUE_ABORT, &m, sizeof(m));
}

size_t
queue_backlog(void)
{
	return queue == NULL ? 0 : link_queued(queue);
}
