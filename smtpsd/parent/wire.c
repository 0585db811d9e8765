/*
 * The links between children.
 *
 * When a process says READY it gets a fresh socketpair to each ready process
 * its kind talks to (the other end goes to the peer, where it replaces the
 * old link), then the configuration.  So the death of one child costs the
 * others only a link.  Called through rules.c; no state of its own.  Knows
 * nothing of what the links carry.
 */
#include <signal.h>
#include <unistd.h>

#include "authoutside.h"
#include "authwork.h"
#include "base/link.h"
#include "base/log.h"
#include "child_impl.h"
#include "kinds.h"
#include "rules.h"
#include "spawn.h"
#include "wire.h"

static void
send_end(struct child *to, enum proc_kind kind, uint32_t peer_id, int fd)
{
	struct parent_any_link	 m = { 0 };

	m.peer_id = peer_id;
	m.kind = kind;
	(void)link_send_fd(to->link, MSG_PARENT_ANY_LINK, fd, &m, sizeof(m));
}

static void
wire(struct child *c, struct child *peer)
{
	int	 fds[2];

	if (spawn_pair(fds) == -1) {
		log_warn("link of %s and %s", c->name, peer->name);
		kill(c->pid, SIGKILL);
		return;
	}
	send_end(peer, c->kind, c->id, fds[0]);
	send_end(c, peer->kind, peer->id, fds[1]);
}

static void
wire_sign(struct child *c)
{
	int	 fds[2];

	if (spawn_pair(fds) == -1) {
		log_warn("signing link of %s", c->name);
		kill(c->pid, SIGKILL);
		return;
	}
	if ((c->sign = child_make_link(c, PROC_SIGN, fds[0])) == NULL) {
		close(fds[1]);
		kill(c->pid, SIGKILL);
		return;
	}
	send_end(c, PROC_SIGN, 0, fds[1]);
}

void
on_child_ready(struct link *link, struct link_in *in)
{
	struct child	*c = link_arg(link), *peer;
	int		 k, i;

	(void)in;
	link_set_state(link, CHILD_READY);
	c->ready = 1;
	log_debug("%s ready: pid %d, id %u", c->name, (int)c->pid, c->id);
	if (c->kind == PROC_NET)
		wire_sign(c);
	for (k = 0; k < KINDS_MAX; k++)
		for (i = 0; i < KINDS_INSTANCES_MAX; i++)
			if ((peer = child_at(k, i)) != NULL && peer != c &&
			    peer->ready && peer->link != NULL &&
			    kinds_are_paired(c->kind, peer->kind))
				wire(c, peer);
	if (child_configure(c) == -1)
		kill(c->pid, SIGKILL);
	if (c->kind == PROC_AUTH)
		authwork_on_ready(c->instance, c->id);
	else
		authoutside_on_ready(c->kind, c->instance, c->id);
}
