/*
 * MAIL and RCPT.  Syntax is checked here; what is allowed policy decides.
 * Both are sent to it at once, so a pipelined group costs one round trip;
 * slots keep the replies in the order of the commands.
 */
#include <errno.h>
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
	free(tx);
	s->tx = NULL;
}

void
smtp_reset(struct session *s)
{
	struct tx	*tx = s->tx;

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

/* RFC 1870: 1*20DIGIT */
static int
mail_size(const char *value, uint64_t *size)
{
	size_t	i, n = strlen(value);

	if (n < 1 || n > 20)
		return -1;
	for (i = 0; i < n; i++)
		if (value[i] < '0' || value[i] > '9')
			return -1;
	errno = 0;
	*size = strtoull(value, NULL, 10);
	if (errno == ERANGE)
		*size = UINT64_MAX;
	return 0;
}

/* RFC 3461 4: xtext */
static int
mail_is_xtext(const char *s)
{
	static const char	 hex[] = "0123456789ABCDEF";

	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++) {
		if (*s < '!' || *s > '~' || *s == '=')
			return 0;
		if (*s != '+')
			continue;
		if (s[1] == '\0' || strchr(hex, s[1]) == NULL ||
		    s[2] == '\0' || strchr(hex, s[2]) == NULL)
			return 0;
		s += 2;
	}
	return 1;
}

#define SEEN_SIZE	0x1
#define SEEN_BODY	0x2
#define SEEN_AUTH	0x4

/* One key=value.  REPLY_NONE: fine. */
static unsigned int
mail_parameter(const char *key, const char *value, unsigned int *seen,
    struct net_policy_mail *m)
{
	unsigned int	bit;

	if (strcasecmp(key, "SIZE") == 0) {
		bit = SEEN_SIZE;
		if (mail_size(value, &m->size) == -1)
			return REPLY_SYNTAX;
	} else if (strcasecmp(key, "BODY") == 0) {
		bit = SEEN_BODY;
		if (strcasecmp(value, "8BITMIME") == 0)
			m->flags |= MAIL_8BITMIME;
		else if (strcasecmp(value, "7BIT") != 0)
			return REPLY_SYNTAX;
	} else if (strcasecmp(key, "AUTH") == 0) {
		/* RFC 4954 5: nobody here is trusted to say that. */
		bit = SEEN_AUTH;
		if (!mail_is_xtext(value))
			return REPLY_SYNTAX;
	} else {
		return REPLY_UNKNOWN_PARAMETER;
	}
	if (*seen & bit)
		return REPLY_SYNTAX;
	*seen |= bit;
	return REPLY_NONE;
}

static unsigned int
mail_parameters(const char *p, struct net_policy_mail *m)
{
	char		 word[600], *value;
	size_t		 n;
	unsigned int	 seen = 0, reply;

	while (*p != '\0') {
		if (*p != ' ')
			return REPLY_SYNTAX;
		while (*p == ' ')
			p++;
		n = strcspn(p, " ");
		if (n == 0 || n >= sizeof(word))
			return REPLY_SYNTAX;
		memcpy(word, p, n);
		word[n] = '\0';
		p += n;
		if ((value = strchr(word, '=')) != NULL)
			*value++ = '\0';
		reply = mail_parameter(word, value == NULL ? "" : value, &seen,
		    m);
		if (reply != REPLY_NONE)
			return reply;
	}
	return REPLY_NONE;
}

static unsigned int
mail_parse(struct session *s, const char *args, struct net_policy_mail *m)
{
	unsigned int	 reply;
	const char	*end;

	if (s->tx != NULL)
		return REPLY_SEQUENCE;
	if (s->messages >= conf_limits()->messages_max)
		return REPLY_TOO_MANY_MESSAGES;
	if ((args = mail_verb(args, "FROM:")) == NULL)
		return REPLY_SYNTAX;
	if (address_parse_path(args, ADDRESS_NULL, m->sender,
	    sizeof(m->sender), &end) == -1)
		return REPLY_BAD_SENDER;
	if ((reply = mail_parameters(end, m)) != REPLY_NONE)
		return reply;
	return m->size > conf_limits()->message_max ? REPLY_TOO_BIG :
	    REPLY_NONE;
}

void
smtp_mail(struct session *s, const char *args)
{
	struct net_policy_mail	 m;
	unsigned int		 reply;

	memset(&m, 0, sizeof(m));
	if ((reply = mail_parse(s, args, &m)) == REPLY_NONE &&
	    (s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		reply = REPLY_TRY_LATER;
	if (reply != REPLY_NONE) {
		smtp_answer(s, reply, NULL);
		return;
	}
	s->tx->id = ++s->last_tx;
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
	s->mail_later = 0;
	if (policy_mail(&m) == -1) {
		tx_free(s);
		s->mail_later = 1;
		smtp_answer(s, REPLY_TRY_LATER, NULL);
		return;
	}
	s->policy_knows = 1;
	slot_wait(s, m.tx, SLOT_MAIL, m.sender);
}

static unsigned int
rcpt_parse(struct session *s, const char *args, struct net_policy_rcpt *r)
{
	const struct tx	*tx = s->tx;
	const char	*end;

	if (tx == NULL)	/* behind a MAIL that failed through no fault of his */
		return s->mail_later ? REPLY_TRY_LATER : REPLY_SEQUENCE;
	if (tx->failed != REPLY_NONE)
		return tx->failed;
	if ((args = mail_verb(args, "TO:")) == NULL)
		return REPLY_SYNTAX;
	if (address_parse_path(args, ADDRESS_LOCAL, r->recipient,
	    sizeof(r->recipient), &end) == -1)
		return REPLY_BAD_RCPT;
	if (*end != '\0')
		return *end == ' ' ? REPLY_UNKNOWN_PARAMETER : REPLY_SYNTAX;
	if (tx->naccepted + tx->nwaiting >= conf_limits()->recipients_max)
		return REPLY_TOO_MANY_RCPT;
	return REPLY_NONE;
}

void
smtp_rcpt(struct session *s, const char *args)
{
	struct net_policy_rcpt	 r;
	unsigned int		 reply;

	memset(&r, 0, sizeof(r));
	if ((reply = rcpt_parse(s, args, &r)) == REPLY_NONE) {
		r.session = s->id;
		r.tx = s->tx->id;
		r.n = s->tx->ncommands;
		if (policy_rcpt(&r) == -1)
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

/* A new policy knows nothing of what the old one was asked. */
void
smtp_policy_down(struct session *s, void *arg)
{
	size_t	i;

	(void)arg;
	if (s->tx != NULL && !s->tx->has_mail) {
		tx_free(s);	/* its MAIL is refused below */
		s->mail_later = 1;
	} else if (s->tx != NULL && !s->tx->is_ended) {
		/* Perhaps it died before it told the queue. */
		smtp_data_fail(s, REPLY_TRY_LATER);
	}
	if (s->slots == NULL)
		return;
	for (i = 0; i < s->slots->count; i++)
		if (s->slots->slot[s->slots->first + i].reply == REPLY_NONE)
			s->slots->slot[s->slots->first + i].reply =
			    REPLY_TRY_LATER;
	slots_drain(s);
}
