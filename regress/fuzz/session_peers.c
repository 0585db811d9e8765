/*
 * policy, queue and parent of the session, as far as it sees them.  What they
 * say the choices of the input decide, one for each question; when they say it
 * too: at once or when an operation of the input (or its end) makes them.
 * They hold that no question may come that the protocol does not allow, and
 * note MAIL, RCPT and END for the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/proc.h"
#include "fuzz.h"
#include "local.h"
#include "mail/reply.h"
#include "policy.h"
#include "queue.h"
#include "session.h"
#include "session_fuzz.h"
#include "smtp.h"

#define PENDING_MAX	4096
#define WAITS		0x40	/* bit of a choice */

enum ask { ASK_MAIL, ASK_RCPT, ASK_HEADER, ASK_END, ASK_AUTH };

struct pending {
	enum ask	 ask;
	uint64_t	 session;
	uint32_t	 tx;
	uint32_t	 n;
	size_t		 record;
	uint8_t		 choice;
};

/* The transaction that policy and queue know of. */
static struct {
	uint32_t	 id;		/* the last that MAIL began */
	uint32_t	 nrcpt;
	uint32_t	 nasked;	/* RCPT */
	char		*body;
	size_t		 body_size;
	int		 is_open;
	int		 has_mail;	/* accepted */
	int		 has_failed;	/* a link went down: END must not come */
	int		 has_body;
	int		 was_asked;	/* about its authors */
	int		 header_bad;	/* asked, and no good answer yet */
} tx;

struct peers		peers;
static struct pending	pending[PENDING_MAX];
static size_t		npending;
static const uint8_t	*choices;
static size_t		nchoices, choice_at;
static int		policy_down, queue_down, policy_knows, backlog;

static uint8_t
choose(void)
{
	return nchoices == 0 ? '0' : choices[choice_at++ % nchoices];
}

static void
tx_begin(uint32_t id)
{
	free(tx.body);
	memset(&tx, 0, sizeof(tx));
	tx.id = id;
}

void
peers_begin(const uint8_t *list, size_t n)
{
	while (peers.nrecords > 0)
		free(peers.record[--peers.nrecords].body);
	tx_begin(0);
	peers.granted = peers.was_down = 0;
	peers.nends = 0;
	choices = list;
	nchoices = n;
	choice_at = npending = 0;
	policy_down = queue_down = policy_knows = backlog = 0;
}

/* record: SIZE_MAX for what is not noted. */
static void
ask(enum ask what, uint64_t session, uint32_t id, uint32_t n, size_t record)
{
	struct pending	*p = &pending[npending++];

	MUST(npending <= PENDING_MAX);
	p->ask = what;
	p->session = session;
	p->tx = id;
	p->n = n;
	p->record = record;
	p->choice = choose();
}

static struct record *
note(enum record_kind kind, uint32_t id, const char *text)
{
	struct record	*r = &peers.record[peers.nrecords++];

	MUST(peers.nrecords <= RECORDS_MAX);
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->tx = id;
	r->reply = REPLY_TRY_LATER;
	strlcpy(r->text, text, sizeof(r->text));
	return r;
}

int
policy_mail(const struct net_policy_mail *m, const char *envid)
{
	struct record	*r;

	MUST(!tx.is_open && m->tx > tx.id && m->listener == host.listener.id);
	MUST(strlen(envid) <= ENVID_MAX && m->helo[0] != '\0');
	MUST(((m->flags & MAIL_TLS) != 0) == host.tls);
	MUST((m->flags & ~(uint32_t)MAIL_FLAGS) == 0);
	MUST((int)m->authenticated == (peers.granted != 0));
	/* What the listener promises its users. */
	MUST(host.listener.kind != LISTENER_SUBMISSION || host.tls);
	MUST(host.listener.kind == LISTENER_SMTP || peers.granted);
	r = note(RECORD_MAIL, m->tx, m->sender);
	r->flags = m->flags;
	if (policy_down) {
		tx.id = m->tx;
		return -1;
	}
	tx_begin(m->tx);
	tx.is_open = 1;
	policy_knows = 1;
	ask(ASK_MAIL, m->session, m->tx, 0, peers.nrecords - 1);
	return 0;
}

