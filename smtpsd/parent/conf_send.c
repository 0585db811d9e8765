/*
 * Turns the configuration into the messages that each kind of child gets,
 * between CONF_BEGIN and CONF_END.  What a child must not know is kept from
 * it here: policy never gets a table of passwords, net gets certificates
 * without keys.  Called by the parent at start of a child and at a reload.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/link.h"
#include "conf.h"
#include "conf_target.h"
#include "proto/control_any.h"
#include "proto/parent_backend.h"
#include "proto/parent_queue.h"
#include "proto/relay_resolver.h"

#define RECEIVED_MAX	100	/* RFC 5321 6.3 */

/* All of a blob; one empty piece if it is empty. */
/* A deliver process that has shown nothing for so long is killed. */
#define MAILBOX_STUCK_S	120
#define COMMAND_STUCK_S	30	/* longer than a command may take */

static int
send_blob(struct link *link, uint32_t type, uint32_t id, uint32_t kind,
    const char *name, const char *data, size_t size)
{
	struct conf_piece piece;
	size_t at = 0, n;

	do {
		n = size - at > BLOB_PIECE_MAX ? BLOB_PIECE_MAX : size - at;
		memset(&piece, 0, sizeof(piece));
		piece.id = id;
		piece.kind = kind;
		piece.total = (uint32_t)size;
		piece.offset = (uint32_t)at;
		strlcpy(piece.name, name, sizeof(piece.name));
		if (link_send_tail(link, type, &piece, sizeof(piece),
		    data + at, n) == -1)
			return -1;
		at += n;
	} while (at < size);
	return 0;
}

static uint32_t
table_id(const struct conf_table *t)
{
	return t == NULL ? 0 : t->id;
}

static uint32_t
share_of(uint32_t max, uint16_t procs)
{
	return (max + procs - 1) / procs;
}

static int
send_listener(const struct conf *c, const struct conf_listener *l,
    const struct listener_addr *a, uint32_t pieces, struct link *link)
{
	struct parent_net_listener msg;
	uint32_t i;
	int fd;

	if (a->fd == -1)
		return 0;	/* not bound: nothing to accept on */
	memset(&msg, 0, sizeof(msg));
	msg.id = a->id;
	msg.port = l->port;
	msg.kind = l->kind;
	msg.auth = conf_listener_has_auth(l);
	msg.npki = l->npki;
	msg.flags = l->flags;
	msg.tls = l->tls;
	msg.ca = l->ca_pem != NULL ? pieces : 0;
	msg.nets = l->nets != NULL ? pieces : 0;
	msg.message_max = l->message_max;
	msg.recipients_max = l->recipients_max;
	msg.sessions_max = share_of(l->sessions_max, c->net_procs);
	msg.sessions_per_ip = l->sessions_per_ip;
	strlcpy(msg.ciphers, l->ciphers, sizeof(msg.ciphers));
	for (i = 0; i < l->npki; i++)
		msg.pki[i] = l->pki[i]->id;
	strlcpy(msg.hostname, l->hostname, sizeof(msg.hostname));
	strlcpy(msg.tag, l->tag, sizeof(msg.tag));
	strlcpy(msg.address, a->text, sizeof(msg.address));
	if ((fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 5)) == -1)
		return -1;
	return link_send_fd(link, MSG_PARENT_NET_LISTENER, fd, &msg,
	    sizeof(msg));
}

/*
 * SCRAM only where every user has a verifier: clients choose the strongest
 * mechanism that is offered, and would fail for the others.
 */
static uint32_t
password_mechanisms(const struct conf_listener *l)
{
	uint32_t bits;

	bits = AUTH_BIT(AUTH_PLAIN) | AUTH_BIT(AUTH_LOGIN);
	if (l->auth_system || l->dovecot != 0)
		return bits;
	if (l->users == NULL || l->users->users == NULL)
		return 0;
	if (users_all_have_verifiers(l->users->users))
		bits |= AUTH_BIT(AUTH_SCRAM) | AUTH_BIT(AUTH_SCRAM_PLUS);
	return bits;
}

uint32_t
conf_mechanisms(const struct conf_listener *l)
{
	uint32_t bits = password_mechanisms(l);

	/* net offers it to those who showed a certificate. */
	if (l->certs != NULL)
		bits |= AUTH_BIT(AUTH_EXTERNAL);
	if (l->token != NULL)
		bits |= AUTH_BIT(AUTH_OAUTHBEARER) | AUTH_BIT(AUTH_XOAUTH2);
	return bits;
}

