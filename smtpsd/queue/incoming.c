/*
 * Transactions that are being received.  State owned: one struct tx per
 * session, in a tree; those that ended and wait for recipients, in order of
 * END; those that are ready for the next commit; those of a commit that is not
 * yet flushed, which no session can take back any more; how many transactions
 * and recipients there are, of all and of each net.  Called by peers.c and
 * commit.c; what becomes of the body is in incoming_tx.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "incoming.h"
#include "incoming_tx.h"
#include "mail/reply.h"
#include "owned.h"
#include "proto/net_policy.h"
#include "share.h"
#include "store.h"

#define WAIT_MS		30000U		/* END to the last recipient */
#define TX_MAX		65536U		/* transactions open at once */
#define RCPT_MAX	262144U		/* recipients of them, about 800 bytes */
#define MESSAGE_COST	2048U	/* bytes on disk besides its body */
#define ENVELOPE_COST	512U

TAILQ_HEAD(tx_list, tx);
RB_HEAD(tx_tree, tx);

static struct incoming_def def;
static struct tx_tree txs = RB_INITIALIZER(&txs);
static struct tx_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct tx_list ready = TAILQ_HEAD_INITIALIZER(ready);
static struct tx_list committed = TAILQ_HEAD_INITIALIZER(committed);
static unsigned int ntx, nready;
static uint32_t nheld;			/* recipients in memory, of all */
static unsigned int tx_max = TX_MAX, rcpt_max = RCPT_MAX;
static uint64_t message_max = UINT64_C(64) << 20;

static int
tx_compare(struct tx *a, struct tx *b)
{
	return a->session < b->session ? -1 : a->session > b->session;
}
RB_PROTOTYPE(tx_tree, tx, tree, tx_compare)
RB_GENERATE(tx_tree, tx, tree, tx_compare)

static struct tx *
tx_find(uint64_t session)
{
	struct tx key;

	key.session = session;
	return RB_FIND(tx_tree, &txs, &key);
}

static void
tx_unlist(struct tx *t)
{
	if (t->state == TX_WAITING)
		TAILQ_REMOVE(&waiting, t, entry);
	else if (t->state == TX_READY) {
		TAILQ_REMOVE(&ready, t, entry);
		nready--;
	} else if (t->state == TX_COMMITTED)
		TAILQ_REMOVE(&committed, t, entry);
}

static void
tx_free(struct tx *t)
{
	tx_unlist(t);
	if (t->state != TX_COMMITTED)
		RB_REMOVE(tx_tree, &txs, t);
	tx_free_body(t);
	message_unref(t->message);
	message_unref(t->owner);
	envelope_list_free(&t->envelopes);
	t->share->nrcpt -= t->nheld;
	nheld -= t->nheld;
	share_drop(t->share);
	ntx--;
	free(t);
}

/* Forget a transaction; if net waits for its answer, refuse it. */
static void
tx_drop(struct tx *t, uint32_t reply)
{
	if (t->state != TX_OPEN)
		def.done(t->session, t->tx, 0, reply);
	tx_drop_chunks(t);
	tx_free(t);
}

/*
 * The transaction tx of a session, made if it is newer than the one there
 * is.  NULL: stale, or no memory.
 */
