/*
 * MAIL and RCPT.  Syntax is checked here; what is allowed policy decides.
 * Both are sent to it at once, so a pipelined group costs one round trip;
 * slots keep the replies in the order of the commands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "proto/net_policy.h"
#include "conf.h"
#include "listener.h"
#include "parameter.h"
#include "policy.h"
#include "queue.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"
#include "tx.h"

#define SLOTS_MAX	1000

struct slot {
	char		*arg;		/* address for the text, or NULL */
	uint32_t	 tx;		/* 0: a reply that waits for others */
	uint32_t	 n;		/* RCPT; SLOT_MAIL for MAIL */
	uint32_t	 reply;		/* REPLY_NONE: not known yet */
};
#define SLOT_MAIL	0xffffffffU

struct slots {
	size_t		 count;
	size_t		 first;
	size_t		 capacity;
	struct slot	 slot[];
};

static struct slot *
slot_add(struct session *s)
{
	struct slots	*q = s->slots, *p;
	struct slot	*slot;
	size_t		 capacity;

	if (q != NULL && q->first > q->capacity / 2) {
		memmove(q->slot, q->slot + q->first,
		    q->count * sizeof(q->slot[0]));
		q->first = 0;
	}
	if (q == NULL || q->first + q->count == q->capacity) {
		capacity = q == NULL ? 8 : q->capacity * 2;
		p = realloc(q, sizeof(*p) + capacity * sizeof(p->slot[0]));
		if (p == NULL) {
			session_drop(s, "no memory");
			return NULL;
		}
		if (q == NULL)
			p->count = p->first = 0;
		p->capacity = capacity;
		s->slots = q = p;
	}
	slot = &q->slot[q->first + q->count++];
	memset(slot, 0, sizeof(*slot));
	return slot;
}

int
smtp_is_waiting(const struct session *s)
{
	return s->slots != NULL;
}

void
smtp_slots_free(struct session *s)
{
	size_t	i;

	if (s->slots == NULL)
		return;
	for (i = 0; i < s->slots->count; i++)
		free(s->slots->slot[s->slots->first + i].arg);
	free(s->slots);
	s->slots = NULL;
}

/* Give the replies that are no longer behind an unknown one. */
static void
slots_drain(struct session *s)
{
	struct slots	*q = s->slots;
	struct slot	*slot;

	while (q->count > 0 && q->slot[q->first].reply != REPLY_NONE) {
		slot = &q->slot[q->first];
		session_reply(s, slot->reply, slot->arg);
		free(slot->arg);
		q->first++;
		q->count--;
	}
	if (q->count == 0) {
		free(q);
		s->slots = NULL;
	}
	if (s->wait == WAIT_SYNC)
		session_wake(s);
}

void
smtp_answer(struct session *s, unsigned int reply, const char *arg)
{
	struct slot	*slot;

	if (s->slots == NULL) {
		session_reply(s, reply, arg);
		return;
	}
	if ((slot = slot_add(s)) == NULL)
		return;
	slot->reply = reply;
	slot->arg = arg == NULL ? NULL : strdup(arg);
	if (s->slots->count >= SLOTS_MAX)
		s->wait = WAIT_SYNC;
}

static void
slot_wait(struct session *s, uint32_t tx, uint32_t n, const char *arg)
{
	struct slot	*slot;

	if ((slot = slot_add(s)) == NULL)
		return;
	slot->tx = tx;
	slot->n = n;
	slot->arg = strdup(arg);
	if (s->slots->count >= SLOTS_MAX)
		s->wait = WAIT_SYNC;
}

static struct slot *
slot_find(struct session *s, uint32_t tx, uint32_t n)
{
	struct slot	*slot;
	size_t		 i;

	for (i = 0; s->slots != NULL && i < s->slots->count; i++) {
		slot = &s->slots->slot[s->slots->first + i];
		if (slot->tx == tx && slot->n == n &&
		    slot->reply == REPLY_NONE)
			return slot;
	}
	return NULL;
}

static void
tx_free(struct session *s)
{
	struct tx	*tx = s->tx;

	if (tx == NULL)
		return;
	header_free(&tx->header);
	free(tx->body);
	free(tx->rcpt);
	free(tx->sender);
	free(tx->failed_arg);
	free(tx->authors);
	free(tx);
	s->tx = NULL;
}

void
smtp_reset(struct session *s)
{
	struct tx	*tx = s->tx;

	s->bdat_failed = REPLY_NONE;
	s->mail_later = 0;
	if (tx == NULL)
		return;
	/* After END it is the queue's: a 250 may be on its way. */
	if (!tx->is_ended) {
		if (tx->is_sent)
			queue_abort(s->id, tx->id);
		policy_reset(s->id, tx->id);
	}
	tx_free(s);
}

