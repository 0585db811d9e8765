/*
 * The parent's whole attack surface as seen by its children: the tables of
 * messages that it takes from each kind, and who handles them.  What is not
 * here is a fault: the link is closed and the child killed.
 */
#include "accuse.h"
#include "authenticate.h"
#include "authoutside.h"
#include "authwork.h"
#include "child.h"
#include "control.h"
#include "deliver.h"
#include "localpeer.h"
#include "proto/control_any.h"
#include "proto/net_parent.h"
#include "proto/parent_auth.h"
#include "proto/parent_backend.h"
#include "proto/parent_policy.h"
#include "proto/parent_queue.h"
#include "proto/parent_relay.h"
#include "rules.h"
#include "sign.h"
#include "unixsock.h"
#include "userdb.h"
#include "wire.h"

#define COMMON \
	{ MSG_ANY_PARENT_READY, CHILD_BOOTING, on_child_ready }, \
	{ MSG_ANY_PARENT_CONF_DONE, CHILD_READY, on_child_conf_done }
/* Of a child that has links with others. */
#define LINKED \
	COMMON, \
	{ MSG_ANY_PARENT_BROKE, CHILD_READY, on_child_broke }

static const struct link_rule net_rules[] = {
	LINKED,
	{ MSG_NET_PARENT_AUTH, CHILD_READY, on_net_auth },
	{ MSG_NET_PARENT_AUTH_STEP, CHILD_READY, on_net_auth_step },
	{ MSG_NET_PARENT_AUTH_CANCEL, CHILD_READY, on_net_auth_cancel },
	{ MSG_NET_PARENT_PEER, CHILD_READY, on_net_peer },
};
static const struct link_rule sign_rules[] = {
	{ MSG_NET_PARENT_SIGN, LINK_STATE_ANY, on_net_sign },
};
static const struct link_rule auth_rules[] = {
	COMMON,
	{ MSG_AUTH_PARENT_RESULT, CHILD_READY, on_auth_result },
	{ MSG_AUTH_PARENT_TOKEN_DONE, CHILD_READY, on_auth_token_done },
};
static const struct link_rule policy_rules[] = {
	LINKED,
	{ MSG_POLICY_PARENT_USER, CHILD_READY, on_policy_user },
};
static const struct link_rule queue_rules[] = {
	LINKED,
	{ MSG_QUEUE_PARENT_DELIVER, CHILD_READY, on_queue_deliver },
	{ MSG_QUEUE_PARENT_DELIVER_KILL, CHILD_READY, on_queue_deliver_kill },
};
static const struct link_rule control_rules[] = {
	LINKED,
	{ MSG_CONTROL_ANY_STATS, CHILD_READY, on_control_stats },
	{ MSG_CONTROL_PARENT_RELOAD, CHILD_READY, on_control_reload },
	{ MSG_CONTROL_PARENT_STOP, CHILD_READY, on_control_stop },
	{ MSG_CONTROL_PARENT_USERS, CHILD_READY, on_control_users },
};
static const struct link_rule login_rules[] = {
	COMMON,
	{ MSG_BACKEND_PARENT_RESULT, CHILD_READY, on_backend_result },
};
static const struct link_rule dovecot_rules[] = {
	COMMON,
	{ MSG_BACKEND_PARENT_RESULT, CHILD_READY, on_backend_result },
	{ MSG_DOVECOT_PARENT_CONNECT, CHILD_READY, on_dovecot_connect },
};
static const struct link_rule relay_rules[] = {
	LINKED,
	{ MSG_RELAY_PARENT_CONNECT, CHILD_READY, on_relay_connect },
};
static const struct link_rule resolver_rules[] = {
	LINKED,
};
static const struct link_rule deliver_rules[] = {
	{ MSG_ANY_PARENT_READY, CHILD_BOOTING, on_deliver_ready },
	{ MSG_ANY_PARENT_CONF_DONE, LINK_STATE_ANY, on_deliver_conf_done },
};

#define TABLE(t)	(*n = sizeof(t) / sizeof((t)[0]), (t))

const struct link_rule *
rules_of(enum proc_kind kind, size_t *n)
{
	switch (kind) {
	case PROC_NET:
		return TABLE(net_rules);
	case PROC_SIGN:
		return TABLE(sign_rules);
	case PROC_AUTH:
		return TABLE(auth_rules);
	case PROC_POLICY:
		return TABLE(policy_rules);
	case PROC_QUEUE:
		return TABLE(queue_rules);
	case PROC_CONTROL:
		return TABLE(control_rules);
	case PROC_LOGIN:
		return TABLE(login_rules);
	case PROC_DOVECOT:
		return TABLE(dovecot_rules);
	case PROC_RELAY:
		return TABLE(relay_rules);
	case PROC_RESOLVER:
		return TABLE(resolver_rules);
	case PROC_DELIVER:
		return TABLE(deliver_rules);
	default:
		*n = 0;
		return NULL;
	}
}