int
policy_rcpt(const struct net_policy_rcpt *r, const char *orcpt)
{
	MUST(r->tx == tx.id && strlen(orcpt) <= ORCPT_MAX);
	MUST((r->notify & ~(uint32_t)NOTIFY_FLAGS) == 0);
	MUST(r->n == tx.nasked || policy_down || tx.has_failed);
	if (policy_down)
		return -1;
	note(RECORD_RCPT, r->tx, r->recipient);
	tx.nasked++;
	ask(ASK_RCPT, r->session, r->tx, r->n, peers.nrecords - 1);
	return 0;
}

int
policy_header(uint64_t session, uint32_t id, const char *tail, size_t size)
{
	MUST(tx.is_open && id == tx.id && peers.granted);
	MUST(size > 0 && size <= HEADER_TAIL_MAX && tail[size - 1] == '\0');
	MUST(!tx.header_bad);
	if (policy_down)
		return -1;
	tx.header_bad = tx.was_asked = 1;
	ask(ASK_HEADER, session, id, 0, SIZE_MAX);
	return 0;
}

void
policy_reset(uint64_t session, uint32_t id)
{
	(void)session;
	MUST(id == tx.id);
	tx.is_open = 0;
}

void
policy_end(uint64_t session)
{
	(void)session;
	peers.nends++;
}

int
queue_body(uint64_t session, uint32_t id, const void *bytes, size_t size)
{
	(void)session;
	MUST(tx.is_open && !tx.has_failed && id == tx.id && tx.nrcpt > 0);
	MUST(size > 0 && size <= BODY_PIECE_MAX);
	if (queue_down)
		return -1;
	if ((tx.body = realloc(tx.body, tx.body_size + size)) == NULL)
		abort();
	memcpy(tx.body + tx.body_size, bytes, size);
	tx.body_size += size;
	tx.has_body = 1;
	return 0;
}

int
queue_end(const struct net_queue_end *end)
{
	struct record	*r;

	MUST(tx.is_open && !tx.has_failed && end->tx == tx.id);
	MUST(tx.nrcpt > 0 && end->nrcpt == tx.nrcpt && !tx.header_bad);
	if (queue_down)
		return -1;
	MUST(tx.has_body && end->size == tx.body_size);
	tx.is_open = 0;
	r = note(RECORD_END, end->tx, "");
	r->count = end->nrcpt;
	r->flags = end->flags;
	r->was_asked = tx.was_asked;
	r->body = tx.body;
	r->body_size = tx.body_size;
	tx.body = NULL;
	ask(ASK_END, end->session, end->tx, 0, peers.nrecords - 1);
	return 0;
}

void
queue_abort(uint64_t session, uint32_t id)
{
	(void)session;
	MUST(tx.is_open && id == tx.id);
	MUST(tx.has_body || queue_down);
	tx.has_body = 0;
}

size_t
queue_backlog(void)
{
	return backlog ? 5U << 20 : 0;
}

struct link *
proc_parent(void)
{
	return NULL;
}

/* Whoever is asked to log in must be inside of TLS. */
int
link_send_tail(struct link *l, uint32_t type, const void *data, size_t size,
    const void *tail, size_t tail_size)
{
	uint64_t	session;

	(void)l;
	(void)tail;
	MUST(type == MSG_NET_PARENT_AUTH || type == MSG_NET_PARENT_AUTH_STEP);
	MUST(host.tls && host.listener.auth && !peers.granted);
	MUST(tail_size <= AUTH_TAIL_MAX && size >= sizeof(session));
	memcpy(&session, data, sizeof(session));
	if (choose() % 16 == 15)
		return -1;
	policy_knows = 1;
	ask(ASK_AUTH, session, 0, 0, SIZE_MAX);
	return 0;
}

