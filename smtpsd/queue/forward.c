/*
 * Where ~/.forward leads.  An address of it becomes an envelope without an
 * action when the result of the delivery is stored.  Policy is asked about
 * such an envelope, and what it says takes its place in the store in one
 * transaction; so each step is tried again by itself, and none twice.  State
 * owned: the questions that wait for an answer, oldest first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "conf.h"
#include "forward.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "owned.h"
#include "proto/policy_queue.h"
#include "result.h"

#define ANSWER_MS	60000
#define HOPS_MAX	10	/* users who send one message on */

struct question {
	TAILQ_ENTRY(question)	 entry;
	uint64_t		 id;
	uint64_t		 asked_ms;
	struct job		*job;
	struct envelope		*envelope;	/* of the job */
	struct message		*owner;		/* of what comes next, or NULL */
	const char		*fault;		/* final, or NULL */
	int			 is_short;	/* of memory */
};

static TAILQ_HEAD(, question) questions = TAILQ_HEAD_INITIALIZER(questions);
static struct link *policy;
static uint64_t last_id;

int
forward_add(struct envelope *e, const char *address)
{
	char parsed[MAILADDR_SIZE];
	struct onward *o;

	if (address_parse(address, ADDRESS_LOCAL | ADDRESS_UTF8, parsed,
	    sizeof(parsed)) == -1)
		return 1;
	if ((o = onward_add(e)) == NULL)
		return -1;
	strlcpy(o->recipient, parsed, sizeof(o->recipient));
	strlcpy(o->user, e->user, sizeof(o->user));
	return 0;
}

/* One envelope of the job is done with; the job after the last one. */
static void
job_answered(struct job *job)
{
	if (--job->nasked == 0)
		result_add(job, proc_now_ms());
}

static void
question_over(struct question *q, uint32_t class, const char *status,
    const char *text)
{
	if (class != AGENT_FORWARDED)
		onward_clear(q->envelope);
	/* no memory: no result is a temporary failure */
	if (envelope_result(q->envelope, class, status, "", text) == -1)
		onward_clear(q->envelope);
	TAILQ_REMOVE(&questions, q, entry);
	message_unref(q->owner);
	job_answered(q->job);
	free(q);
}

static void
question_later(struct question *q, const char *text)
{
	q->job->is_soon = 1;
	question_over(q, AGENT_TEMPFAIL, "4.3.0", text);
}

static int
has_passed(const struct envelope *e, const char *user)
{
	size_t n = strlen(user);
	const char *s;

	for (s = e->via; s != NULL && *s != '\0'; s += strcspn(s, "\n"),
	    s += *s == '\n')
		if (strncmp(s, user, n) == 0 && s[n] == '\n')
			return 1;
	return 0;
}

static unsigned int
hops(const struct envelope *e)
{
	unsigned int n = 0;
	const char *s;

	for (s = e->via; s != NULL && *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

/* -1: the envelope has its result, or will be tried again without one. */
static int
ask(struct job *job, struct envelope *e)
{
	struct queue_policy_route route;
	struct question *q;

	if (hops(e) > HOPS_MAX) {
		envelope_result(e, AGENT_PERMFAIL, "5.4.6", "",
		    "Mail loop: sent on by too many users");
		return -1;
	}
	if (policy == NULL || (q = calloc(1, sizeof(*q))) == NULL) {
		job->is_soon = 1;
		envelope_result(e, AGENT_TEMPFAIL, "4.3.0", "",
		    "nobody here knows where it goes: try later");
		return -1;
	}
	q->id = ++last_id;
	q->asked_ms = proc_now_ms();
	q->job = job;
	q->envelope = e;
	TAILQ_INSERT_TAIL(&questions, q, entry);
	memset(&route, 0, sizeof(route));
	route.id = q->id;
	strlcpy(route.user, e->user, sizeof(route.user));
	strlcpy(route.sender, job->message->sender, sizeof(route.sender));
	strlcpy(route.recipient, e->recipient, sizeof(route.recipient));
	/* a link that fails here goes down later, and with it the question */
	link_send(policy, MSG_QUEUE_POLICY_ROUTE, &route, sizeof(route));
	return 0;
}

void
forward_route(struct job *job)
{
	uint32_t i;

	job->nasked = job->nenv + 1;	/* not over before all are asked */
	for (i = 0; i < job->nenv; i++)
		if (ask(job, job->env[i]) == -1)
			job->nasked--;
	job_answered(job);
}

void
forward_policy(struct link *link)
{
	struct question *q;

	policy = link;
	while ((q = TAILQ_FIRST(&questions)) != NULL)
		question_later(q, "policy ended before it said where to");
}

void
forward_turn(uint64_t now_ms)
{
	struct question *q;

	while ((q = TAILQ_FIRST(&questions)) != NULL &&
	    now_ms - q->asked_ms >= ANSWER_MS)
		question_later(q, "policy does not say where to");
}

static struct question *
question_find(uint64_t id)
{
	struct question *q;

	TAILQ_FOREACH(q, &questions, entry)
		if (q->id == id)
			break;
	return q;
}

void
on_policy_routed_owner(struct link *link, struct link_in *in)
{
	const struct policy_queue_owner *o = in->data;
	struct question *q = question_find(o->session);

	(void)link;
	if (q != NULL && owned_set(&q->owner, o) == -1)
		q->is_short = 1;
}

void
on_policy_routed(struct link *link, struct link_in *in)
{
	const struct policy_queue_rcpt *r = in->data;
	struct question *q = question_find(r->session);
	struct onward *o;

	(void)link;
	if (q == NULL)
		return;
	if (conf_forwards(r->action) && has_passed(q->envelope, r->user))
		q->fault = "Mail loop: the user has sent it on already";
	if (q->envelope->nonward >= MESSAGE_ENVELOPES_MAX ||
	    r->action[0] == '\0' || (o = onward_add(q->envelope)) == NULL) {
		q->is_short = 1;
		return;
	}
	if (q->owner != NULL)
		o->owner = message_ref(q->owner);
	strlcpy(o->action, r->action, sizeof(o->action));
	strlcpy(o->user, r->user, sizeof(o->user));
	strlcpy(o->recipient, r->recipient, sizeof(o->recipient));
}

void
on_policy_routed_done(struct link *link, struct link_in *in)
{
	const struct policy_queue_routed_done *d = in->data;
	const struct reply *reply = reply_get(d->reply);
	struct question *q = question_find(d->id);
	char text[TEXT_SIZE], line[TEXT_SIZE];

	(void)link;
	if (q == NULL)
		return;
	if (d->reply != REPLY_OK) {
		reply_format(line, sizeof(line), d->reply,
		    q->envelope->recipient);
		snprintf(text, sizeof(text), "~/.forward of %s: %.*s",
		    q->envelope->user, (int)strcspn(line, "\r\n"), line);
		question_over(q, reply->code >= 500 ? AGENT_PERMFAIL :
		    AGENT_TEMPFAIL, reply->enhanced, text);
	} else if (q->is_short || d->count == 0 ||
	    d->count != q->envelope->nonward)
		question_later(q, "out of memory");
	else if (q->fault != NULL)
		question_over(q, AGENT_PERMFAIL, "5.4.6", q->fault);
	else
		question_over(q, AGENT_FORWARDED, "2.1.5", "Sent on");
}
