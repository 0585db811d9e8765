/*
 * Handlers of what net says of its sessions, and of control's question for
 * statistics.  net is not believed: not that a session is authenticated (the
 * parent says so), not that an address is well formed, not that ids are its
 * own.  What makes no sense at all is a fault of the link; what is merely
 * late is answered or ignored.  State lives in the book and in transactions.
 */
#include <sys/time.h>

#include <ctype.h>
#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "mail/xtext.h"
#include "proto/boot.h"
#include "proto/control_any.h"
#include "proto/net_parent.h"
#include "author.h"
#include "conf.h"
#include "handover.h"
#include "quota.h"
#include "route.h"
#include "rules.h"
#include "sender.h"
#include "control.h"
#include "session.h"
#include "transaction.h"
#include "users.h"

#define UNREAD_MAX	(16U << 20)	/* bytes of answers a net leaves */
#define LINK_BUFFER	(1 << 20)	/* bytes */
#define PAID_MAX	1000		/* users whose usage goes out at once */

static void	on_net_mail(struct link *, struct link_in *);
static void	on_net_rcpt(struct link *, struct link_in *);
static void	on_net_reset(struct link *, struct link_in *);
static void	on_net_end(struct link *, struct link_in *);

static const struct link_rule	net_rules[] = {
	{ MSG_NET_POLICY_MAIL, LINK_STATE_ANY, on_net_mail },
	{ MSG_NET_POLICY_RCPT, LINK_STATE_ANY, on_net_rcpt },
	{ MSG_NET_POLICY_HEADER, LINK_STATE_ANY, on_net_header },
	{ MSG_NET_POLICY_RESET, LINK_STATE_ANY, on_net_reset },
	{ MSG_NET_POLICY_END, LINK_STATE_ANY, on_net_end },
};

static struct event	 tick;
static int		 is_ticking;

/* Ends the open transaction, if there is one; parked RCPTs stay unanswered. */
static void
drop_transaction(struct session *s)
{
	if (s->tx == NULL)
		return;
	handover_cancel(s->id, s->tx->tx, s->tx->opened);
	recipient_forget(s);
	free(s->tx);
	s->tx = NULL;
}

static void
end_transaction(struct session *s)
{
	if (s->tx != NULL)
		recipient_release(s);
	drop_transaction(s);
}

/* Once a second while something waits; an idle process is not woken. */
static void
on_tick(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	is_ticking = 0;
	recipient_expire();
	route_expire();
	handover_pay();
	quota_pay(PAID_MAX, handover_usage);
}

static void
arm_tick(void)
{
	struct timeval	second = { 1, 0 };

	if (is_ticking || (!handover_owes() && !quota_owes() &&
	    policy_counts()->parked == 0 && !route_waits()))
		return;
	if (evtimer_add(&tick, &second) == 0)
		is_ticking = 1;
}

int
session_init(struct link *parent)
{
	(void)parent;
	book_init(drop_transaction);
	evtimer_set(&tick, on_tick, NULL);
	return 0;
}

void
session_stop(void)
{
	quota_pay(SIZE_MAX, handover_usage);
}

static void
flush_net(struct net *net)
{
	if (net->link != NULL && link_queued(net->link) > UNREAD_MAX)
		link_fault(net->link, "does not read its answers");
	if (net->link != NULL)
		link_flush(net->link);
}

/* The client's answer before the queue's work: END's count makes the order
 * harmless, and it is the shorter way. */
void
session_turn(void)
{
	book_net_each(flush_net);
	book_sweep();
	arm_tick();
}

static void
on_net_down(struct link *link, const char *why)
{
	struct net	*net = link_arg(link);

	if (net->link != link)
		return;
	log_debug("net %u is gone%s%s", net->id, why != NULL ? ": " : "",
	    why != NULL ? why : "");
	net->link = NULL;
}

static void
add_net(uint32_t peer_id, int fd)
{
	struct link_end	 end;
	struct net	*net = book_net_find(peer_id);
	struct link	*link;

	if (net == NULL && (net = book_net_new(peer_id)) == NULL) {
		log_warn("net link");
		close(fd);
		return;
	}
	memset(&end, 0, sizeof(end));
	end.name = "net";
	end.rules = net_rules;
	end.nrules = sizeof(net_rules) / sizeof(net_rules[0]);
	end.down = on_net_down;
	end.arg = net;
	end.peer_id = peer_id;
	if ((link = link_new(fd, &end)) == NULL) {
		log_warn("net link");
		close(fd);
		return;
	}
	link_set_buffer(link, LINK_BUFFER);
	link_close(net->link);
	net->link = link;
}

