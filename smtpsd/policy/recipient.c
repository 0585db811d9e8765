/*
 * RCPT: expand the recipient, hand what comes out to the queue, answer net.
 * Nothing is handed over before the whole expansion is known to be good.  A
 * recipient that depends on a user whom only the parent knows is parked and
 * expanded again from scratch when the answer comes; the rules may have been
 * reloaded in between.  Parked ones belong to their transaction and end with
 * it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "alias.h"
#include "bounce.h"
#include "conf.h"
#include "handover.h"
#include "hash.h"
#include "quota.h"
#include "transaction.h"
#include "users.h"

#define PARKED_MAX	10000		/* of one net */
#define PARKED_MS	10000
#define HANDED_MAX	1000		/* of one transaction: the queue numbers
					 * envelopes with ten bits */
#define FEW		20		/* go to a busy queue too: who floods it
					 * with lists does not shut out others */
#define WORK_MAX	(5 * HANDED_MAX) /* of one transaction: whoever gives a
					 * long list again and again, or with
					 * many tags, holds up all others */
#define REMEMBERED_MAX	(8U << 20)	/* of one net */

struct parked {
	TAILQ_ENTRY(parked)	 of_tx;
	TAILQ_ENTRY(parked)	 all;		/* oldest first */
	struct session		*session;
	uint64_t		 name_hash;	/* whom it waits for */
	uint64_t		 until_ms;
	struct recipient	 r;
};

static TAILQ_HEAD(parked_list, parked)	 waiting =
    TAILQ_HEAD_INITIALIZER(waiting);
static struct alias_expansion		 expansion;
static struct alias_expansion		 route;		/* of bounces */
static struct bounce_route		 owner_routes[ALIAS_OWNERS_MAX];
static char				 quota_text[REPLY_ARG_MAX];
static struct policy_counts		 counts;

struct policy_counts *
policy_counts(void)
{
	return &counts;
}

void
transaction_log_refusal(const struct session *s, const char *address,
    const char *from, const char *to, unsigned int reply)
{
	const struct reply	*r = reply_get(reply);

	log_debug("refused session=%016llx address=%s user=%s from=<%s>%s%s%s "
	    "reply=%d %s", (unsigned long long)s->id, log_vis(address),
	    log_vis(s->user), log_vis(from), to != NULL ? " to=<" : "",
	    to != NULL ? log_vis(to) : "", to != NULL ? ">" : "", r->code,
	    r->enhanced);
}

static void
send_done(struct session *s, const struct net_policy_rcpt *rcpt,
    unsigned int reply, uint32_t count)
{
	struct policy_net_rcpt_done	 done;
	const char			*text = "";

	memset(&done, 0, sizeof(done));
	done.session = s->id;
	done.tx = rcpt->tx;
	done.n = rcpt->n;
	done.reply = reply;
	done.count = count;
	if (reply == REPLY_USER_RECIPIENTS || reply == REPLY_USER_MESSAGES)
		text = quota_text;
	link_send_tail(s->net->link, MSG_POLICY_NET_RCPT_DONE, &done,
	    sizeof(done), text, strlen(text));
}

static void
answer(struct session *s, const struct net_policy_rcpt *rcpt,
    unsigned int reply, uint32_t count)
{
	struct transaction	*tx = s->tx;
	int			 is_open;

	is_open = tx != NULL && tx->tx == rcpt->tx;
	if (reply == REPLY_RCPT_OK) {
		counts.rcpt_ok++;
	} else {
		counts.rcpt_refused++;
		transaction_log_refusal(s, is_open ? tx->address : NULL,
		    is_open ? tx->sender : NULL, rcpt->recipient, reply);
	}
	send_done(s, rcpt, reply, count);
}

static void
prepare(struct alias_expansion *x, const struct conf *conf,
    const struct session *s)
{
	const struct conf_listener	*listener;

	listener = conf_find_listener(conf, s->tx->listener);
	memset(&x->request, 0, sizeof(x->request));
	x->conf = conf;
	x->request.address = s->tx->address;
	x->request.user = s->user;
	x->request.tag = listener != NULL ? listener->is.tag : "";
	x->request.sender = s->tx->sender;
	x->find_user = users_find;
	x->is_bounce = 0;
}