/* "FROM:" or "TO:", then optional space: some clients send one. */
static const char *
mail_verb(const char *args, const char *verb)
{
	size_t	n = strlen(verb);

	if (strncasecmp(args, verb, n) != 0)
		return NULL;
	args += n;
	while (*args == ' ')
		args++;
	return args;
}

/* What follows an address: without EHLO there is no such thing. */
static unsigned int
params_check(const struct session *s, const char *p)
{
	if (*p == '\0' || s->is_esmtp)
		return REPLY_NONE;
	return *p == ' ' ? REPLY_UNKNOWN_PARAMETER : REPLY_SYNTAX;
}

static int
params_flags(const struct session *s, int is_utf8)
{
	return (smtp_may_dsn(s) ? PARAMETER_DSN : 0) |
	    (is_utf8 ? PARAMETER_UTF8 : 0);
}

/* RFC 6531 3.5 */
static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 0;
	return 1;
}

static unsigned int
mail_parse(struct session *s, const char *args, struct net_policy_mail *m,
    struct mail_parameters *p)
{
	unsigned int	 reply;
	const char	*end;

	if (s->tx != NULL || s->bdat_failed != REPLY_NONE)
		return REPLY_SEQUENCE;
	if (s->messages >= conf_limits()->messages_max)
		return REPLY_TOO_MANY_MESSAGES;
	if ((args = mail_verb(args, "FROM:")) == NULL)
		return REPLY_SYNTAX;
	if (address_parse_path(args, ADDRESS_NULL | ADDRESS_UTF8, m->sender,
	    sizeof(m->sender), &end) == -1)
		return REPLY_BAD_SENDER;
	if ((reply = params_check(s, end)) != REPLY_NONE ||
	    (reply = parameter_mail(end, params_flags(s, 0), p)) != REPLY_NONE)
		return reply;
	if (!(p->flags & MAIL_SMTPUTF8) && !is_ascii(m->sender))
		return REPLY_NEEDS_SMTPUTF8;
	/* RFC 8689 4.1: it means nothing when this hop is in the clear. */
	if ((p->flags & MAIL_REQUIRETLS) && s->tio.tls == NULL)
		return listener_tls(s->listener) != NULL ?
		    REPLY_STARTTLS_FIRST : REPLY_UNKNOWN_PARAMETER;
	m->flags = p->flags;
	m->size = p->size;
	return m->size > listener_info(s->listener)->message_max ?
	    REPLY_TOO_BIG : REPLY_NONE;
}