int
conf_send_mechanisms(const struct conf *c, struct link *link)
{
	struct parent_net_mechanisms msg;
	size_t i, j;

	for (i = 0; i < c->nlisteners; i++)
		for (j = 0; j < c->listeners[i]->naddrs; j++) {
			memset(&msg, 0, sizeof(msg));
			msg.listener = c->listeners[i]->addrs[j].id;
			msg.mechanisms = conf_mechanisms(c->listeners[i]);
			if (link_send(link, MSG_PARENT_NET_MECHANISMS, &msg,
			    sizeof(msg)) == -1)
				return -1;
		}
	return 0;
}

static int
send_pki(const struct conf_pki *p, struct link *link)
{
	if (send_blob(link, MSG_PARENT_NET_PKI, p->id, PIECE_CHAIN, p->name,
	    p->chain_pem, p->chain_len) == -1)
		return -1;
	return p->ocsp_der == NULL ? 0 : send_blob(link, MSG_PARENT_NET_PKI,
	    p->id, PIECE_OCSP, p->name, p->ocsp_der, p->ocsp_len);
}

/* One line of the configuration: what its sockets share, then each. */
static int
send_listeners(const struct conf *c, size_t i, struct link *link)
{
	const struct conf_listener *l = c->listeners[i];
	const uint32_t pieces = (uint32_t)i + 1;
	size_t j;

	if (l->ca_pem != NULL && send_blob(link, MSG_PARENT_NET_PKI, pieces,
	    PIECE_CA, "", l->ca_pem, l->ca_len) == -1)
		return -1;
	if (l->nets != NULL && send_blob(link, MSG_PARENT_NET_PKI, pieces,
	    PIECE_NETS, "", l->nets->text, l->nets->size) == -1)
		return -1;
	for (j = 0; j < l->naddrs; j++)
		if (send_listener(c, l, &l->addrs[j], pieces, link) == -1)
			return -1;
	return 0;
}

static int
send_net(const struct conf *c, struct link *link)
{
	struct parent_net_conf msg;
	size_t i;

	memset(&msg, 0, sizeof(msg));
	msg.message_max = c->message_max;
	msg.sessions_max = share_of(c->sessions_max, c->net_procs);
	msg.sessions_per_ip = c->sessions_per_ip;
	msg.recipients_max = c->recipients_max;
	msg.messages_max = c->messages_max;
	msg.errors_max = c->errors_max;
	msg.header_max = c->header_max;
	msg.fields_max = c->fields_max;
	msg.command_s = c->command_s;
	msg.data_s = c->transaction_s;
	msg.auth_s = c->auth_s;
	msg.pace = c->pace;
	msg.received_max = RECEIVED_MAX;
	strlcpy(msg.hostname, c->hostname, sizeof(msg.hostname));
	if (link_send(link, MSG_PARENT_NET_CONF, &msg, sizeof(msg)) == -1)
		return -1;
	for (i = 0; i < c->npkis; i++)
		if (send_pki(c->pkis[i], link) == -1)
			return -1;
	for (i = 0; i < c->nlisteners; i++)
		if (send_listeners(c, i, link) == -1)
			return -1;
	return conf_send_mechanisms(c, link);
}

static int
send_policy_rule(const struct conf_rule *r, struct link *link)
{
	struct parent_policy_rule msg;

	memset(&msg, 0, sizeof(msg));
	msg.line = r->where.line;
	msg.from = r->from;
	msg.to = r->to;
	msg.reject = r->reject != 0;
	msg.from_table = table_id(r->from_table);
	msg.to_table = table_id(r->to_table);
	msg.sender_table = table_id(r->sender_table);
	strlcpy(msg.tag, r->tag, sizeof(msg.tag));
	if (r->action != NULL)
		strlcpy(msg.action, r->action->name, sizeof(msg.action));
	return link_send(link, MSG_PARENT_POLICY_RULE, &msg, sizeof(msg));
}

static int
send_policy_action(const struct conf_action *a, struct link *link)
{
	struct parent_policy_action msg;

	memset(&msg, 0, sizeof(msg));
	msg.alias_table = table_id(a->aliases);
	msg.is_local = action_is_local(a) || a->kind == ACTION_EXPAND ||
	    a->kind == ACTION_LMTP;
	msg.expand_only = a->kind == ACTION_EXPAND;
	msg.needs_home = (uint8_t)action_needs_home(a);
	strlcpy(msg.name, a->name, sizeof(msg.name));
	/* Who has a mailbox there is that server's to say, at RCPT. */
	strlcpy(msg.user, a->kind == ACTION_LMTP ? "lmtp" : a->user,
	    sizeof(msg.user));
	strlcpy(msg.target_user, conf_target_user(a),
	    sizeof(msg.target_user));
	msg.target = a->target;
	if (a->target != TARGET_NONE)
		strlcpy(msg.text, a->target == TARGET_COMMAND ? a->command :
		    a->path, sizeof(msg.text));
	return link_send(link, MSG_PARENT_POLICY_ACTION, &msg, sizeof(msg));
}