/* REPLY_OK; REPLY_NONE: waits for a user; REPLY_TRY_LATER. */
static enum reply_id
find_bounce_route(const struct conf *conf, const struct session *s,
    const char *sender, struct bounce_route *out)
{
	enum reply_id	reply;

	prepare(&route, conf, s);
	reply = bounce_find(&route, sender, out);
	if (sender[0] != '\0')
		s->tx->work += route.visits;
	if (reply == REPLY_NONE)
		strlcpy(expansion.waits_for, route.waits_for,
		    sizeof(expansion.waits_for));
	return reply;
}

/* As find_bounce_route(). */
static enum reply_id
fill_open(const struct conf *conf, const struct session *s,
    struct policy_queue_open *open)
{
	const struct transaction	*tx = s->tx;

	memset(open, 0, sizeof(*open));
	open->session = s->id;
	open->message = tx->message;
	open->tx = tx->tx;
	open->flags = tx->flags;
	strlcpy(open->sender, tx->sender, sizeof(open->sender));
	strlcpy(open->user, s->user != NULL ? s->user : "",
	    sizeof(open->user));
	strlcpy(open->address, tx->address, sizeof(open->address));
	return find_bounce_route(conf, s, tx->sender, &open->bounce);
}

/* 1: new in this transaction and remembered, 0: was there. */
static int
remember(struct session *s, const struct alias_result *r)
{
	struct transaction	*tx = s->tx;
	uint64_t		 pair[2], hash;
	uint32_t		 i;

	pair[0] = r->hash;
	pair[1] = hash_string(r->action->is.name);
	hash = hash_bytes(pair, sizeof(pair));
	for (i = 0; i < tx->nseen; i++)
		if (tx->seen[i] == hash)
			return 0;
	tx->seen[tx->nseen++] = hash;
	s->net->nrecipients++;
	return 1;
}

static int
make_room(struct session *s, size_t n)
{
	struct transaction	*tx = s->tx;
	uint64_t		*more;
	size_t			 room = tx->nseen + n;

	if (s->net->nrecipients + n > REMEMBERED_MAX)
		return -1;
	if (room <= tx->seen_room)
		return 0;
	if (room > 4 && room < 2 * (size_t)tx->seen_room)
		room = 2 * (size_t)tx->seen_room;
	if ((more = reallocarray(tx->seen, room, sizeof(*more))) == NULL)
		return -1;
	tx->seen = more;
	tx->seen_room = room;
	return 0;
}

/* Whose the recipients that follow are; 0: the message's own sender's. */
static int
hand_over_owner(struct session *s, uint32_t owner)
{
	struct policy_queue_owner	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = s->id;
	msg.tx = s->tx->tx;
	if (owner != 0) {
		strlcpy(msg.sender, expansion.owners[owner - 1],
		    sizeof(msg.sender));
		msg.bounce = owner_routes[owner - 1];
	}
	return handover_owner(&msg);
}

/*
 * RFC 3461 5.2.7: behind an alias NOTIFY and ORCPT stay what the sender said
 * for each target, one or many: a report names the address he knows, and he
 * is told of every target's fate.  No "expanded" report is made.  Behind a
 * list with an owner it is the owner who is told, in the ordinary way.
 */
