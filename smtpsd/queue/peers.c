/*
 * The links from net and policy.  State owned: those links.  Everything from
 * net is hostile: a session of another process is a fault, what comes out of
 * order is a fault, what is stale is ignored by incoming.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "forward.h"
#include "incoming.h"
#include "peers.h"
#include "proto/net_queue.h"
#include "proto/policy_queue.h"
#include "usage.h"

#define LINK_BUFFER	(1 << 20)

struct net {
	TAILQ_ENTRY(net) entry;
	struct link	*link;
	uint32_t	 peer_id;
};

static TAILQ_HEAD(, net) nets = TAILQ_HEAD_INITIALIZER(nets);
static struct link *policy;

static int
net_owns(struct link *link, uint64_t session)
{
	if (session >> 32 == link_peer_id(link))
		return 1;
	link_fault(link, "session of another process");
	return 0;
}

static void
on_net_body(struct link *link, struct link_in *in)
{
	const struct net_queue_body *b = in->data;
	const char *why;

	if (net_owns(link, b->session) && incoming_body(b, b + 1,
	    in->size - sizeof(*b), &why) == -1)
		link_fault(link, why);
}

static void
on_net_end(struct link *link, struct link_in *in)
{
	const struct net_queue_end *e = in->data;
	const char *why;

	if (net_owns(link, e->session) &&
	    incoming_end(e, proc_now_ms(), &why) == -1)
		link_fault(link, why);
}

static void
on_net_abort(struct link *link, struct link_in *in)
{
	const struct net_queue_body *b = in->data;

	if (net_owns(link, b->session))
		incoming_abort(b->session, b->tx);
}

static void
net_down(struct link *link, const char *why)
{
	struct net *net = link_arg(link);

	log_info("net link %u down: %s", net->peer_id,
	    why != NULL ? why : "closed");
	TAILQ_REMOVE(&nets, net, entry);
	incoming_drop_peer(net->peer_id);
	free(net);
}

static const struct link_rule net_rules[] = {
	{ MSG_NET_QUEUE_BODY, LINK_STATE_ANY, on_net_body },
	{ MSG_NET_QUEUE_END, LINK_STATE_ANY, on_net_end },
	{ MSG_NET_QUEUE_ABORT, LINK_STATE_ANY, on_net_abort },
};

void
peers_net_link(uint32_t peer_id, int fd)
{
	struct link_end end = { .name = "net", .rules = net_rules,
	    .nrules = sizeof(net_rules) / sizeof(net_rules[0]),
	    .down = net_down, .peer_id = peer_id };
	struct net *net;

	if ((net = calloc(1, sizeof(*net))) == NULL)
		fatal("net link");
	net->peer_id = peer_id;
	end.arg = net;
	if ((net->link = link_new(fd, &end)) == NULL)
		fatal("net link");
	link_set_buffer(net->link, LINK_BUFFER);
	TAILQ_INSERT_TAIL(&nets, net, entry);
}

void
peers_net_done(uint64_t session, uint32_t tx, uint64_t message,
    uint32_t reply)
{
	struct queue_net_done d;
	struct net *net;

	TAILQ_FOREACH(net, &nets, entry)
		if (net->peer_id == session >> 32)
			break;
	if (net == NULL)
		return;
	memset(&d, 0, sizeof(d));
	d.session = session;
	d.message = message;
	d.tx = tx;
	d.reply = reply;
	link_send(net->link, MSG_QUEUE_NET_DONE, &d, sizeof(d));
}

/*
 * One read takes 64 KiB, sixteen small messages; a commit costs the same for
 * a hundred of them.
 */
void
peers_poll(void)
{
	struct net *net, *next;

	if (policy != NULL)
		link_poll(policy);
	TAILQ_FOREACH_SAFE(net, &nets, entry, next)
		link_poll(net->link);
}

unsigned int
peers_count(void)
{
	struct net *net;
	unsigned int n = policy != NULL;

	TAILQ_FOREACH(net, &nets, entry)
		n++;
	return n;
}

static void
on_policy_open(struct link *link, struct link_in *in)
{
	const struct policy_queue_open *o = in->data;

	(void)link;
	incoming_open(o, (const char *)(o + 1), in->size - sizeof(*o),
	    proc_now_ms());
}

static void
on_policy_rcpt(struct link *link, struct link_in *in)
{
	const struct policy_queue_rcpt *r = in->data;

	(void)link;
	incoming_rcpt(r, (const char *)(r + 1), in->size - sizeof(*r));
}

static void
on_policy_owner(struct link *link, struct link_in *in)
{
	(void)link;
	incoming_owner(in->data);
}

static void
on_policy_cancel(struct link *link, struct link_in *in)
{
	const struct policy_queue_cancel *c = in->data;

	(void)link;
	incoming_abort(c->session, c->tx);
}

static void
on_policy_usage(struct link *link, struct link_in *in)
{
	(void)link;
	usage_add(in->data);
}

static void
policy_down(struct link *link, const char *why)
{
	log_info("policy link down: %s", why != NULL ? why : "closed");
	/* a body without all its recipients waits in vain and is refused */
	incoming_drop_bodyless();
	if (link == policy)
		policy = NULL;
	forward_policy(policy);
}

static const struct link_rule policy_rules[] = {
	{ MSG_POLICY_QUEUE_OPEN, LINK_STATE_ANY, on_policy_open },
	{ MSG_POLICY_QUEUE_RCPT, LINK_STATE_ANY, on_policy_rcpt },
	{ MSG_POLICY_QUEUE_OWNER, LINK_STATE_ANY, on_policy_owner },
	{ MSG_POLICY_QUEUE_CANCEL, LINK_STATE_ANY, on_policy_cancel },
	{ MSG_POLICY_QUEUE_USAGE, LINK_STATE_ANY, on_policy_usage },
	{ MSG_POLICY_QUEUE_ROUTED, LINK_STATE_ANY, on_policy_routed },
	{ MSG_POLICY_QUEUE_ROUTED_OWNER, LINK_STATE_ANY,
	    on_policy_routed_owner },
	{ MSG_POLICY_QUEUE_ROUTED_DONE, LINK_STATE_ANY,
	    on_policy_routed_done },
};

void
peers_policy_link(uint32_t peer_id, int fd)
{
	struct link_end end = { .name = "policy", .rules = policy_rules,
	    .nrules = sizeof(policy_rules) / sizeof(policy_rules[0]),
	    .down = policy_down, .peer_id = peer_id };

	/* The last one's end may not have been seen yet. */
	if (policy != NULL)
		incoming_drop_bodyless();
	link_close(policy);
	if ((policy = link_new(fd, &end)) == NULL)
		fatal("policy link");
	link_set_buffer(policy, LINK_BUFFER);
	usage_send(policy, proc_now_s());
	forward_policy(policy);
}
