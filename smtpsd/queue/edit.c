/*
 * Changes of the queue that the administrator asks for.  A request may
 * concern a million envelopes: it walks the store in order of their keys, a
 * piece in each turn, each piece one transaction.  What waits in memory for
 * its turn goes back to the store first, so that the store alone has to be
 * changed; what is being delivered is left alone and counted.  State owned:
 * the requests that are not finished.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "agent.h"
#include "base/log.h"
#include "edit.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "proto/control_any.h"
#include "schedule.h"
#include "store.h"

#define EDITS_MAX	16
#define PIECE_MAX	1000	/* envelopes looked at in one turn */
#define PIECE_BYTES	(UINT64_C(16) << 20)	/* of bodies removed in one */
#define LOGGED_MAX	100	/* lines of one request */

struct edit {
	TAILQ_ENTRY(edit)	 entry;
	struct edit_def		 def;
	struct edit_result	 result;
	void			(*done)(uint64_t, const struct edit_result *);
	uint64_t		 request;
	uint64_t		 above;		/* walked up to this envelope */
	uint64_t		 last;		/* the last that can match */
	unsigned int		 nagain;	/* pieces begun again */
	char			 selector[MAILADDR_SIZE];
};

/* Those of one piece that match. */
struct piece {
	struct edit	*edit;
	unsigned int	 seen;
	uint64_t	 bytes;
	int		 is_cut;	/* the rest of it is for the next one */
	unsigned int	 n;
	uint64_t	 id[PIECE_MAX];
};

static struct store		*store;
static TAILQ_HEAD(, edit)	 edits = TAILQ_HEAD_INITIALIZER(edits);
static unsigned int		 nedits;

static const char *const	 names[] = { [EDIT_HOLD] = "hold",
	[EDIT_RELEASE] = "release", [EDIT_SCHEDULE] = "schedule",
	[EDIT_REMOVE] = "remove" };

void
edit_init(struct store *s)
{
	store = s;
}

int
edit_is_busy(void)
{
	return nedits > 0;
}

int
edit_start(const struct edit_def *def, void (*done)(uint64_t,
    const struct edit_result *), uint64_t request)
{
	struct edit *e;

	if (def->what < EDIT_HOLD || def->what > EDIT_REMOVE ||
	    def->which < SELECT_ALL || def->which > SELECT_DOMAIN ||
	    (def->which > SELECT_SENDER && def->selector[0] == '\0') ||
	    def->id > (def->which == SELECT_MESSAGE ? MESSAGE_ID_MAX :
	    MESSAGE_ID_MAX << 10) ||
	    nedits == EDITS_MAX || (e = calloc(1, sizeof(*e))) == NULL)
		return -1;
	e->def = *def;
	strlcpy(e->selector, def->selector, sizeof(e->selector));
	e->def.selector = e->selector;
	e->done = done;
	e->request = request;
	e->last = UINT64_MAX;
	if (def->which == SELECT_ENVELOPE) {
		e->above = def->id > 0 ? def->id - 1 : 0;
		e->last = def->id;
	} else if (def->which == SELECT_MESSAGE) {
		e->above = def->id << 10;
		e->last = def->id << 10 | MESSAGE_ENVELOPES_MAX;
	}
	TAILQ_INSERT_TAIL(&edits, e, entry);
	nedits++;
	return 0;
}

void
edit_forget(void)
{
	struct edit *e;

	TAILQ_FOREACH(e, &edits, entry)
		e->done = NULL;
}

/* Both forms of a domain are one; local recipients have it in A-labels. */
static int
is_same(const char *a, const char *b)
{
	char room_a[MAILADDR_SIZE], room_b[MAILADDR_SIZE];

	return strcasecmp(domain_canonical(a, room_a, sizeof(room_a)),
	    domain_canonical(b, room_b, sizeof(room_b))) == 0;
}