static int
send_policy_listener(const struct conf_listener *l, struct link *link)
{
	struct parent_policy_listener msg;
	size_t i;

	for (i = 0; i < l->naddrs; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.id = l->addrs[i].id;
		msg.senders_table = table_id(l->senders);
		msg.kind = l->kind;
		msg.auth = l->kind != LISTENER_SMTP;
		strlcpy(msg.hostname, l->hostname, sizeof(msg.hostname));
		strlcpy(msg.tag, l->tag, sizeof(msg.tag));
		if (link_send(link, MSG_PARENT_POLICY_LISTENER, &msg,
		    sizeof(msg)) == -1)
			return -1;
	}
	return 0;
}

static int
send_policy(const struct conf *c, struct link *link)
{
	struct parent_policy_conf msg;
	const struct conf_table *t;
	size_t i;

	memset(&msg, 0, sizeof(msg));
	msg.message_max = c->message_max;
	msg.recipients_max = c->recipients_max;
	msg.user_sessions = c->user_sessions;
	msg.user_messages_hour = c->user_messages_hour;
	msg.user_messages_day = c->user_messages_day;
	msg.user_recipients_hour = c->user_recipients_hour;
	msg.user_recipients_day = c->user_recipients_day;
	strlcpy(msg.hostname, c->hostname, sizeof(msg.hostname));
	if (link_send(link, MSG_PARENT_POLICY_CONF, &msg, sizeof(msg)) == -1)
		return -1;
	for (i = 0; i < c->ntables; i++) {
		t = c->tables[i];
		if (!conf_table_is_sent(t))
			continue;
		if (send_blob(link, MSG_PARENT_POLICY_TABLE, t->id,
		    t->uses == TABLE_INCLUDE ? TABLE_TARGETS : TABLE_KEYS,
		    t->name, t->text, t->size) == -1)
			return -1;
	}
	for (i = 0; i < c->nactions; i++)
		if (send_policy_action(c->actions[i], link) == -1)
			return -1;
	for (i = 0; i < c->nlisteners; i++)
		if (send_policy_listener(c->listeners[i], link) == -1)
			return -1;
	for (i = 0; i < c->nrules; i++)
		if (send_policy_rule(c->rules[i], link) == -1)
			return -1;
	return 0;
}

static int
send_queue(const struct conf *c, struct link *link)
{
	struct parent_queue_conf msg;
	struct parent_queue_action action;
	size_t i;

	memset(&msg, 0, sizeof(msg));
	msg.message_max = c->message_max;
	msg.expire_s = c->expire_s;
	msg.delay_warning_s = c->delay_warning_s;
	msg.retry_min_s = c->retry_min_s;
	msg.retry_max_s = c->retry_max_s;
	strlcpy(msg.hostname, c->hostname, sizeof(msg.hostname));
	if (link_send(link, MSG_PARENT_QUEUE_CONF, &msg, sizeof(msg)) == -1)
		return -1;
	for (i = 0; i < c->nactions; i++) {
		memset(&action, 0, sizeof(action));
		action.way = c->actions[i]->kind == ACTION_EXPAND ||
		    action_is_local(c->actions[i]) ? QUEUE_LOCAL :
		    c->actions[i]->host[0] == '\0' ? QUEUE_MX : QUEUE_RELAY;
		action.stuck_s = c->actions[i]->kind == ACTION_MDA ?
		    c->actions[i]->command_s + COMMAND_STUCK_S :
		    c->actions[i]->forward ? FORWARD_S + COMMAND_STUCK_S :
		    MAILBOX_STUCK_S;
		action.forward = c->actions[i]->forward != 0;
		strlcpy(action.name, c->actions[i]->name, sizeof(action.name));
		if (link_send(link, MSG_PARENT_QUEUE_ACTION, &action,
		    sizeof(action)) == -1)
			return -1;
	}
	return 0;
}

