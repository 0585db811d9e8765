/*
 * Results of deliveries.  State owned: the jobs that ended and are not yet
 * stored.  result_store() only writes to the store and notes outcomes in the
 * job, so that it can run again after a failed commit; everything that can
 * be seen outside happens in result_stored().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bounce.h"
#include "conf.h"
#include "result.h"
#include "retry.h"
#include "schedule.h"
#include "store.h"

#define SOON_ATTEMPTS	3	/* short pauses after a dead agent */
#define SOON_S		2

static struct job_list results = TAILQ_HEAD_INITIALIZER(results);
static unsigned int nresults;
static uint64_t first_ms;
static struct result_stats stats;

void
result_add(struct job *job, uint64_t now_ms)
{
	if (nresults++ == 0)
		first_ms = now_ms;
	TAILQ_INSERT_TAIL(&results, job, entry);
}

unsigned int
result_waiting(void)
{
	return nresults;
}

uint64_t
result_first_ms(void)
{
	return first_ms;
}

static enum outcome
result_outcome(const struct message *m, const struct envelope *e,
    uint64_t now_s)
{
	if (e->result == NULL)
		return OUTCOME_DEFERRED;	/* memory was short */
	if (e->result->class == AGENT_OK)
		return OUTCOME_DELIVERED;
	if (e->result->class == AGENT_PERMFAIL ||
	    now_s >= m->created_s + conf_get()->expire_s)
		return OUTCOME_BOUNCED;
	return OUTCOME_DEFERRED;
}

/* Same pause for all of a job, so that they stay together. */
static uint64_t
result_next_s(const struct job *job, uint64_t now_s, uint32_t random)
{
	uint32_t attempts = job->env[0]->attempts + 1;

	if (job->is_soon && attempts <= SOON_ATTEMPTS)
		return now_s + SOON_S;
	return now_s + retry_pause(attempts, conf_get()->retry_min_s,
	    conf_get()->retry_max_s, random);
}

static int
result_defer(struct store *store, struct envelope *e)
{
	char text[TEXT_SIZE];

	text[0] = '\0';
	if (e->result != NULL && e->result->remote[0] != '\0') {
		strlcpy(text, e->result->remote, sizeof(text));
		strlcat(text, ": ", sizeof(text));
	}
	strlcat(text, e->result != NULL ? e->result->text : "out of memory",
	    sizeof(text));
	return store_retry_envelope(store, e->id, e->next_s, e->attempts + 1,
	    text);
}

/* Fill in the text of a bounce. */
static int
result_compose(struct store *store, const struct job *job,
    struct envelope *const *failed, size_t nfailed, struct message *m)
{
	const struct message *from = job->message;
	char boundary[48], *head = NULL;
	size_t head_size = from->size, size;
	struct bounce b;

	memset(&b, 0, sizeof(b));
	if (from->body == NULL)	/* without a body: without an excerpt */
		store_read_body(store, from, 0, &head, &head_size);
	snprintf(boundary, sizeof(boundary), "=_%013" PRIx64 ".%08x%08x",
	    m->id, arc4random(), arc4random());
	b.hostname = conf_get()->hostname;
	b.boundary = boundary;
	b.id = m->id;
	b.now_s = m->created_s;
	b.message = from;
	b.failed = failed;
	b.nfailed = nfailed;
	b.head = from->body != NULL ? from->body : head;
	b.head_size = b.head != NULL ? head_size : 0;
	m->body = bounce_compose(&b, &size, &m->flags);
	m->size = size;
	free(head);
	return m->body == NULL ? -1 : 0;
}

/*
 * The bounce is a message of its own, stored with the removal of what it
 * reports.  The null reverse-path gets none (RFC 5321 4.5.5).
 */
static int
result_bounce(struct store *store, struct job *job,
    struct envelope *const *failed, size_t nfailed, uint64_t now_s)
{
	const struct message *from = job->message;
	struct message *m;
	struct envelope *e;

	if (from->sender[0] == '\0' || from->bounce_action[0] == '\0')
		return 0;
	if ((job->bounce = m = message_new()) == NULL ||
	    (e = envelope_new()) == NULL)
		return -1;
	TAILQ_INSERT_TAIL(&job->bounce_envelopes, e, entry);
	m->id = message_id_now();
	m->created_s = now_s;
	if (result_compose(store, job, failed, nfailed, m) == -1)
		return -1;
	if (m->size > MESSAGE_INLINE_MAX) {
		/* 100 recipients with long texts: two parts of it */
		m->body_id = store_new_body_id(store);
		for (uint64_t at = 0, n = 0; at < m->size;
		    at += MESSAGE_INLINE_MAX, n++)
			if (store_add_chunk(store, m->body_id, (uint32_t)n,
			    m->body + at, m->size - at > MESSAGE_INLINE_MAX ?
			    MESSAGE_INLINE_MAX : m->size - at) == -1)
				return -1;
	}
	strlcpy(e->action, from->bounce_action, sizeof(e->action));
	strlcpy(e->user, from->bounce_user, sizeof(e->user));
	strlcpy(e->recipient, from->sender, sizeof(e->recipient));
	strlcpy(e->original, from->sender, sizeof(e->original));
	if (store_add_message(store, m) == -1)
		return -1;
	e->id = m->id << 10 | 1;
	return store_add_envelope(store, e, now_s);
}

