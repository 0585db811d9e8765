/*
 * What relay and deliver processes say about their jobs: each message is
 * checked against the job it names, and one out of place is a fault of its
 * link.  What the next hop said is data: cut, made printable and stored, never
 * parsed.  Owns no state.
 */
#include <string.h>

#include "agent_inside.h"
#include "base/proc.h"
#include "conf.h"
#include "forward.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"

/* Bytes that a deliver, which its user owns, has not read and asks for more. */
#define LINK_QUEUED_MAX		(16U << 20)

void
agent_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

/* RFC 3463 2: class of one digit, subject and detail of up to three. */
static int
is_status(const char *s, uint32_t class)
{
	static const char digits[] = { '?', '2', '4', '5', '2', '2',
	    '4', '2' };
	size_t n;
	int i;

	if (s[0] != digits[class] || s[1] != '.')
		return 0;
	for (s += 2, i = 0; i < 2; i++) {
		n = strspn(s, "0123456789");
		if (n < 1 || n > 3 || s[n] != (i == 0 ? '.' : '\0'))
			return 0;
		s += n + 1;
	}
	return 1;
}

static void
on_agent_more(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct job *job = job_find(link, d->delivery);

	if (job == NULL || job->sent == job->message->size)
		return;
	job->lane->since_ms = proc_now_ms();
	/* A relay has windows of hundreds of jobs on their way: agent_relay.c. */
	if (job->lane->way == QUEUE_LOCAL &&
	    link_queued(link) > LINK_QUEUED_MAX) {
		link_fault(link, "MORE without reading");
		return;
	}
	job_send_more(job);
}

/* What a reload has forbidden since, its deliver cannot know. */
static int
may_forward(const struct job *job)
{
	return job->lane->way == QUEUE_LOCAL && (job->lane->forwards ||
	    conf_forwards(job->lane->action));
}

static void
on_agent_result(struct link *link, struct link_in *in)
{
	static const char *const plain[] = { "", "2.0.0", "4.0.0", "5.0.0",
	    "2.0.0", "2.0.0", "4.5.3", "2.0.0" };
	struct agent_queue_result r;
	struct job *job;

	memcpy(&r, in->data, sizeof(r));
	if ((job = job_find(link, r.delivery)) == NULL)
		return;
	if (r.n >= job->nenv || job->env[r.n]->result != NULL ||
	    r.class < AGENT_OK || r.class > AGENT_FORWARDED ||
	    (r.class == AGENT_FORWARDED && !may_forward(job))) {
		link_fault(link, "RESULT out of place");
		return;
	}
	job->lane->since_ms = proc_now_ms();
	if ((r.class == AGENT_OK || r.class == AGENT_FORWARDED) &&
	    job->env[r.n]->is_short) {
		envelope_result(job->env[r.n], AGENT_TEMPFAIL, "4.3.1", "",
		    "too much is being sent on");
		return;
	}
	if (r.class == AGENT_FORWARDED && !conf_forwards(job->lane->action))
		job->env[r.n]->is_unwanted = 1;
	if ((r.class == AGENT_OK || r.class == AGENT_FORWARDED) &&
	    job->env[r.n]->is_unwanted) {
		job->is_soon = 1;
		envelope_result(job->env[r.n], AGENT_TEMPFAIL, "4.3.5", "",
		    "~/.forward was read, and is not any more");
		return;
	}
	agent_printable(r.text);
	agent_printable(r.remote);
	envelope_result(job->env[r.n], r.class, is_status(r.status, r.class) ?
	    r.status : plain[r.class], r.remote, r.text);
}

/* A user's word about where his mail goes. */
static void
on_agent_forward(struct link *link, struct link_in *in)
{
	const struct agent_queue_forward *f = in->data;
	struct job *job = job_find(link, f->delivery);
	struct envelope *e;

	if (job == NULL)
		return;
	if (f->n >= job->nenv || job->env[f->n]->result != NULL ||
	    !may_forward(job) || job->env[f->n]->nonward >= FORWARDS_MAX) {
		link_fault(link, "FORWARD out of place");
		return;
	}
	e = job->env[f->n];
	if (!conf_forwards(job->lane->action)) {
		e->is_unwanted = 1;
		return;
	}
	if (!job_may_go_on(job)) {
		e->is_short = 1;
		return;
	}
	switch (forward_add(e, f->address)) {
	case 0:
		job_goes_on(job);
		break;
	case 1:
		link_fault(link, "FORWARD to what is no address");
		break;
	default:
		e->is_short = 1;
	}
}

/* Of relay only: a user can stop his deliver, and have it say this. */
static void
on_agent_alive(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct job *job = job_find(link, d->delivery);

	if (job != NULL && job->lane->way == QUEUE_LOCAL)
		link_fault(link, "ALIVE of a deliver");
}

static void
on_agent_done(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct job *job = job_find(link, d->delivery);

	if (job == NULL)
		return;
	job_unrun(job);
	job_finish(job, AGENT_TEMPFAIL, "4.3.0", "the agent gave no result");
}

const struct link_rule agent_rules[AGENT_NRULES] = {
	{ MSG_AGENT_QUEUE_MORE, LINK_STATE_ANY, on_agent_more },
	{ MSG_AGENT_QUEUE_RESULT, LINK_STATE_ANY, on_agent_result },
	{ MSG_AGENT_QUEUE_DONE, LINK_STATE_ANY, on_agent_done },
	{ MSG_AGENT_QUEUE_FORWARD, LINK_STATE_ANY, on_agent_forward },
	{ MSG_AGENT_QUEUE_ALIVE, LINK_STATE_ANY, on_agent_alive },
};