static unsigned int
hand_over(struct session *s, const struct recipient *of, uint32_t *count)
{
	struct policy_queue_rcpt	 rcpt;
	const struct alias_result	*r;
	uint32_t			 owner = 0;
	size_t				 i;

	memset(&rcpt, 0, sizeof(rcpt));
	rcpt.session = s->id;
	rcpt.tx = s->tx->tx;
	strlcpy(rcpt.original, of->rcpt.recipient, sizeof(rcpt.original));
	for (i = 0; i < expansion.nresults; i++) {
		r = &expansion.results[i];
		if (!remember(s, r))
			continue;
		if (r->owner != owner) {
			owner = r->owner;
			if (hand_over_owner(s, owner) == -1)
				return REPLY_TRY_LATER;
		}
		/* Whole fields: nothing of the one before may stay behind. */
		memset(rcpt.action, 0, sizeof(rcpt.action));
		memset(rcpt.recipient, 0, sizeof(rcpt.recipient));
		memset(rcpt.user, 0, sizeof(rcpt.user));
		strlcpy(rcpt.action, r->action->is.name, sizeof(rcpt.action));
		strlcpy(rcpt.recipient, r->recipient, sizeof(rcpt.recipient));
		strlcpy(rcpt.user, r->user, sizeof(rcpt.user));
		rcpt.notify = owner == 0 ? of->rcpt.notify : 0;
		if (handover_rcpt(&rcpt, owner == 0 ? of->orcpt : "") == -1)
			return REPLY_TRY_LATER;
		(*count)++;
		counts.handed++;
	}
	if (owner != 0 && hand_over_owner(s, 0) == -1)
		return REPLY_TRY_LATER;
	return REPLY_RCPT_OK;
}

/* As find_bounce_route(). */
static enum reply_id
find_owner_routes(const struct conf *conf, const struct session *s)
{
	enum reply_id	reply;
	size_t		i;

	for (i = 0; i < expansion.nowners; i++)
		if ((reply = find_bounce_route(conf, s, expansion.owners[i],
		    &owner_routes[i])) != REPLY_OK)
			return reply;
	return REPLY_OK;
}

/* Asked again where it is counted: a user has many sessions. */
static unsigned int
check_quota(const struct session *s, const struct conf *conf)
{
	unsigned int	reply;

	if (s->quota == NULL)
		return REPLY_NONE;
	if (s->tx->opened == 0 && (reply = quota_may_mail(s->quota,
	    &conf->limits, proc_now_s(), quota_text, sizeof(quota_text))) !=
	    REPLY_NONE)
		return reply;
	return quota_may_rcpt(s->quota, &conf->limits, proc_now_s(),
	    quota_text, sizeof(quota_text));
}

/*
 * REPLY_NONE: waits for a user.  A failure on the way to the queue voids
 * what was handed over: the queue is gone then, and its memory of it too.
 */
static unsigned int
accept_recipient(struct session *s, const struct recipient *r,
    uint32_t *count)
{
	const char			*recipient = r->rcpt.recipient;
	struct policy_queue_open	 open;
	const struct conf		*conf = conf_current();
	unsigned int			 reply;
	int				 is_first;

	*count = 0;
	if (conf == NULL || handover_generation() == 0 ||
	    (s->tx->opened != 0 && s->tx->opened != handover_generation()))
		return REPLY_TRY_LATER;
	if (s->tx->opened == 0 && (reply = fill_open(conf, s, &open)) !=
	    REPLY_OK)
		return reply;
	prepare(&expansion, conf, s);
	reply = alias_expand(&expansion, recipient);
	s->tx->work += expansion.visits;
	if (reply != REPLY_OK) {
		if (reply != REPLY_NONE &&
		    strcasecmp(expansion.culprit, recipient) != 0)
			log_info("alias of %s leads to %s: refused",
			    log_vis(recipient),
			    log_vis(expansion.culprit));
		return reply;
	}
	if ((reply = find_owner_routes(conf, s)) != REPLY_OK)
		return reply;
	if (expansion.nresults > FEW && handover_is_busy())
		return REPLY_TRY_LATER;
	if (s->tx->nseen + expansion.nresults > HANDED_MAX)
		return REPLY_TOO_MANY_RCPT;
	if (make_room(s, expansion.nresults) == -1)
		return REPLY_TRY_LATER;
	if ((reply = check_quota(s, conf)) != REPLY_NONE)
		return reply;
	is_first = s->tx->opened == 0;
	if (is_first) {
		if (handover_open(&open, s->tx->envid) == -1)
			return REPLY_TRY_LATER;
		s->tx->opened = handover_generation();
	}
	reply = hand_over(s, r, count);
	if (reply != REPLY_RCPT_OK)
		*count = 0;
	else if (s->quota != NULL)
		quota_count(s->quota, proc_now_s(), is_first != 0, 1);
	return reply;
}