static int
result_store_job(struct store *store, struct job *job, uint64_t now_s)
{
	struct envelope *failed[JOB_ENVELOPES_MAX], *e;
	uint32_t i, nfailed = 0, nremoved = 0, random = 0;

	for (i = 0; i < job->nenv; i++) {
		e = job->env[i];
		e->outcome = result_outcome(job->message, e, now_s);
		if (e->outcome == OUTCOME_DEFERRED) {
			if (random == 0)
				random = arc4random();
			e->next_s = result_next_s(job, now_s, random);
			if (result_defer(store, e) == -1)
				return -1;
			continue;
		}
		if (e->outcome == OUTCOME_BOUNCED)
			failed[nfailed++] = e;
		nremoved++;
		if (store_remove_envelope(store, e->id) == -1)
			return -1;
	}
	if (nfailed > 0 &&
	    result_bounce(store, job, failed, nfailed, now_s) == -1)
		return -1;
	if (nremoved > 0 && store_remove_message(store, job->message->id,
	    job->message->body_id) == -1)
		return -1;
	return 0;
}

int
result_store(struct store *store, uint64_t now_s)
{
	struct job *job;

	TAILQ_FOREACH(job, &results, entry)
		if (result_store_job(store, job, now_s) == -1)
			return -1;
	return 0;
}

static void
result_log(const struct job *job, const struct envelope *e, uint64_t now_s)
{
	static const char *const names[] = { "", "delivered", "deferred",
	    "failed" };
	const struct agent_queue_result *r = e->result;

	log_info("event=delivery envelope=%013" PRIx64 "/%u result=%s to=<%s> "
	    "from=<%s> action=%s attempt=%u age_s=%" PRIu64 " next_s=%" PRIu64
	    " status=%s remote=%s text=\"%s\"", e->id >> 10,
	    (unsigned int)(e->id & 1023), names[e->outcome],
	    log_vis(e->recipient), log_vis(job->message->sender),
	    log_vis(e->action), e->attempts + 1,
	    now_s > job->message->created_s ?
	    now_s - job->message->created_s : 0,
	    e->outcome == OUTCOME_DEFERRED ? e->next_s - now_s : 0,
	    r != NULL ? log_vis(r->status) : "-",
	    r != NULL && r->remote[0] != '\0' ? log_vis(r->remote) : "-",
	    r != NULL ? log_text(r->text) : "");
	stats.delivered += e->outcome == OUTCOME_DELIVERED;
	stats.deferred += e->outcome == OUTCOME_DEFERRED;
	stats.failed += e->outcome == OUTCOME_BOUNCED;
}

static void
result_log_bounce(const struct job *job)
{
	uint32_t i;

	if (job->bounce != NULL) {
		stats.bounces++;
		log_info("event=bounce message=%013" PRIx64 " of=%013" PRIx64
		    " to=<%s>", job->bounce->id, job->message->id,
		    log_vis(job->message->sender));
		return;
	}
	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->outcome == OUTCOME_BOUNCED) {
			log_warnx("event=bounce of=%013" PRIx64
			    " dropped=\"%s\"",
			    job->message->id, job->message->sender[0] == '\0' ?
			    "null sender" : "no route to the sender");
			return;
		}
}

void
result_stored(uint64_t now_s)
{
	struct job_list done = TAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint32_t i;

	/* a bounce handed on may end at once, as a new result */
	TAILQ_CONCAT(&done, &results, entry);
	nresults = 0;
	while ((job = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, job, entry);
		for (i = 0; i < job->nenv; i++)
			result_log(job, job->env[i], now_s);
		result_log_bounce(job);
		if (job->bounce != NULL) {
			message_hold_body(job->bounce);
			schedule_add(job->bounce, &job->bounce_envelopes);
			job->bounce = NULL;
		}
		schedule_release(job);
	}
}

void
result_forget(void)
{
	struct job *job;

	TAILQ_FOREACH(job, &results, entry) {
		message_unref(job->bounce);
		job->bounce = NULL;
		envelope_list_free(&job->bounce_envelopes);
	}
}

void
result_stats(struct result_stats *out)
{
	*out = stats;
}