void
smtp_mail(struct session *s, const char *args)
{
	struct mail_parameters	 p;
	struct net_policy_mail	 m;
	unsigned int		 reply;

	memset(&m, 0, sizeof(m));
	s->mail_later = 0;
	if ((reply = mail_parse(s, args, &m, &p)) == REPLY_NONE &&
	    (s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		reply = REPLY_TRY_LATER;
	if (reply != REPLY_NONE) {
		smtp_answer(s, reply, NULL);
		return;
	}
	s->tx->id = ++s->last_tx;
	s->tx->sender = strdup(m.sender);
	s->tx->begun_ms = proc_now_ms();
	if (s->tio.tls != NULL)
		m.flags |= MAIL_TLS;
	s->tx->flags = m.flags;
	m.session = s->id;
	m.tx = s->tx->id;
	m.listener = listener_info(s->listener)->id;
	m.authenticated = s->user != NULL;
	strlcpy(m.address, s->address, sizeof(m.address));
	strlcpy(m.helo, s->helo, sizeof(m.helo));
	if (policy_mail(&m, p.envid) == -1) {
		tx_free(s);
		s->mail_later = 1;
		smtp_answer(s, REPLY_TRY_LATER, NULL);
		return;
	}
	s->policy_knows = 1;
	slot_wait(s, m.tx, SLOT_MAIL, m.sender);
}

static unsigned int
rcpt_parse(struct session *s, const char *args, struct net_policy_rcpt *r,
    struct rcpt_parameters *p)
{
	const struct tx	*tx = s->tx;
	const char	*end;
	unsigned int	 reply;
	int		 is_utf8;

	if (tx == NULL)	/* behind a MAIL that failed through no fault of his */
		return s->mail_later ? REPLY_TRY_LATER : REPLY_SEQUENCE;
	if (tx->failed != REPLY_NONE)
		return tx->failed;
	if (tx->is_bdat)
		return REPLY_SEQUENCE;
	if ((args = mail_verb(args, "TO:")) == NULL)
		return REPLY_SYNTAX;
	if (address_parse_path(args, ADDRESS_LOCAL | ADDRESS_UTF8,
	    r->recipient, sizeof(r->recipient), &end) == -1)
		return REPLY_BAD_RCPT;
	is_utf8 = (tx->flags & MAIL_SMTPUTF8) != 0;
	if ((reply = params_check(s, end)) != REPLY_NONE ||
	    (reply = parameter_rcpt(end, params_flags(s, is_utf8), p)) !=
	    REPLY_NONE)
		return reply;
	if (!is_utf8 && !is_ascii(r->recipient))
		return REPLY_NEEDS_SMTPUTF8;
	r->notify = p->notify;
	if (tx->naccepted + tx->nwaiting >=
	    listener_info(s->listener)->recipients_max)
		return REPLY_TOO_MANY_RCPT;
	return REPLY_NONE;
}

void
smtp_rcpt(struct session *s, const char *args)
{
	struct rcpt_parameters	 p;
	struct net_policy_rcpt	 r;
	unsigned int		 reply;

	memset(&r, 0, sizeof(r));
	if ((reply = rcpt_parse(s, args, &r, &p)) == REPLY_NONE) {
		r.session = s->id;
		r.tx = s->tx->id;
		r.n = s->tx->ncommands;
		if (policy_rcpt(&r, p.orcpt) == -1)
			reply = REPLY_TRY_LATER;
	}
	if (reply != REPLY_NONE) {
		smtp_answer(s, reply, NULL);
		return;
	}
	s->tx->ncommands++;
	s->tx->nwaiting++;
	slot_wait(s, r.tx, r.n, r.recipient);
}

/* policy's own words instead of the address. */
static void
slot_text(struct slot *slot, const char *text)
{
	char	*copy;

	if (text == NULL || (copy = strdup(text)) == NULL)
		return;
	free(slot->arg);
	slot->arg = copy;
}

void
smtp_mail_done(struct session *s, uint32_t tx, uint64_t message,
    uint32_t reply, const char *text)
{
	struct slot	*slot;

	if ((slot = slot_find(s, tx, SLOT_MAIL)) == NULL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	slot->reply = reply == REPLY_NONE ? REPLY_TRY_LATER : reply;
	slot_text(slot, text);
	/* A restarted policy has forgotten who this is: log in again. */
	if (reply == REPLY_AUTH_REQUIRED && s->user != NULL)
		slot->reply = REPLY_TRY_LATER;
	s->mail_later = slot->reply == REPLY_TRY_LATER;
	if (reply_get(slot->reply)->code / 100 != 2) {
		if (s->tx != NULL && s->tx->id == tx)
			tx_free(s);
	} else if (s->tx != NULL && s->tx->id == tx) {
		s->tx->has_mail = 1;
		s->tx->message = message;
	}
	slots_drain(s);
	if (reply == REPLY_AUTH_REQUIRED && s->user != NULL && !s->is_closing)
		session_finish(s);
}

void
smtp_rcpt_done(struct session *s, uint32_t tx, uint32_t n, uint32_t reply,
    uint32_t count, const char *text)
{
	struct slot	*slot;
	int		 is_ok;

	if ((slot = slot_find(s, tx, n)) == NULL || n == SLOT_MAIL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	if (s->tx != NULL && s->tx->id == tx)
		s->tx->nwaiting--;
	is_ok = reply_get(reply)->code / 100 == 2;
	if (reply == REPLY_NONE ||
	    (is_ok && (s->tx == NULL || s->tx->id != tx))) {
		reply = REPLY_TRY_LATER;
		is_ok = 0;
	}
	if (reply == REPLY_SEQUENCE && s->mail_later)
		reply = REPLY_TRY_LATER;
	slot->reply = reply;
	if (is_ok) {
		s->tx->nrcpt += count;
		if (s->tx->naccepted++ == 0) {
			s->tx->rcpt = slot->arg;
			slot->arg = NULL;
		}
	} else {
		slot_text(slot, text);
		stats_add(STAT_RCPT_REFUSED, 1);
	}
	slots_drain(s);
}

static void
tx_fail(struct session *s)
{
	struct tx	*tx = s->tx;

	if (tx->is_ended)
		return;		/* the queue answers */
	smtp_data_fail(s, REPLY_TRY_LATER);
	if (tx->header_asked)
		smtp_header_done(s, tx->id, REPLY_TRY_LATER, 0);
}

void
smtp_revoked(struct session *s, uint32_t tx)
{
	if (s->tx == NULL || s->tx->id != tx)
		stats_add(STAT_STALE, 1);
	else
		tx_fail(s);
}

/* A new policy knows nothing of what the old one was asked. */
void
smtp_policy_down(struct session *s, void *arg)
{
	size_t	i;

	(void)arg;
	if (s->tx != NULL && !s->tx->has_mail) {
		tx_free(s);	/* its MAIL is refused below */
		s->mail_later = 1;
	} else if (s->tx != NULL) {
		/* Perhaps it died before it told the queue. */
		tx_fail(s);
	}
	if (s->slots == NULL)
		return;
	for (i = 0; i < s->slots->count; i++)
		if (s->slots->slot[s->slots->first + i].reply == REPLY_NONE)
			s->slots->slot[s->slots->first + i].reply =
			    REPLY_TRY_LATER;
	slots_drain(s);
}
