/*
 * The queue asks where an address of a ~/.forward leads.  It is expanded as
 * a recipient of mail that comes from this host: whoever wrote the message
 * has no part in what a user does with his mail.  A question that depends on
 * a user whom only the parent knows waits and is expanded again from scratch.
 * State owned: the questions that wait.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/reply.h"
#include "alias.h"
#include "bounce.h"
#include "conf.h"
#include "handover.h"
#include "route.h"
#include "users.h"

#define WAITING_MAX	10000
#define WAITING_MS	10000

struct waiting {
	TAILQ_ENTRY(waiting)		 entry;	/* oldest first */
	uint64_t			 until_ms;
	struct queue_policy_route	 ask;
	char				 name[NAME_SIZE];	/* whom for */
};

static TAILQ_HEAD(, waiting)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int		 nwaiting;
static struct alias_expansion	 expansion;
static struct alias_expansion	 bounce;
static struct bounce_route	 owner_routes[ALIAS_OWNERS_MAX];

static void
prepare(struct alias_expansion *x, const struct conf *conf,
    const char *sender)
{
	memset(&x->request, 0, sizeof(x->request));
	x->conf = conf;
	x->request.address = "local";
	x->request.tag = "";
	x->request.sender = sender;
	x->request.is_own = 1;
	x->find_user = users_find;
	x->is_bounce = 0;
}

/* A link that fails meanwhile has the queue ask again. */
static void
send_owner(const struct queue_policy_route *ask, uint32_t owner)
{
	struct policy_queue_owner	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = ask->id;
	if (owner != 0) {
		strlcpy(msg.sender, expansion.owners[owner - 1],
		    sizeof(msg.sender));
		msg.bounce = owner_routes[owner - 1];
	}
	handover_answer(MSG_POLICY_QUEUE_ROUTED_OWNER, &msg, sizeof(msg));
}

static void
send_results(const struct queue_policy_route *ask)
{
	const struct alias_result	*r;
	struct policy_queue_rcpt	 rcpt;
	uint32_t			 owner = 0;
	size_t				 i;

	for (i = 0; i < expansion.nresults; i++) {
		r = &expansion.results[i];
		if (r->owner != owner)
			send_owner(ask, owner = r->owner);
		memset(&rcpt, 0, sizeof(rcpt));
		rcpt.session = ask->id;
		strlcpy(rcpt.action, r->action->is.name, sizeof(rcpt.action));
		strlcpy(rcpt.recipient, r->recipient, sizeof(rcpt.recipient));
		strlcpy(rcpt.user, r->user, sizeof(rcpt.user));
		handover_answer(MSG_POLICY_QUEUE_ROUTED, &rcpt, sizeof(rcpt));
	}
}

static void
send_done(const struct queue_policy_route *ask, enum reply_id reply)
{
	struct policy_queue_routed_done	 done;

	memset(&done, 0, sizeof(done));
	done.id = ask->id;
	done.reply = reply;
	done.count = reply == REPLY_OK ? (uint32_t)expansion.nresults : 0;
	handover_answer(MSG_POLICY_QUEUE_ROUTED_DONE, &done, sizeof(done));
}

/* 0: answered, -1: waits for the user name. */
static int
answer(const struct queue_policy_route *ask, char name[NAME_SIZE])
{
	const struct conf	*conf = conf_current();
	enum reply_id		 reply;
	size_t			 i;

	/* Of a long list many may ask at once: more than the queue reads. */
	if (conf == NULL || handover_generation() == 0) {
		send_done(ask, REPLY_TRY_LATER);
		return 0;
	}
	prepare(&expansion, conf, ask->sender);
	if ((reply = alias_expand(&expansion, ask->recipient)) == REPLY_NONE) {
		strlcpy(name, expansion.waits_for, NAME_SIZE);
		return -1;
	}
	for (i = 0; reply == REPLY_OK && i < expansion.nowners; i++) {
		prepare(&bounce, conf, ask->sender);
		reply = bounce_find(&bounce, expansion.owners[i],
		    &owner_routes[i]);
		if (reply == REPLY_NONE) {
			strlcpy(name, bounce.waits_for, NAME_SIZE);
			return -1;
		}
	}
	if (reply == REPLY_OK)
		send_results(ask);
	else
		log_info(".forward of %s leads to %s: refused",
		    log_vis(ask->user), log_vis(expansion.culprit[0] != '\0' ?
		    expansion.culprit : ask->recipient));
	send_done(ask, reply);
	return 0;
}

void
on_queue_route(struct link *link, struct link_in *in)
{
	const struct queue_policy_route	*ask = in->data;
	struct waiting			*w;
	char				 name[NAME_SIZE];

	(void)link;
	if (answer(ask, name) == 0)
		return;
	if (nwaiting >= WAITING_MAX || (w = malloc(sizeof(*w))) == NULL) {
		send_done(ask, REPLY_TRY_LATER);
		return;
	}
	w->ask = *ask;
	w->until_ms = proc_now_ms() + WAITING_MS;
	strlcpy(w->name, name, sizeof(w->name));
	TAILQ_INSERT_TAIL(&waiting, w, entry);
	nwaiting++;
}

static void
waiting_free(struct waiting *w)
{
	TAILQ_REMOVE(&waiting, w, entry);
	nwaiting--;
	free(w);
}

void
route_retry(const char *name)
{
	struct waiting	*w, *next;

	for (w = TAILQ_FIRST(&waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (strcmp(w->name, name) == 0 && answer(&w->ask, w->name) ==
		    0)
			waiting_free(w);
	}
}

void
route_expire(void)
{
	struct waiting	*w;

	while ((w = TAILQ_FIRST(&waiting)) != NULL &&
	    w->until_ms <= proc_now_ms()) {
		send_done(&w->ask, REPLY_TRY_LATER);
		waiting_free(w);
	}
}

void
route_forget(void)
{
	while (!TAILQ_EMPTY(&waiting))
		waiting_free(TAILQ_FIRST(&waiting));
}

int
route_waits(void)
{
	return nwaiting > 0;
}