static int
send_relay_action(const struct conf_action *a, struct link *link)
{
	struct parent_relay_action msg;
	int rc;

	/* Its bundle first, so that it is there when the action comes. */
	if (a->ca_pem != NULL && send_blob(link, MSG_PARENT_RELAY_CA, a->ca_id,
	    0, a->name, a->ca_pem, a->ca_len) == -1)
		return -1;
	if (a->tls_policy != NULL && send_blob(link, MSG_PARENT_RELAY_POLICY,
	    0, 0, a->name, a->tls_policy->text, a->tls_policy->size) == -1)
		return -1;
	memset(&msg, 0, sizeof(msg));
	msg.port = a->port;
	msg.tls = a->tls;
	msg.verify = a->verify != 0;
	msg.ca = a->ca_id;
	strlcpy(msg.name, a->name, sizeof(msg.name));
	strlcpy(msg.host, a->host, sizeof(msg.host));
	strlcpy(msg.helo, a->helo, sizeof(msg.helo));
	strlcpy(msg.source4, a->source4, sizeof(msg.source4));
	strlcpy(msg.source6, a->source6, sizeof(msg.source6));
	strlcpy(msg.pin, a->pin, sizeof(msg.pin));
	msg.connections = a->connections;
	msg.pace = a->pace;
	msg.allow_loopback = a->allow_loopback != 0;
	msg.lmtp = a->kind == ACTION_LMTP;
	msg.is_socket = a->kind == ACTION_LMTP && a->path[0] != '\0';
	strlcpy(msg.user, a->login, sizeof(msg.user));
	strlcpy(msg.password, a->password, sizeof(msg.password));
	rc = link_send(link, MSG_PARENT_RELAY_ACTION, &msg, sizeof(msg));
	explicit_bzero(&msg, sizeof(msg));
	return rc;
}

static int
send_relay(const struct conf *c, struct link *link)
{
	struct parent_relay_conf msg;
	size_t i;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.hostname, c->hostname, sizeof(msg.hostname));
	if (link_send(link, MSG_PARENT_RELAY_CONF, &msg, sizeof(msg)) == -1)
		return -1;
	if (c->ca_pem != NULL && send_blob(link, MSG_PARENT_RELAY_CA, 0, 0, "",
	    c->ca_pem, c->ca_len) == -1)
		return -1;
	for (i = 0; i < c->nactions; i++)
		if ((c->actions[i]->kind == ACTION_RELAY ||
		    c->actions[i]->kind == ACTION_LMTP) &&
		    send_relay_action(c->actions[i], link) == -1)
			return -1;
	return 0;
}

static int
send_resolver(const struct conf *c, struct link *link)
{
	if (c->forwarders != NULL && send_blob(link, MSG_PARENT_RESOLVER_TEXT,
	    0, RESOLVER_FORWARDERS, "", c->forwarders, strlen(c->forwarders))
	    == -1)
		return -1;
	if (c->hosts != NULL && send_blob(link, MSG_PARENT_RESOLVER_TEXT, 0,
	    RESOLVER_HOSTS, "", c->hosts, strlen(c->hosts)) == -1)
		return -1;
	if (c->anchors != NULL && send_blob(link, MSG_PARENT_RESOLVER_TEXT, 0,
	    RESOLVER_ANCHORS, "", c->anchors, strlen(c->anchors)) == -1)
		return -1;
	return 0;
}

static int
send_control(const struct conf *c, struct link *link)
{
	struct parent_control_conf msg;
	int fd;

	memset(&msg, 0, sizeof(msg));
	msg.read_gid = c->control_gid;
	if (link_send(link, MSG_PARENT_CONTROL_CONF, &msg, sizeof(msg)) == -1)
		return -1;
	if (c->control_fd == -1)
		return 0;
	if ((fd = fcntl(c->control_fd, F_DUPFD_CLOEXEC, 5)) == -1)
		return -1;
	return link_send_fd(link, MSG_PARENT_CONTROL_SOCKET, fd, NULL, 0);
}

static int
send_dovecot(const struct conf *c, uint16_t instance, struct link *link)
{
	struct parent_dovecot_conf msg;

	memset(&msg, 0, sizeof(msg));
	if (instance < c->ndovecots)
		strlcpy(msg.path, c->dovecots[instance], sizeof(msg.path));
	return link_send(link, MSG_PARENT_DOVECOT_CONF, &msg, sizeof(msg));
}

static int
send_items(const struct conf *c, enum proc_kind kind, uint16_t instance,
    struct link *link)
{
	switch (kind) {
	case PROC_NET:
		return send_net(c, link);
	case PROC_POLICY:
		return send_policy(c, link);
	case PROC_QUEUE:
		return send_queue(c, link);
	case PROC_RELAY:
		return send_relay(c, link);
	case PROC_RESOLVER:
		return send_resolver(c, link);
	case PROC_CONTROL:
		return send_control(c, link);
	case PROC_DOVECOT:
		return send_dovecot(c, instance, link);
	default:
		return 0;	/* auth and deliver have nothing of this */
	}
}

/* Only of dovecot the instances differ. */
int
conf_send(const struct conf *c, enum proc_kind kind,
    uint16_t instance, struct link *link, uint32_t generation)
{
	struct any_conf msg = { .generation = generation };

	if (link_send(link, MSG_PARENT_ANY_CONF_BEGIN, &msg, sizeof(msg)) ==
	    -1 || send_items(c, kind, instance, link) == -1)
		return -1;
	return link_send(link, MSG_PARENT_ANY_CONF_END, &msg, sizeof(msg));
}