static struct tx *
tx_get(uint64_t session, uint32_t tx, int may_make)
{
	struct tx *t = tx_find(session);

	if (t != NULL && t->tx == tx)
		return t;
	if (!may_make || (t != NULL && tx < t->tx))
		return NULL;
	if (t != NULL)
		tx_drop(t, REPLY_TRY_LATER);
	if (ntx >= tx_max || (t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if ((t->message = message_new()) == NULL || (t->share = share_take(
	    (uint32_t)(session >> 32), tx_max / OF_ONE_NET)) == NULL) {
		message_unref(t->message);
		free(t);
		return NULL;
	}
	t->session = session;
	t->tx = tx;
	TAILQ_INIT(&t->envelopes);
	RB_INSERT(tx_tree, &txs, t);
	ntx++;
	return t;
}

void
incoming_init(const struct incoming_def *d)
{
	def = *d;
	tx_init(d->store);
}

void
incoming_limit(uint64_t bytes)
{
	message_max = bytes;
}

void
incoming_limit_open(unsigned int n, unsigned int recipients)
{
	tx_max = n;
	rcpt_max = recipients;
}

int
incoming_body(const struct net_queue_body *b, const void *data, size_t size,
    const char **why)
{
	struct tx *t;

	if (size > BODY_PIECE_MAX) {
		*why = "BODY piece too long";
		return -1;
	}
	if ((t = tx_get(b->session, b->tx, 1)) == NULL)
		return 0;
	if (t->state != TX_OPEN) {
		*why = "BODY after END";
		return -1;
	}
	t->size += size;
	if (t->size > message_max) {
		t->reply = REPLY_TOO_BIG;
		tx_free_buffer(t);
	}
	tx_append(t, data, size);
	return 0;
}

/* Ready, waiting or refused: decided after END and after each recipient. */
static void
tx_judge(struct tx *t, uint64_t now_ms)
{
	if (t->reply == 0 && (t->nrcpt_end == 0 || t->nrcpt > t->nrcpt_end))
		t->reply = REPLY_TRY_LATER;
	if (t->reply == 0 && (!t->is_open || t->nrcpt < t->nrcpt_end)) {
		if (t->state == TX_OPEN) {
			t->state = TX_WAITING;
			t->ended_ms = now_ms;
			TAILQ_INSERT_TAIL(&waiting, t, entry);
		}
		return;
	}
	tx_unlist(t);
	t->state = TX_READY;
	TAILQ_INSERT_TAIL(&ready, t, entry);
	nready++;
}

int
incoming_end(const struct net_queue_end *e, uint64_t now_ms, const char **why)
{
	struct tx *t;

	if ((t = tx_get(e->session, e->tx, 1)) == NULL) {
		def.done(e->session, e->tx, 0, REPLY_TRY_LATER);
		return 0;
	}
	if (t->state != TX_OPEN) {
		*why = "second END";
		return -1;
	}
	if (e->size != t->size && t->reply == 0) {
		log_warnx("incoming: session=%016" PRIx64 " says %" PRIu64
		    " bytes, sent %" PRIu64, e->session, e->size, t->size);
		t->reply = REPLY_TRY_LATER;
	}
	t->nrcpt_end = e->nrcpt;
	t->flags = e->flags;
	tx_judge(t, now_ms);
	return 0;
}

void
incoming_abort(uint64_t session, uint32_t tx)
{
	struct tx *t = tx_get(session, tx, 0);

	if (t != NULL)
		tx_drop(t, REPLY_TRY_LATER);
}

void
incoming_open(const struct policy_queue_open *o, const char *envid,
    size_t envid_size, uint64_t now_ms)
{
	struct tx *t;
	struct message *m;

	if ((t = tx_get(o->session, o->tx, 1)) == NULL || t->is_open)
		return;
	m = t->message;
	t->is_open = 1;
	m->id = o->message;
	m->flags = o->flags & MAIL_FLAGS;
	if (message_set_envid(m, envid, envid_size) == -1)
		log_warnx("incoming: session=%016" PRIx64 " bad ENVID left out",
		    o->session);
	strlcpy(m->sender, o->sender, sizeof(m->sender));
	strlcpy(m->user, o->user, sizeof(m->user));
	m->bounce = o->bounce;
	strlcpy(t->address, o->address, sizeof(t->address));
	if (t->state != TX_OPEN)
		tx_judge(t, now_ms);
}

void
incoming_owner(const struct policy_queue_owner *o)
{
	struct tx *t = tx_get(o->session, o->tx, 0);

	if (t != NULL && owned_set(&t->owner, o) == -1)
		t->reply = REPLY_TRY_LATER;
}

/*
 * Without OPEN: net ended the transaction and began the same again, or there
 * was no room at OPEN.  No fault of policy, but it cannot be complete.
 */
void
incoming_rcpt(const struct policy_queue_rcpt *r, const char *orcpt,
    size_t orcpt_size)
{
	struct tx *t = tx_get(r->session, r->tx, 0);
	struct envelope *e;

	if (t == NULL)
		return;
	t->nrcpt++;
	if (!t->is_open || t->nrcpt > MESSAGE_ENVELOPES_MAX ||
	    t->share->nrcpt >= rcpt_max / OF_ONE_NET || nheld >= rcpt_max ||
	    (e = envelope_new()) == NULL) {
		t->reply = REPLY_TRY_LATER;
	} else {
		t->nheld++;
		t->share->nrcpt++;
		nheld++;
		strlcpy(e->action, r->action, sizeof(e->action));
		strlcpy(e->user, r->user, sizeof(e->user));
		strlcpy(e->recipient, r->recipient, sizeof(e->recipient));
		strlcpy(e->original, r->original, sizeof(e->original));
		e->notify = r->notify & NOTIFY_FLAGS;
		if (t->owner != NULL)
			e->owner = message_ref(t->owner);
		if (envelope_set_orcpt(e, orcpt, orcpt_size) == -1)
			log_warnx("incoming: session=%016" PRIx64 " bad ORCPT "
			    "left out", r->session);
		TAILQ_INSERT_TAIL(&t->envelopes, e, entry);
	}
	if (t->state != TX_OPEN)
		tx_judge(t, t->ended_ms);
}

void
incoming_drop_peer(uint32_t peer_id)
{
	struct tx *t, *next;

	RB_FOREACH_SAFE(t, tx_tree, &txs, next)
		if (t->session >> 32 == peer_id)
			tx_drop(t, REPLY_TRY_LATER);
}

void
incoming_drop_bodyless(void)
{
	struct tx *t, *next;

	RB_FOREACH_SAFE(t, tx_tree, &txs, next)
		if (t->state == TX_OPEN && t->size == 0)
			tx_drop(t, REPLY_TRY_LATER);
}

void
incoming_expire(uint64_t now_ms)
{
	struct tx *t;

	while ((t = TAILQ_FIRST(&waiting)) != NULL &&
	    now_ms - t->ended_ms >= WAIT_MS) {
		log_warnx("incoming: session=%016" PRIx64 " recipients=%u of "
		    "%u after %u s", t->session, t->nrcpt, t->nrcpt_end,
		    WAIT_MS / 1000);
		tx_drop(t, REPLY_TRY_LATER);
	}
	tx_commit_chunks();
}

/*
 * Refused ones leave before the big transaction begins; to drop their chunks
 * takes a small one.
 */
static void
drop_refused(void)
{
	struct tx *t, *next;

	TAILQ_FOREACH_SAFE(t, &ready, entry, next)
		if (t->reply != 0)
			tx_drop(t, t->reply);
	tx_commit_chunks();
}

void
incoming_commit_chunks(void)
{
	tx_commit_chunks();
	drop_refused();
}

unsigned int
incoming_ready(void)
{
	return nready;
}

/* What unfinished ones hold in memory is not asked for: it may never come. */
uint64_t
incoming_ready_bytes(void)
{
	uint64_t bytes = 0;
	struct tx *t;

	TAILQ_FOREACH(t, &ready, entry)
		bytes += t->used + MESSAGE_COST + t->nheld * ENVELOPE_COST;
	return bytes;
}

int
incoming_store(uint64_t now_s)
{
	struct tx *t;

	TAILQ_FOREACH(t, &ready, entry)
		if (tx_store(t, now_s) == -1)
			return -1;
	return 0;
}

void
incoming_committed(void)
{
	struct tx *t;

	while ((t = TAILQ_FIRST(&ready)) != NULL) {
		tx_unlist(t);
		RB_REMOVE(tx_tree, &txs, t);
		t->state = TX_COMMITTED;
		TAILQ_INSERT_TAIL(&committed, t, entry);
	}
}

void
incoming_stored(void)
{
	struct envelope_list list;
	struct message *m;
	struct tx *t;

	while ((t = TAILQ_FIRST(&committed)) != NULL) {
		log_info("event=accepted message=%013" PRIx64 " session=%016"
		    PRIx64 " address=%s user=%s from=<%s> size=%" PRIu64
		    " rcpts=%u", t->message->id, t->session,
		    log_vis(t->address), t->message->user[0] == '\0' ? "-" :
		    log_vis(t->message->user), log_vis(t->message->sender),
		    t->size, t->nrcpt);
		def.done(t->session, t->tx, t->message->id, REPLY_QUEUED);
		message_hold_body(t->message);
		TAILQ_INIT(&list);
		while ((m = owned_take(t->message, &t->envelopes, &list)) !=
		    NULL)
			def.accepted(m, &list);
		tx_free(t);
	}
}

void
incoming_refuse(uint32_t reply)
{
	struct tx *t;

	while ((t = TAILQ_FIRST(&committed)) != NULL)
		tx_drop(t, reply);
	while ((t = TAILQ_FIRST(&ready)) != NULL)
		tx_drop(t, reply);
	tx_commit_chunks();
}

void
incoming_lose_chunks(void)
{
	struct tx *t;

	RB_FOREACH(t, tx_tree, &txs) {
		if (t->message->body_id == 0)
			continue;
		t->reply = REPLY_DISK;
		tx_free_buffer(t);
		if (t->state == TX_WAITING)
			tx_judge(t, t->ended_ms);
	}
	drop_refused();
}

unsigned int
incoming_open_count(void)
{
	return ntx;
}