/* It gives up a question, or ends in the middle of a dialogue. */
int
link_send(struct link *l, uint32_t type, const void *data, size_t size)
{
	size_t	i;

	(void)l;
	(void)data;
	(void)size;
	MUST(type == MSG_NET_PARENT_AUTH_CANCEL);
	for (i = 0; i < npending; i++)
		if (pending[i].ask == ASK_AUTH) {
			memmove(&pending[i], &pending[i + 1],
			    (npending - i - 1) * sizeof(pending[0]));
			npending--;
			break;
		}
	return 0;
}

int
link_send_fd(struct link *l, uint32_t type, int fd, const void *data,
    size_t size)
{
	uint64_t	session;

	(void)l;
	MUST(type == MSG_NET_PARENT_PEER && size >= sizeof(session));
	close(fd);
	memcpy(&session, data, sizeof(session));
	policy_knows = 1;
	ask(ASK_AUTH, session, 0, 0, SIZE_MAX);
	return 0;
}

static void
answer_mail(struct session *s, const struct pending *p)
{
	static const uint32_t	replies[] = { REPLY_SENDER_OK,
	    REPLY_SENDER_OK, REPLY_SENDER_OK, REPLY_SENDER_OK,
	    REPLY_SENDER_NOT_YOURS, REPLY_AUTH_REQUIRED, REPLY_USER_SESSIONS,
	    REPLY_NONE };
	uint32_t		reply = replies[p->choice % 8];

	peers.record[p->record].reply = reply;
	tx.has_mail = reply == REPLY_SENDER_OK;
	if (!tx.has_mail)
		tx.is_open = 0;
	smtp_mail_done(s, p->tx, 77, reply, reply == REPLY_USER_SESSIONS ?
	    "too many of yours" : NULL);
}

static void
answer_rcpt(struct session *s, const struct pending *p)
{
	static const uint32_t	replies[] = { REPLY_RCPT_OK, REPLY_RCPT_OK,
	    REPLY_RCPT_OK, REPLY_NO_SUCH_USER, REPLY_RELAY_DENIED,
	    REPLY_USER_RECIPIENTS, REPLY_NONE, REPLY_RCPT_OK };
	uint32_t		reply = replies[p->choice % 8], count = 0;

	/* As policy does, whose transaction it is not. */
	if (!tx.is_open || p->tx != tx.id)
		reply = REPLY_SEQUENCE;
	if (reply == REPLY_RCPT_OK) {
		count = p->choice % 8;	/* all may be the same as others */
		tx.nrcpt += count;
	}
	peers.record[p->record].reply = reply;
	peers.record[p->record].count = count;
	smtp_rcpt_done(s, p->tx, p->n, reply, count, NULL);
}

static void
answer_header(struct session *s, const struct pending *p)
{
	static const uint32_t	replies[] = { REPLY_OK, REPLY_OK, REPLY_OK,
	    REPLY_AUTHOR_NOT_YOURS, REPLY_NONE, REPLY_OK, REPLY_TRY_LATER,
	    REPLY_AUTHOR_NOT_YOURS };
	uint32_t		reply = replies[p->choice % 8];

	if (p->tx == tx.id && reply == REPLY_OK)
		tx.header_bad = 0;
	smtp_header_done(s, p->tx, reply, p->choice >> 3);
}

static void
answer_end(struct session *s, const struct pending *p)
{
	static const uint32_t	replies[] = { REPLY_QUEUED, REPLY_QUEUED,
	    REPLY_QUEUED, REPLY_DISK, REPLY_NONE, REPLY_TRY_LATER,
	    REPLY_QUEUED, REPLY_QUEUED };
	uint32_t		reply = replies[p->choice % 8];

	peers.record[p->record].reply = reply;
	smtp_data_done(s, p->tx, 77, reply);
}