void
session_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	(void)cookie;
	switch (kind) {
	case PROC_NET:
		add_net(peer_id, fd);
		break;
	case PROC_QUEUE:
		handover_link(peer_id, fd);
		break;
	case PROC_CONTROL:
		control_link(peer_id, fd);
		break;
	default:
		log_warnx("a link of kind %u is not for policy", kind);
		close(fd);
	}
}

/* Microseconds since the epoch, unique and growing. */
static uint64_t
next_message(void)
{
	static uint64_t	last;
	struct timespec	now;
	uint64_t	us;

	clock_gettime(CLOCK_REALTIME, &now);
	us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	last = us > last ? us : last + 1;
	return last;
}

static int
is_address_text(const char *s)
{
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr(":.%-_[]", *s) == NULL)
			return 0;
	return 1;
}

/* What MAIL said, checked. */
struct mail {
	const struct net_policy_mail	*is;
	char				 sender[MAILADDR_SIZE];
	char				 envid[ENVID_MAX + 1];
};

/* Flags that contradict each other, or an ENVID no client could have sent. */
static int
check_parameters(struct mail *m, const struct link_in *in)
{
	const char	*envid = (const char *)in->data + sizeof(*m->is);
	size_t		 size = in->size - sizeof(*m->is);
	uint32_t	 ret = MAIL_RET_FULL | MAIL_RET_HDRS;

	if ((m->is->flags & ret) == ret ||
	    (size > 0 && !xtext_envid_is_valid(envid, size)))
		return -1;
	memcpy(m->envid, envid, size);
	m->envid[size] = '\0';
	return 0;
}

/*
 * Nobody else was offered RFC 3461: what net says all the same is dropped, or
 * a forged sender would be written to of each success.
 */
static int
may_notify(const struct session *s, const struct conf_listener *listener)
{
	return s->user != NULL || listener->is.kind == LISTENER_LOCAL;
}

static int
open_transaction(struct session *s, const struct conf_listener *listener,
    const struct mail *m)
{
	const struct net_policy_mail	*mail = m->is;
	struct transaction		*tx;
	size_t				 size = strlen(m->sender) + 1;
	size_t				 envid_size = strlen(m->envid) + 1;

	if ((tx = malloc(sizeof(*tx) + size + envid_size)) == NULL)
		return -1;
	memset(tx, 0, sizeof(*tx));
	TAILQ_INIT(&tx->parked);
	tx->message = next_message();
	tx->may_notify = may_notify(s, listener);
	tx->tx = mail->tx;
	tx->listener = mail->listener;
	tx->flags = mail->flags & MAIL_FLAGS;
	if (!tx->may_notify)
		tx->flags &= ~(uint32_t)(MAIL_RET_FULL | MAIL_RET_HDRS);
	strlcpy(tx->address, mail->address, sizeof(tx->address));
	memcpy(tx->sender, m->sender, size);
	if (tx->may_notify)
		memcpy(tx->sender + size, m->envid, envid_size);
	else
		tx->sender[size] = '\0';
	tx->envid = tx->sender + size;
	s->tx = tx;
	return 0;
}

/* What its user has used.  Fills text if it refuses. */
static unsigned int
check_quota(struct session *s, const struct conf *conf, char *text,
    size_t size)
{
	if (!s->has_seat)
		s->has_seat = quota_sit(s->quota, &conf->limits);
	if (!s->has_seat) {
		snprintf(text, size, "Limit of %u sessions of one user "
		    "reached, close one or try again later",
		    conf->limits.user_sessions);
		return REPLY_USER_SESSIONS;
	}
	return quota_may_mail(s->quota, &conf->limits, proc_now_s(), text,
	    size);
}

