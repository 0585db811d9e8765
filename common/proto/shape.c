/*
 * The table of message shapes.  Every MSG_ of the headers in this folder has
 * one row: its struct, the longest tail, whether a descriptor comes with it,
 * whether it is secret, and which char arrays must be terminated.  Rows are
 * sorted by type, so that a look-up is a binary search.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/link.h"

#include "boot.h"
#include "control_any.h"
#include "ctl.h"
#include "net_parent.h"
#include "net_policy.h"
#include "net_queue.h"
#include "parent_auth.h"
#include "parent_backend.h"
#include "parent_deliver.h"
#include "parent_policy.h"
#include "parent_queue.h"
#include "parent_relay.h"
#include "policy_queue.h"
#include "queue_agent.h"
#include "relay_resolver.h"
#include "shape.h"

#define STR(s, member) \
	{ offsetof(struct s, member), sizeof(((struct s *)0)->member) }
#define NO_STRINGS	{ { 0, 0 } }

/* A message that is just its struct; with a tail; with a descriptor. */
#define FIXED(type, s, secret, ...) \
	{ type, #type, sizeof(struct s), sizeof(struct s), 0, secret, \
	    { __VA_ARGS__ } }
#define TAILED(type, s, least, most, secret, ...) \
	{ type, #type, sizeof(struct s) + (least), sizeof(struct s) + (most), \
	    0, secret, { __VA_ARGS__ } }
#define WITH_FD(type, s, ...) \
	{ type, #type, sizeof(struct s), sizeof(struct s), 1, 0, \
	    { __VA_ARGS__ } }
#define EMPTY(type)	{ type, #type, 0, 0, 0, 0, NO_STRINGS }
/* Not by the others: a macro's argument would lose its name on the way. */
#define PIECE(type, secret) \
	{ type, #type, sizeof(struct conf_piece), sizeof(struct conf_piece) + \
	    BLOB_PIECE_MAX, 0, secret, { STR(conf_piece, name) } }
