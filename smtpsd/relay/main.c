/*
 * relay: sends mail to other hosts.  Only the description of the process is
 * here.
 */
#include <unistd.h>

#include "base/heap.h"
#include "base/link.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/parent_relay.h"

#include <tls.h>

#include "conf.h"
#include "delivery.h"
#include "destination.h"
#include "route.h"
#include "socket.h"
#include "stats.h"
#include "stream.h"

#define HEAP_KEEP	((size_t)4 << 20)

static const struct link_rule parent_rules[] = {
	{ MSG_PARENT_RELAY_CONF, LINK_STATE_ANY, on_parent_relay_conf },
	{ MSG_PARENT_RELAY_ACTION, LINK_STATE_ANY, on_parent_relay_action },
	{ MSG_PARENT_RELAY_CA, LINK_STATE_ANY, on_parent_relay_ca },
	{ MSG_PARENT_RELAY_POLICY, LINK_STATE_ANY, on_parent_relay_policy },
	{ MSG_PARENT_RELAY_CONNECTED, LINK_STATE_ANY,
	    on_parent_relay_connected },
	{ MSG_PARENT_RELAY_CONNECT_FAILED, LINK_STATE_ANY,
	    on_parent_relay_connect_failed },
};

static int
warm(void)
{
	return tls_init();
}

static int
init(struct link *parent)
{
	heap_keep(HEAP_KEEP);
	socket_init(parent);
	destination_init();
	return 0;
}

static void
on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	(void)cookie;
	switch (kind) {
	case PROC_QUEUE:
		delivery_on_link(peer_id, fd);
		break;
	case PROC_RESOLVER:
		route_resolver_link(peer_id, fd);
		break;
	case PROC_CONTROL:
		stats_on_link(peer_id, fd);
		break;
	default:
		close(fd);
	}
}

static int
on_conf_end(void)
{
	if (conf_end() == -1)
		return -1;
	destination_conf_changed();
	return 0;
}

static void
turn(void)
{
	delivery_turn();
	destination_turn();
	stream_flush_all();
}

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "relay",
		.kind = PROC_RELAY,
		.profile = SANDBOX_CONNECT,
		.warm = warm,
		.init = init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = on_link,
		.conf_begin = conf_begin,
		.conf_end = on_conf_end,
		.on_stop = destination_stop,
		.turn = turn,
	};

	return proc_main(argc, argv, &def);
}