/* Answer one that counts against the limit of the transaction. */
static void
settle(struct session *s, const struct net_policy_rcpt *rcpt,
    unsigned int reply, uint32_t count)
{
	if (reply != REPLY_RCPT_OK)
		s->tx->ncommands--;
	answer(s, rcpt, reply, count);
}

static void
park(struct session *s, const struct recipient *r)
{
	struct parked	*p;

	if (s->net->nparked >= PARKED_MAX ||
	    (p = malloc(sizeof(*p))) == NULL) {
		settle(s, &r->rcpt, REPLY_TRY_LATER, 0);
		return;
	}
	p->session = s;
	p->r = *r;
	p->name_hash = hash_string(expansion.waits_for);
	p->until_ms = proc_now_ms() + PARKED_MS;
	TAILQ_INSERT_TAIL(&waiting, p, all);
	TAILQ_INSERT_TAIL(&s->tx->parked, p, of_tx);
	s->net->nparked++;
	counts.parked++;
}

static void
unpark(struct parked *p)
{
	TAILQ_REMOVE(&waiting, p, all);
	TAILQ_REMOVE(&p->session->tx->parked, p, of_tx);
	p->session->net->nparked--;
	counts.parked--;
	free(p);
}

void
recipient_add(struct session *s, const struct recipient *r)
{
	const struct net_policy_rcpt	*rcpt = &r->rcpt;
	const struct conf		*conf = conf_current();
	uint32_t			 count;
	unsigned int			 reply;

	if (s->tx == NULL || s->tx->tx != rcpt->tx) {
		answer(s, rcpt, REPLY_SEQUENCE, 0);
		return;
	}
	if (address_domain(rcpt->recipient) == NULL &&
	    strcasecmp(rcpt->recipient, "postmaster") != 0) {
		answer(s, rcpt, REPLY_BAD_RCPT, 0);
		return;
	}
	if ((conf != NULL && conf->limits.recipients_max != 0 &&
	    s->tx->ncommands >= conf->limits.recipients_max) ||
	    s->tx->work >= WORK_MAX) {
		answer(s, rcpt, REPLY_TOO_MANY_RCPT, 0);
		return;
	}
	s->tx->ncommands++;
	reply = accept_recipient(s, r, &count);
	if (reply == REPLY_NONE)
		park(s, r);
	else
		settle(s, rcpt, reply, count);
}

void
recipient_retry(const char *name)
{
	struct parked	*p, *next;
	uint64_t	 hash = hash_string(name);
	uint32_t	 count;
	unsigned int	 reply;

	for (p = TAILQ_FIRST(&waiting); p != NULL; p = next) {
		next = TAILQ_NEXT(p, all);
		if (p->name_hash != hash)
			continue;
		reply = accept_recipient(p->session, &p->r, &count);
		if (reply == REPLY_NONE) {
			p->name_hash = hash_string(expansion.waits_for);
			continue;
		}
		settle(p->session, &p->r.rcpt, reply, count);
		unpark(p);
	}
}

void
recipient_expire(void)
{
	struct parked	*p;

	while ((p = TAILQ_FIRST(&waiting)) != NULL &&
	    p->until_ms <= proc_now_ms()) {
		settle(p->session, &p->r.rcpt, REPLY_TRY_LATER, 0);
		unpark(p);
	}
}

/* The transaction ended, the session did not: net keeps its replies in the
 * order of the commands, so those behind wait for these. */
void
recipient_release(struct session *s)
{
	struct parked	*p;

	while ((p = TAILQ_FIRST(&s->tx->parked)) != NULL) {
		send_done(s, &p->r.rcpt, REPLY_TRY_LATER, 0);
		unpark(p);
	}
}

void
recipient_forget(struct session *s)
{
	struct parked	*p;

	while ((p = TAILQ_FIRST(&s->tx->parked)) != NULL)
		unpark(p);
	s->net->nrecipients -= s->tx->nseen;
	free(s->tx->seen);
	s->tx->seen = NULL;
	s->tx->nseen = 0;
}