static void
answer_auth(struct session *s, const struct pending *p)
{
	static const uint32_t	results[] = { AUTH_OK, AUTH_OK, AUTH_BAD,
	    AUTH_LATER, 0, AUTH_BAD, 9, AUTH_OK };
	uint32_t		result = results[p->choice % 8];

	if (host.listener.kind == LISTENER_LOCAL) {
		peers.granted = result == AUTH_OK;
		local_done(s, result, result == AUTH_OK ? "joe" : "");
	} else if (result == 0) {
		smtp_auth_challenge(s, "what?", p->choice & 8 ? 0 : 5);
	} else {
		peers.granted = result == AUTH_OK;
		smtp_auth_done(s, result, result == AUTH_OK ? "joe" : "",
		    p->choice & 8 ? 100 : 0);
	}
}

static void
answer(size_t i)
{
	struct pending	 p;
	struct session	*s;

	/* Policy knows no recipient before it knows of the transaction. */
	if (pending[i].ask == ASK_RCPT && !tx.has_mail)
		while (pending[i].ask == ASK_RCPT && i > 0)
			i--;
	p = pending[i];
	memmove(&pending[i], &pending[i + 1],
	    (npending - i - 1) * sizeof(pending[0]));
	npending--;
	if ((s = session_find(p.session)) == NULL)
		return;
	switch (p.ask) {
	case ASK_MAIL:
		answer_mail(s, &p);
		break;
	case ASK_RCPT:
		answer_rcpt(s, &p);
		break;
	case ASK_HEADER:
		answer_header(s, &p);
		break;
	case ASK_END:
		answer_end(s, &p);
		break;
	case ASK_AUTH:
		answer_auth(s, &p);
		break;
	}
}

int
peers_answer(int newest)
{
	if (npending == 0)
		return 0;
	answer(newest ? npending - 1 : 0);
	return 1;
}

int
peers_answer_ready(void)
{
	size_t	i;
	int	n = 0;

	for (i = 0; i < npending;)
		if (pending[i].choice & WAITS) {
			i++;
		} else {
			answer(i);
			n++;
		}
	return n;
}

/* What the process at the other end was asked it takes with it. */
static void
forget(int is_queue)
{
	size_t	i, n = 0;

	peers.was_down = 1;
	tx.has_failed = tx.is_open;
	for (i = 0; i < npending; i++)
		if (pending[i].ask == ASK_AUTH ||
		    (pending[i].ask == ASK_END) != is_queue)
			pending[n++] = pending[i];
	npending = n;
	session_each(is_queue ? smtp_queue_down : smtp_policy_down, NULL);
	if (is_queue)
		tx.has_body = 0;
	else if (!tx.has_mail)
		tx.is_open = 0;
}

static void
stale_each(struct session *s, void *arg)
{
	(void)arg;
	smtp_mail_done(s, 99999, 1, REPLY_SENDER_OK, NULL);
	smtp_rcpt_done(s, tx.id, 99999, REPLY_RCPT_OK, 1, NULL);
	smtp_rcpt_done(s, tx.id, 0xffffffffU, REPLY_RCPT_OK, 1, NULL);
	smtp_header_done(s, 99999, REPLY_OK, 0);
	smtp_data_done(s, 99999, 1, REPLY_QUEUED);
}

void
peers_op(int op)
{
	switch (op) {
	case 'p':
		forget(0);
		break;
	case 'd':
		forget(1);
		break;
	case 'P':
		policy_down = !policy_down;
		if (policy_down)
			forget(0);
		break;
	case 'Q':
		queue_down = !queue_down;
		if (queue_down)
			forget(1);
		break;
	case 'q':
		backlog = !backlog;
		break;
	case 'e':
		backlog = 0;
		break;
	case 'z':
		session_each(stale_each, NULL);
		break;
	default:
		break;
	}
}

void
peers_end(void)
{
	MUST(peers.nends == (policy_knows ? 1U : 0U));
}