static int
edit_matches(const struct edit *e, const struct queue_item *item)
{
	const char *domain;

	int is_kept = item->state == QUEUE_HELD ||
	    item->state == QUEUE_QUARANTINED;

	if ((e->def.what == EDIT_HOLD || e->def.what == EDIT_SCHEDULE) &&
	    is_kept)
		return 0;
	if (e->def.what == EDIT_RELEASE && !is_kept)
		return 0;
	switch (e->def.which) {
	case SELECT_SENDER:
		/* that of a message which the disk has lost is not known */
		return (item->sender[0] != '\0' || item->created_s != 0) &&
		    is_same(item->sender, e->selector);
	case SELECT_RECIPIENT:
		return is_same(item->recipient, e->selector);
	case SELECT_DOMAIN:
		domain = address_domain(item->recipient);
		return domain != NULL && is_same(domain, e->selector);
	default:
		return 1;
	}
}

static void
piece_item(const struct queue_item *item, void *arg)
{
	struct piece *p = arg;
	struct edit *e = p->edit;

	if (item->envelope > e->last || p->is_cut)
		return;
	if (e->def.what == EDIT_REMOVE && p->bytes >= PIECE_BYTES) {
		p->is_cut = 1;
		return;
	}
	p->seen++;
	e->above = item->envelope;
	if (!edit_matches(e, item))
		return;
	/* none is ready: they were withdrawn */
	if (schedule_is_busy(item->envelope)) {
		e->result.running++;
		return;
	}
	if (e->result.changed + p->n < LOGGED_MAX)
		log_info("event=%s envelope=%013" PRIx64 "/%u from=<%s> "
		    "to=<%s>", names[e->def.what], item->envelope >> 10,
		    (unsigned int)(item->envelope & 1023),
		    log_vis(item->sender), log_vis(item->recipient));
	p->bytes += item->size;
	p->id[p->n++] = item->envelope;
}

static int
edit_remove(uint64_t id)
{
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	int r = -1;

	if (e != NULL && m != NULL)
		r = store_load(store, id, e, m);
	/* 0: the damaged store has no message for it */
	if (r != -1 && (store_remove_envelope(store, id) == -1 ||
	    store_remove_message(store, id >> 10, m->body_id) == -1))
		r = -1;
	envelope_free(e);
	message_unref(m);
	return r == -1 ? -1 : 0;
}

static int
edit_one(const struct edit *e, uint64_t id, uint64_t now_s)
{
	if (e->def.what == EDIT_REMOVE)
		return edit_remove(id);
	return store_set_next(store, id, e->def.what == EDIT_HOLD ? 0 : now_s);
}

/* -1: nothing of the piece was changed. */
static int
piece_store(const struct piece *p, uint64_t now_s)
{
	unsigned int i;

	if (p->n == 0)
		return 0;
	if (store_begin(store, 1) == -1)
		return -1;
	for (i = 0; i < p->n; i++)
		if (edit_one(p->edit, p->id[i], now_s) == -1) {
			store_rollback(store);
			return -1;
		}
	if (store_commit(store) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

static void
edit_finish(struct edit *e)
{
	log_info("event=%s envelopes=%" PRIu64 " running=%" PRIu64 "%s",
	    names[e->def.what], e->result.changed, e->result.running,
	    e->result.is_failed ? " failed=1" : "");
	if (e->done != NULL)
		e->done(e->request, &e->result);
	TAILQ_REMOVE(&edits, e, entry);
	nedits--;
	free(e);
}

/* A piece of damaged messages needs two attempts for each, not more. */
static int
edit_again(struct edit *e, const struct edit *before)
{
	unsigned int nagain = e->nagain + 1;

	if (!store_leaves_more(store) || nagain > 2 * PIECE_MAX)
		return 0;
	e->above = before->above;
	e->result = before->result;
	e->nagain = nagain;
	return 1;
}

void
edit_turn(uint64_t now_s)
{
	static struct piece piece;
	struct edit *e = TAILQ_FIRST(&edits), before;

	if (e == NULL)
		return;
	agent_withdraw();
	before = *e;
	piece.edit = e;
	piece.seen = piece.n = 0;
	piece.bytes = 0;
	piece.is_cut = 0;
	if (store_list(store, e->above, PIECE_MAX, piece_item, &piece) == -1 ||
	    piece_store(&piece, now_s) == -1) {
		if (edit_again(e, &before))
			return;
		e->result.is_failed = 1;
		edit_finish(e);
		return;
	}
	e->nagain = 0;
	e->result.changed += piece.n;
	if (piece.seen < PIECE_MAX && !piece.is_cut)
		edit_finish(e);
}