static unsigned int
check_mail(struct session *s, const struct mail *m, char *text, size_t size)
{
	const struct net_policy_mail	*mail = m->is;
	unsigned int			 reply;
	const struct conf		*conf = conf_current();
	const struct conf_listener	*listener;
	int				 is_his;

	if (conf == NULL || handover_generation() == 0 || proc_is_stopping())
		return REPLY_TRY_LATER;
	if ((listener = conf_find_listener(conf, mail->listener)) == NULL)
		return REPLY_TRY_LATER;
	if (s->is_revoked ||
	    (s->until_ms != 0 && proc_now_ms() >= s->until_ms))
		return REPLY_AUTH_REQUIRED;
	if (s->user == NULL && mail->authenticated) {
		/* policy started afresh since: the client has to reconnect. */
		log_warnx("session=%016llx: not known to be authenticated",
		    (unsigned long long)s->id);
		return REPLY_TRY_LATER;
	}
	if (s->user == NULL && listener->is.auth)
		return REPLY_AUTH_REQUIRED;
	if (s->user != NULL && s->listener != mail->listener) {
		log_warnx("session=%016llx: MAIL at another listener than "
		    "its login", (unsigned long long)s->id);
		return REPLY_TRY_LATER;
	}
	if (conf->limits.message_max != 0 &&
	    mail->size > conf->limits.message_max)
		return REPLY_TOO_BIG;
	if ((reply = rules_check_sender(m->sender)) != REPLY_OK)
		return reply;
	if (s->user != NULL &&
	    (is_his = sender_check(conf, listener, s->user, s->scope,
	    m->sender)) != 1)
		return is_his == 0 ? REPLY_SENDER_NOT_YOURS : REPLY_TRY_LATER;
	if (s->user != NULL && (reply = check_quota(s, conf, text, size)) !=
	    REPLY_NONE)
		return reply;
	if (open_transaction(s, listener, m) == -1)
		return REPLY_TRY_LATER;
	return REPLY_SENDER_OK;
}

static void
answer_mail(struct net *net, const struct session *s,
    const struct net_policy_mail *mail, unsigned int reply, const char *text)
{
	struct policy_net_mail_done	 done;

	memset(&done, 0, sizeof(done));
	done.session = mail->session;
	done.tx = mail->tx;
	done.reply = reply;
	if (reply == REPLY_SENDER_OK) {
		done.message = s->tx->message;
		policy_counts()->mail_ok++;
	} else {
		policy_counts()->mail_refused++;
		if (s != NULL)
			transaction_log_refusal(s, mail->address, mail->sender,
			    NULL, reply);
	}
	link_send_tail(net->link, MSG_POLICY_NET_MAIL_DONE, &done,
	    sizeof(done), text, strlen(text));
}

static int
utf8_flag(uint32_t flags)
{
	return flags & MAIL_SMTPUTF8 ? ADDRESS_UTF8 : 0;
}

static void
on_net_mail(struct link *link, struct link_in *in)
{
	const struct net_policy_mail	*mail = in->data;
	struct net			*net = link_arg(link);
	struct session			*s;
	unsigned int			 reply;
	char				 text[REPLY_ARG_MAX] = "";
	struct mail			 m;

	memset(&m, 0, sizeof(m));
	m.is = mail;
	if (mail->session >> 32 != net->id || mail->tx == 0) {
		link_fault(link, "MAIL of a session that is not its own");
		return;
	}
	if ((mail->sender[0] != '\0' && address_parse(mail->sender,
	    utf8_flag(mail->flags), m.sender, sizeof(m.sender)) == -1) ||
	    !is_address_text(mail->address)) {
		link_fault(link, "MAIL with a malformed address");
		return;
	}
	if (check_parameters(&m, in) == -1) {
		link_fault(link, "MAIL with malformed parameters");
		return;
	}
	s = book_find(mail->session);
	/* The parent told us before it told net, but over another socket. */
	if (mail->authenticated && (s == NULL || s->user == NULL))
		link_poll(proc_parent());
	if ((s = book_get(net, mail->session)) == NULL) {
		answer_mail(net, NULL, mail, REPLY_TRY_LATER, "");
		return;
	}
	if (mail->tx <= s->tx_last) {
		link_fault(link, "MAIL with an old transaction");
		return;
	}
	end_transaction(s);
	s->tx_last = mail->tx;
	reply = check_mail(s, &m, text, sizeof(text));
	answer_mail(net, s, mail, reply, text);
}

/* policy was started afresh and never heard the MAIL. */
static void
answer_unknown(struct net *net, const struct net_policy_rcpt *rcpt)
{
	struct policy_net_rcpt_done	 done;

	memset(&done, 0, sizeof(done));
	done.session = rcpt->session;
	done.tx = rcpt->tx;
	done.n = rcpt->n;
	done.reply = REPLY_TRY_LATER;
	link_send(net->link, MSG_POLICY_NET_RCPT_DONE, &done, sizeof(done));
}

/* -1: not what a client could have said. */
static int
check_recipient(const struct session *s, const struct link_in *in,
    struct recipient *clean)
{
	const struct net_policy_rcpt	*rcpt = in->data;
	const char			*orcpt;
	size_t				 size = in->size - sizeof(*rcpt);
	int				 flags = ADDRESS_LOCAL | ADDRESS_UTF8;