#define PLAIN(type, s) \
	{ type, #type, sizeof(struct s), sizeof(struct s), 0, 0, NO_STRINGS }

static const struct link_shape shapes[] = {
	FIXED(MSG_PARENT_ANY_BOOT, parent_any_boot, 0,
	    STR(parent_any_boot, root)),
	WITH_FD(MSG_PARENT_ANY_LINK, parent_any_link, { 0, 0 }),
	PLAIN(MSG_PARENT_ANY_CONF_BEGIN, any_conf),
	PLAIN(MSG_PARENT_ANY_CONF_END, any_conf),
	PLAIN(MSG_PARENT_ANY_VERBOSE, parent_any_verbose),
	EMPTY(MSG_PARENT_ANY_STOP),
	EMPTY(MSG_ANY_PARENT_READY),
	PLAIN(MSG_ANY_PARENT_CONF_DONE, any_conf),
	PLAIN(MSG_ANY_PARENT_BROKE, any_parent_broke),

	FIXED(MSG_PARENT_NET_CONF, parent_net_conf, 0,
	    STR(parent_net_conf, hostname)),
	PIECE(MSG_PARENT_NET_PKI, 0),
	WITH_FD(MSG_PARENT_NET_LISTENER, parent_net_listener,
	    STR(parent_net_listener, hostname), STR(parent_net_listener, tag),
	    STR(parent_net_listener, address),
	    STR(parent_net_listener, ciphers)),
	FIXED(MSG_PARENT_NET_AUTH_DONE, parent_net_auth_done, 0,
	    STR(parent_net_auth_done, user)),
	TAILED(MSG_PARENT_NET_SIGN_DONE, parent_net_sign_done, 0, SIGN_TAIL_MAX,
	    0, { 0, 0 }),
	TAILED(MSG_PARENT_NET_AUTH_CHALLENGE, parent_net_challenge, 1,
	    CHALLENGE_MAX, 0, { 0, 0 }),
	PLAIN(MSG_PARENT_NET_MECHANISMS, parent_net_mechanisms),
	TAILED(MSG_NET_PARENT_AUTH, net_parent_auth, 1, AUTH_TAIL_MAX, 1,
	    STR(net_parent_auth, address)),
	PLAIN(MSG_NET_PARENT_AUTH_CANCEL, net_parent_session),
	TAILED(MSG_NET_PARENT_SIGN, net_parent_sign, 1, SIGN_TAIL_MAX, 0,
	    { 0, 0 }),
	TAILED(MSG_NET_PARENT_AUTH_STEP, net_parent_step, 0, AUTH_TAIL_MAX, 1,
	    { 0, 0 }),
	WITH_FD(MSG_NET_PARENT_PEER, net_parent_peer, { 0, 0 }),

	TAILED(MSG_NET_POLICY_MAIL, net_policy_mail, 0, ENVID_MAX, 0,
	    STR(net_policy_mail, address), STR(net_policy_mail, helo),
	    STR(net_policy_mail, sender)),
	TAILED(MSG_NET_POLICY_RCPT, net_policy_rcpt, 0, ORCPT_MAX, 0,
	    STR(net_policy_rcpt, recipient)),
	PLAIN(MSG_NET_POLICY_RESET, net_policy_session),
	PLAIN(MSG_NET_POLICY_END, net_policy_session),
	TAILED(MSG_NET_POLICY_HEADER, net_policy_header, 2, HEADER_TAIL_MAX, 0,
	    { 0, 0 }),
	TAILED(MSG_POLICY_NET_MAIL_DONE, policy_net_mail_done, 0, REPLY_ARG_MAX,
	    0, { 0, 0 }),
	TAILED(MSG_POLICY_NET_RCPT_DONE, policy_net_rcpt_done, 0, REPLY_ARG_MAX,
	    0, { 0, 0 }),
	PLAIN(MSG_POLICY_NET_HEADER_DONE, policy_net_header_done),
	PLAIN(MSG_POLICY_NET_REVOKED, policy_net_revoked),

	TAILED(MSG_NET_QUEUE_BODY, net_queue_body, 1, BODY_PIECE_MAX, 0,
	    { 0, 0 }),
	PLAIN(MSG_NET_QUEUE_END, net_queue_end),
	PLAIN(MSG_NET_QUEUE_ABORT, net_queue_body),
	PLAIN(MSG_QUEUE_NET_DONE, queue_net_done),

	TAILED(MSG_POLICY_QUEUE_OPEN, policy_queue_open, 0, ENVID_MAX, 0,
	    STR(policy_queue_open, sender), STR(policy_queue_open, user),
	    STR(policy_queue_open, address),
	    STR(policy_queue_open, bounce.action),
	    STR(policy_queue_open, bounce.user),
	    STR(policy_queue_open, bounce.recipient)),
	TAILED(MSG_POLICY_QUEUE_RCPT, policy_queue_rcpt, 0, ORCPT_MAX, 0,
	    STR(policy_queue_rcpt, action), STR(policy_queue_rcpt, recipient),
	    STR(policy_queue_rcpt, original), STR(policy_queue_rcpt, user)),
	PLAIN(MSG_POLICY_QUEUE_CANCEL, policy_queue_cancel),
	FIXED(MSG_POLICY_QUEUE_USAGE, user_usage, 0, STR(user_usage, user)),
	FIXED(MSG_POLICY_QUEUE_OWNER, policy_queue_owner, 0,
	    STR(policy_queue_owner, sender),
	    STR(policy_queue_owner, bounce.action),
	    STR(policy_queue_owner, bounce.user),
	    STR(policy_queue_owner, bounce.recipient)),
	FIXED(MSG_POLICY_QUEUE_ROUTED, policy_queue_rcpt, 0,
	    STR(policy_queue_rcpt, action), STR(policy_queue_rcpt, recipient),
	    STR(policy_queue_rcpt, original), STR(policy_queue_rcpt, user)),
	FIXED(MSG_POLICY_QUEUE_ROUTED_OWNER, policy_queue_owner, 0,
	    STR(policy_queue_owner, sender),
	    STR(policy_queue_owner, bounce.action),
	    STR(policy_queue_owner, bounce.user),
	    STR(policy_queue_owner, bounce.recipient)),
	PLAIN(MSG_POLICY_QUEUE_ROUTED_DONE, policy_queue_routed_done),
	FIXED(MSG_QUEUE_POLICY_USAGE, user_usage, 0, STR(user_usage, user)),
	FIXED(MSG_QUEUE_POLICY_ROUTE, queue_policy_route, 0,
	    STR(queue_policy_route, user), STR(queue_policy_route, sender),
	    STR(queue_policy_route, recipient)),

	FIXED(MSG_PARENT_POLICY_CONF, parent_policy_conf, 0,
	    STR(parent_policy_conf, hostname)),
	PIECE(MSG_PARENT_POLICY_TABLE, 0),
	FIXED(MSG_PARENT_POLICY_ACTION, parent_policy_action, 0,
	    STR(parent_policy_action, name), STR(parent_policy_action, user),
	    STR(parent_policy_action, target_user),
	    STR(parent_policy_action, text)),
	FIXED(MSG_PARENT_POLICY_RULE, parent_policy_rule, 0,
	    STR(parent_policy_rule, tag), STR(parent_policy_rule, action)),
	FIXED(MSG_PARENT_POLICY_LISTENER, parent_policy_listener, 0,
	    STR(parent_policy_listener, hostname),
	    STR(parent_policy_listener, tag)),
	FIXED(MSG_PARENT_POLICY_AUTHENTICATED, parent_policy_authenticated, 0,
	    STR(parent_policy_authenticated, user),
	    STR(parent_policy_authenticated, device),
	    STR(parent_policy_authenticated, scope)),
	FIXED(MSG_PARENT_POLICY_USER_DONE, parent_policy_user_done, 0,
	    STR(parent_policy_user_done, name)),
	FIXED(MSG_PARENT_POLICY_REVOKED, parent_policy_revoked, 0,
	    STR(parent_policy_revoked, user),
	    STR(parent_policy_revoked, device)),
	FIXED(MSG_POLICY_PARENT_USER, policy_parent_user, 0,
	    STR(policy_parent_user, name)),

	FIXED(MSG_PARENT_AUTH_CHECK, parent_auth_check, 1,
	    STR(parent_auth_check, hash), STR(parent_auth_check, password)),
	TAILED(MSG_PARENT_AUTH_TOKEN, parent_auth_token, 2, TOKEN_MAX +
	    TOKEN_KEYS_MAX, 1, STR(parent_auth_token, issuer),
	    STR(parent_auth_token, audience), STR(parent_auth_token, user)),
	PLAIN(MSG_AUTH_PARENT_RESULT, auth_parent_result),
	FIXED(MSG_AUTH_PARENT_TOKEN_DONE, auth_parent_token_done, 0,
	    STR(auth_parent_token_done, user),
	    STR(auth_parent_token_done, reason)),

	FIXED(MSG_PARENT_BACKEND_CHECK, parent_backend_check, 1,
	    STR(parent_backend_check, address), STR(parent_backend_check, user),
	    STR(parent_backend_check, password)),
	FIXED(MSG_PARENT_DOVECOT_CONF, parent_dovecot_conf, 0,
	    STR(parent_dovecot_conf, path)),
	{ MSG_PARENT_DOVECOT_SOCKET, "MSG_PARENT_DOVECOT_SOCKET", 0, 0, 1, 0,
	    NO_STRINGS },
	EMPTY(MSG_PARENT_DOVECOT_REFUSED),
	FIXED(MSG_BACKEND_PARENT_RESULT, backend_parent_result, 0,
	    STR(backend_parent_result, user),
	    STR(backend_parent_result, reason)),
	EMPTY(MSG_DOVECOT_PARENT_CONNECT),

	FIXED(MSG_PARENT_QUEUE_CONF, parent_queue_conf, 0,
	    STR(parent_queue_conf, hostname)),
	FIXED(MSG_PARENT_QUEUE_ACTION, parent_queue_action, 0,
	    STR(parent_queue_action, name)),
	FIXED(MSG_PARENT_QUEUE_DELIVER_FAILED, parent_queue_deliver_failed, 0,
	    STR(parent_queue_deliver_failed, text)),
	FIXED(MSG_PARENT_QUEUE_LOGIN, parent_queue_login, 0,
	    STR(parent_queue_login, login)),
	FIXED(MSG_QUEUE_PARENT_DELIVER, queue_parent_deliver, 0,
	    STR(queue_parent_deliver, action), STR(queue_parent_deliver, user)),
	PLAIN(MSG_QUEUE_PARENT_DELIVER_KILL, queue_parent_deliver_kill),

	TAILED(MSG_QUEUE_AGENT_OPEN, queue_agent_open, 0, ENVID_MAX, 0,
	    STR(queue_agent_open, action), STR(queue_agent_open, sender)),
	TAILED(MSG_QUEUE_AGENT_RCPT, queue_agent_rcpt, 0, ORCPT_MAX, 0,
	    STR(queue_agent_rcpt, recipient), STR(queue_agent_rcpt, original)),
	TAILED(MSG_QUEUE_AGENT_BODY, agent_delivery, 1, BODY_PIECE_MAX, 0,
	    { 0, 0 }),
	PLAIN(MSG_QUEUE_AGENT_CANCEL, agent_delivery),
	PLAIN(MSG_AGENT_QUEUE_MORE, agent_delivery),
	FIXED(MSG_AGENT_QUEUE_RESULT, agent_queue_result, 0,
	    STR(agent_queue_result, status), STR(agent_queue_result, remote),
	    STR(agent_queue_result, text)),
	PLAIN(MSG_AGENT_QUEUE_DONE, agent_delivery),
	FIXED(MSG_AGENT_QUEUE_FORWARD, agent_queue_forward, 0,
	    STR(agent_queue_forward, address)),
	PLAIN(MSG_AGENT_QUEUE_ALIVE, agent_delivery),

	FIXED(MSG_PARENT_RELAY_CONF, parent_relay_conf, 0,
	    STR(parent_relay_conf, hostname)),
	FIXED(MSG_PARENT_RELAY_ACTION, parent_relay_action, 1,
	    STR(parent_relay_action, name), STR(parent_relay_action, host),
	    STR(parent_relay_action, helo), STR(parent_relay_action, source4),
	    STR(parent_relay_action, source6), STR(parent_relay_action, pin),
	    STR(parent_relay_action, user), STR(parent_relay_action, password)),
	PIECE(MSG_PARENT_RELAY_CA, 0),
	PIECE(MSG_PARENT_RELAY_POLICY, 0),
	WITH_FD(MSG_PARENT_RELAY_CONNECTED, parent_relay_connected, { 0, 0 }),
	FIXED(MSG_PARENT_RELAY_CONNECT_FAILED, parent_relay_connect_failed, 0,
	    STR(parent_relay_connect_failed, text)),
	FIXED(MSG_RELAY_PARENT_CONNECT, relay_parent_connect, 0,
	    STR(relay_parent_connect, action)),

	FIXED(MSG_RELAY_RESOLVER_HOST, relay_resolver_host, 0,
	    STR(relay_resolver_host, name)),
	FIXED(MSG_RELAY_RESOLVER_MX, relay_resolver_host, 0,
	    STR(relay_resolver_host, name)),
	FIXED(MSG_RELAY_RESOLVER_RECORDS, relay_resolver_records, 0,
	    STR(relay_resolver_records, name)),
	PLAIN(MSG_RESOLVER_RELAY_HOST_DONE, resolver_relay_host_done),
	/* Hosts of the exchangers are checked by relay: there are too many. */
	PLAIN(MSG_RESOLVER_RELAY_MX_DONE, resolver_relay_mx_done),
	TAILED(MSG_RESOLVER_RELAY_RECORDS_DONE, resolver_relay_records_done, 0,
	    RECORDS_TAIL_MAX, 0, { 0, 0 }),
	PIECE(MSG_PARENT_RESOLVER_TEXT, 0),

	FIXED(MSG_PARENT_DELIVER_CONF, parent_deliver_conf, 0,
	    STR(parent_deliver_conf, user), STR(parent_deliver_conf, path),
	    STR(parent_deliver_conf, command), STR(parent_deliver_conf, base),
	    STR(parent_deliver_conf, home)),

	PLAIN(MSG_CONTROL_ANY_STATS, control_request),
	PLAIN(MSG_CONTROL_NET_SESSIONS, control_request),
	PLAIN(MSG_CONTROL_NET_KILL, control_request),
	PLAIN(MSG_CONTROL_QUEUE_LIST, control_request),
	PLAIN(MSG_CONTROL_PARENT_RELOAD, control_request),
	PLAIN(MSG_CONTROL_PARENT_STOP, control_request),
	PLAIN(MSG_CONTROL_PARENT_USERS, control_request),
	TAILED(MSG_CONTROL_POLICY_LIMITS, control_request, 0, LOGIN_SIZE - 1, 0,
	    { 0, 0 }),
	TAILED(MSG_CONTROL_QUEUE_EDIT, control_request, 0, MAILADDR_SIZE - 1, 0,
	    { 0, 0 }),
	TAILED(MSG_CONTROL_QUEUE_MESSAGE, control_request,
	    sizeof(struct message_part), sizeof(struct message_part), 0,
	    { 0, 0 }),
	PLAIN(MSG_CONTROL_NET_LISTENERS, control_request),
	PLAIN(MSG_CONTROL_ANY_PAUSE, control_request),
	TAILED(MSG_CONTROL_QUEUE_LOGINS, control_request, 0, LOGIN_SIZE - 1, 0,
	    { 0, 0 }),
	FIXED(MSG_ANY_CONTROL_STAT, any_control_stat, 0,
	    STR(any_control_stat, name)),
	FIXED(MSG_ANY_CONTROL_DONE, any_control_done, 0,
	    STR(any_control_done, text)),
	FIXED(MSG_NET_CONTROL_SESSION, net_control_session, 0,
	    STR(net_control_session, info.address),
	    STR(net_control_session, info.tls_version),
	    STR(net_control_session, info.tls_cipher),
	    STR(net_control_session, info.state),
	    STR(net_control_session, info.user)),
	FIXED(MSG_QUEUE_CONTROL_ITEM, queue_control_item, 0,
	    STR(queue_control_item, item.action),
	    STR(queue_control_item, item.sender),
	    STR(queue_control_item, item.recipient),
	    STR(queue_control_item, item.error)),
	FIXED(MSG_POLICY_CONTROL_LIMIT, policy_control_limit, 0,
	    STR(policy_control_limit, info.name),
	    STR(policy_control_limit, info.user)),
	FIXED(MSG_NET_CONTROL_LISTENER, net_control_listener, 0,
	    STR(net_control_listener, info.address),
	    STR(net_control_listener, info.tag)),
	TAILED(MSG_QUEUE_CONTROL_BODY, queue_control_body, 1,
	    MESSAGE_PIECE_MAX, 0, { 0, 0 }),
	FIXED(MSG_QUEUE_CONTROL_LOGIN, queue_control_login, 0,
	    STR(queue_control_login, info.login)),
	PLAIN(MSG_PARENT_CONTROL_CONF, parent_control_conf),
	{ MSG_PARENT_CONTROL_SOCKET, "MSG_PARENT_CONTROL_SOCKET", 0, 0, 1, 0,
	    NO_STRINGS },

	PLAIN(MSG_CTL_CONTROL_SESSIONS, ctl_request),
	PLAIN(MSG_CTL_CONTROL_QUEUE, ctl_request),
	PLAIN(MSG_CTL_CONTROL_STATS, ctl_request),
	PLAIN(MSG_CTL_CONTROL_KILL, ctl_request),
	PLAIN(MSG_CTL_CONTROL_RELOAD, ctl_request),
	PLAIN(MSG_CTL_CONTROL_STOP, ctl_request),
	PLAIN(MSG_CTL_CONTROL_USERS, ctl_request),
	TAILED(MSG_CTL_CONTROL_LIMITS, ctl_request, 0, LOGIN_SIZE - 1, 0,
	    { 0, 0 }),
	TAILED(MSG_CTL_CONTROL_EDIT, ctl_request, 0, MAILADDR_SIZE - 1, 0,
	    { 0, 0 }),
	TAILED(MSG_CTL_CONTROL_MESSAGE, ctl_request,
	    sizeof(struct message_part), sizeof(struct message_part), 0,
	    { 0, 0 }),
	PLAIN(MSG_CTL_CONTROL_LISTENERS, ctl_request),
	PLAIN(MSG_CTL_CONTROL_PAUSE, ctl_request),
	TAILED(MSG_CTL_CONTROL_LOGINS, ctl_request, 0, LOGIN_SIZE - 1, 0,
	    { 0, 0 }),
	FIXED(MSG_CONTROL_CTL_SESSION, session_info, 0,
	    STR(session_info, address), STR(session_info, tls_version),
	    STR(session_info, tls_cipher), STR(session_info, state),
	    STR(session_info, user)),
	FIXED(MSG_CONTROL_CTL_ITEM, queue_item, 0,
	    STR(queue_item, action), STR(queue_item, sender),
	    STR(queue_item, recipient), STR(queue_item, error)),
	FIXED(MSG_CONTROL_CTL_STAT, ctl_stat, 0, STR(ctl_stat, name)),
	FIXED(MSG_CONTROL_CTL_DONE, ctl_done, 0, STR(ctl_done, text)),
	FIXED(MSG_CONTROL_CTL_LIMIT, limit_info, 0, STR(limit_info, name),
	    STR(limit_info, user)),
	FIXED(MSG_CONTROL_CTL_LISTENER, listener_info, 0,
	    STR(listener_info, address), STR(listener_info, tag)),
	{ MSG_CONTROL_CTL_BODY, "MSG_CONTROL_CTL_BODY", 1, MESSAGE_PIECE_MAX,
	    0, 0, NO_STRINGS },
	FIXED(MSG_CONTROL_CTL_LOGIN, login_info, 0, STR(login_info, login)),
};

const struct link_shape *
proto_shapes(size_t *n)
{
	*n = sizeof(shapes) / sizeof(shapes[0]);
	return (shapes);
}

const struct link_shape *
proto_shape(uint32_t type)
{
	size_t	 lo = 0, hi = sizeof(shapes) / sizeof(shapes[0]), mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (shapes[mid].type == type)
			return (&shapes[mid]);
		if (shapes[mid].type < type)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (NULL);
}
