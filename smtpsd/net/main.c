/*
 * net: speaks SMTP with clients.  It holds no private key, no password
 * database and no file; it asks the parent, policy and the queue for
 * everything that matters.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/net_parent.h"
#include "conf.h"
#include "control.h"
#include "keyless.h"
#include "listener.h"
#include "local.h"
#include "policy.h"
#include "queue.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"
#include "tls_io.h"

#define HEAP_KEEP	((size_t)4 << 20)	/* until a crowd leaves: memory.c */

static int
net_warm(void)
{
	tzset();
	return tio_init() == -1 || keyless_init() == -1 ? -1 : 0;
}

static int
net_init(struct link *parent)
{
	(void)parent;
	heap_keep(HEAP_KEEP);
	return session_init();
}

static void
on_parent_auth_done(struct link *link, struct link_in *in)
{
	struct parent_net_auth_done	 done;
	struct session			*s;

	(void)link;
	memcpy(&done, in->data, sizeof(done));
	if ((s = session_find(done.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else if (listener_info(s->listener)->kind == LISTENER_LOCAL)
		local_done(s, done.result, done.user);
	else
		smtp_auth_done(s, done.result, done.user, done.valid_s);
}

static void
on_parent_challenge(struct link *link, struct link_in *in)
{
	struct parent_net_challenge	 m;
	struct session			*s;

	(void)link;
	memcpy(&m, in->data, sizeof(m));
	if ((s = session_find(m.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_auth_challenge(s, (const char *)in->data + sizeof(m),
		    in->size - sizeof(m));
}

static const struct link_rule rules[] = {
	{ MSG_PARENT_NET_CONF, LINK_STATE_ANY, on_parent_conf },
	{ MSG_PARENT_NET_PKI, LINK_STATE_ANY, on_parent_pki },
	{ MSG_PARENT_NET_LISTENER, LINK_STATE_ANY, on_parent_listener },
	{ MSG_PARENT_NET_MECHANISMS, LINK_STATE_ANY, on_parent_mechanisms },
	{ MSG_PARENT_NET_AUTH_DONE, LINK_STATE_ANY, on_parent_auth_done },
	{ MSG_PARENT_NET_AUTH_CHALLENGE, LINK_STATE_ANY, on_parent_challenge },
};

static void
on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	(void)cookie;
	switch (kind) {
	case PROC_SIGN:
		keyless_set_link(fd);
		break;
	case PROC_POLICY:
		policy_set_link(fd, peer_id);
		break;
	case PROC_QUEUE:
		queue_set_link(fd, peer_id);
		break;
	case PROC_CONTROL:
		control_set_link(fd, peer_id);
		break;
	default:
		log_warnx("unexpected link of kind %u", kind);
		close(fd);
	}
}

int
main(int argc, char **argv)
{
	static const struct proc_def	def = {
		.name = "net",
		.kind = PROC_NET,
		.profile = SANDBOX_ACCEPT,
		.warm = net_warm,
		.init = net_init,
		.rules = rules,
		.nrules = sizeof(rules) / sizeof(rules[0]),
		.on_link = on_link,
		.conf_begin = conf_begin,
		.conf_end = conf_end,
		.on_stop = session_stop,
		.turn = session_turn,
	};

	return proc_main(argc, argv, &def);
}