	orcpt = (const char *)in->data + sizeof(*rcpt);
	memset(clean, 0, sizeof(*clean));
	clean->rcpt.session = rcpt->session;
	clean->rcpt.tx = rcpt->tx;
	clean->rcpt.n = rcpt->n;
	clean->rcpt.notify = rcpt->notify;
	if (s->tx != NULL && s->tx->tx == rcpt->tx)
		flags = ADDRESS_LOCAL | utf8_flag(s->tx->flags);
	if (address_parse(rcpt->recipient, flags, clean->rcpt.recipient,
	    sizeof(clean->rcpt.recipient)) == -1 ||
	    (rcpt->notify & ~(uint32_t)NOTIFY_FLAGS) != 0 ||
	    ((rcpt->notify & NOTIFY_NEVER) && rcpt->notify != NOTIFY_NEVER) ||
	    (size > 0 && !xtext_orcpt_is_valid(orcpt, size)))
		return -1;
	memcpy(clean->orcpt, orcpt, size);
	return 0;
}

static void
on_net_rcpt(struct link *link, struct link_in *in)
{
	const struct net_policy_rcpt	*rcpt = in->data;
	struct recipient		 clean;
	struct net			*net = link_arg(link);
	struct session			*s;

	if (rcpt->session >> 32 != net->id) {
		link_fault(link, "RCPT of a session that is not its own");
		return;
	}
	if ((s = book_find(rcpt->session)) == NULL) {
		answer_unknown(net, rcpt);
		return;
	}
	if (rcpt->tx > s->tx_last) {
		link_fault(link, "RCPT before MAIL");
		return;
	}
	if (check_recipient(s, in, &clean) == -1) {
		link_fault(link, "RCPT with a malformed address or parameter");
		return;
	}
	if (s->tx != NULL && s->tx->tx == rcpt->tx) {
		if (!s->tx->may_notify) {
			clean.rcpt.notify = 0;
			clean.orcpt[0] = '\0';
		}
		if (rcpt->n < s->tx->n_next || rcpt->n == UINT32_MAX) {
			link_fault(link, "RCPT out of order");
			return;
		}
		s->tx->n_next = rcpt->n + 1;
	}
	recipient_add(s, &clean);
}

static void
on_net_reset(struct link *link, struct link_in *in)
{
	const struct net_policy_session	*reset = in->data;
	struct net			*net = link_arg(link);
	struct session			*s;

	if (reset->session >> 32 != net->id) {
		link_fault(link, "RESET of a session that is not its own");
		return;
	}
	s = book_find(reset->session);
	if (s != NULL && s->tx != NULL && s->tx->tx == reset->tx)
		end_transaction(s);
}

static void
on_net_end(struct link *link, struct link_in *in)
{
	const struct net_policy_session	*end = in->data;
	struct net			*net = link_arg(link);
	struct session			*s;

	if (end->session >> 32 != net->id) {
		link_fault(link, "END of a session that is not its own");
		return;
	}
	if ((s = book_find(end->session)) != NULL)
		book_drop(s);
}

void
on_parent_authenticated(struct link *link, struct link_in *in)
{
	const struct parent_policy_authenticated	*is = in->data;
	struct session					*s;

	(void)link;
	if (is->session == 0 || is->user[0] == '\0') {
		log_warnx("AUTHENTICATED without a session or user");
		return;
	}
	book_authenticated(is);
	/* One that finds no seat may still get one at its first MAIL. */
	if (conf_current() != NULL &&
	    (s = book_find(is->session)) != NULL && s->quota != NULL &&
	    !s->has_seat)
		s->has_seat = quota_sit(s->quota, &conf_current()->limits);
}

/* net is told: it would wait in vain for what the queue has dropped. */
static void
revoke_open(struct session *s)
{
	struct policy_net_revoked	 m;

	if (s->tx == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.session = s->id;
	m.tx = s->tx->tx;
	end_transaction(s);
	link_send(s->net->link, MSG_POLICY_NET_REVOKED, &m, sizeof(m));
}

void
on_parent_revoked(struct link *link, struct link_in *in)
{
	const struct parent_policy_revoked	*gone = in->data;

	(void)link;
	book_revoked(gone->user, gone->device, revoke_open);
	handover_pay();
}

void
session_revoke(uint64_t id)
{
	struct session	*s;

	if ((s = book_find(id)) == NULL)
		return;
	revoke_open(s);
	book_forget(s);
	handover_pay();
}

void
on_parent_user_done(struct link *link, struct link_in *in)
{
	const struct parent_policy_user_done	*done = in->data;

	(void)link;
	users_answer(done->name, done->is <= POLICY_USER_LATER ? done->is :
	    POLICY_USER_LATER);
	recipient_retry(done->name);
	route_retry(done->name);
}
