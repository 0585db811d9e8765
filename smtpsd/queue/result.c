/*
 * Results of deliveries.  State owned: the jobs that ended and are not yet
 * stored, and those of a commit that is not yet flushed.  result_store() takes
 * as many as one commit can bear, only writes to the store and notes outcomes
 * in the job, so that it can run again after a failed commit; everything that
 * can be seen outside happens in result_stored().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "age.h"
#include "base/log.h"
#include "conf.h"
#include "dsn.h"
#include "notify.h"
#include "report.h"
#include "result.h"
#include "retry.h"
#include "schedule.h"
#include "store.h"

#define SOON_ATTEMPTS	3	/* short pauses after a dead agent */
#define SOON_S		2
#define COMMIT_BYTES	(UINT64_C(16) << 20)	/* of notifications, in one */
#define ENVELOPE_BYTES	3072U		/* of one, in a notification */

static struct job_list results = TAILQ_HEAD_INITIALIZER(results);
static struct job_list taken = TAILQ_HEAD_INITIALIZER(taken);
static struct job_list committed = TAILQ_HEAD_INITIALIZER(committed);
static unsigned int nresults, ntaken;	/* ntaken: committed as well */
static uint64_t taken_bytes, take_max = COMMIT_BYTES;
static int has_failed;			/* some of those that wait */
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

int
result_has_failed(void)
{
	return has_failed;
}

uint64_t
result_first_ms(void)
{
	return first_ms;
}

/* An agent that only ever says AGAIN would never end. */
static int
has_other_results(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->result != NULL &&
		    job->env[i]->result->class != AGENT_AGAIN)
			return 1;
	return 0;
}

static enum outcome
result_outcome(const struct job *job, const struct envelope *e,
    uint64_t now_s)
{
	if (e->result == NULL)
		return OUTCOME_DEFERRED;	/* memory was short */
	switch (e->result->class) {
	case AGENT_OK:
	case AGENT_RELAYED:
	case AGENT_RELAYED_DSN:
	case AGENT_FORWARDED:
		return OUTCOME_DELIVERED;
	default:
		break;
	}
	if (e->is_damaged)
		return OUTCOME_QUARANTINED;
	if (e->result->class == AGENT_AGAIN && has_other_results(job))
		return OUTCOME_AGAIN;
	if (e->result->class == AGENT_PERMFAIL ||
	    age_of(job->message->created_s, now_s) >= conf_get()->expire_s)
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
	if (e->result != NULL && e->result->remote[0] != '\0' &&
	    strstr(e->result->text, e->result->remote) == NULL) {
		strlcpy(text, e->result->remote, sizeof(text));
		strlcat(text, ": ", sizeof(text));
	}
	strlcat(text, e->result != NULL ? e->result->text : "out of memory",
	    sizeof(text));
	return store_retry_envelope(store, e->id, e->next_s, e->attempts + 1,
	    e->is_warned || e->report == REPORT_DELAYED, text);
}

static void
recall_item(const struct queue_item *item, void *arg)
{
	*(struct queue_item *)arg = *item;
}

/*
 * What was not attempted this time, but before: that reason is worth more to
 * the sender than that its turn did not come.
 */
static void
result_recall(struct store *store, struct envelope *e)
{
	struct queue_item item;
	char text[TEXT_SIZE];

	memset(&item, 0, sizeof(item));
	if (e->attempts == 0 || store_list(store, e->id - 1, 1, recall_item,
	    &item) != 1 || item.envelope != e->id || item.error[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%u attempt%s, the last one: %.450s",
	    e->attempts, e->attempts == 1 ? "" : "s", item.error);
	envelope_result(e, AGENT_TEMPFAIL, "4.0.0", "", text);
}

/*
 * What ran when this warning of it was made has its result by now, which says
 * more: that is told, and the warning is not.
 */
static int
is_overtaken(const struct job *job, const struct envelope *e)
{
	struct envelope *of;

	if (!job->is_copy)
		return 0;
	if ((of = schedule_find(e->id)) == NULL)
		return 1;
	if (of->result == NULL)
		return 0;
	of->is_warned = e->is_warned;
	return 1;
}

/* Next attempts and removals; what is told to the sender is only noted. */
static int
result_store_job(struct store *store, struct job *job, uint64_t now_s)
{
	struct message *m = job->message;
	struct envelope *e;
	uint32_t i, random = 0;
	uint64_t age_s = age_of(m->created_s, now_s);

	job->is_reported = 0;
	for (i = 0; i < job->nenv; i++) {
		e = job->env[i];
		if (job->is_late)
			result_recall(store, e);
		e->outcome = job->is_warning ? OUTCOME_WAITING :
		    result_outcome(job, e, now_s);
		e->report = is_overtaken(job, e) ? REPORT_NONE :
		    notify_report(e, age_s, conf_get()->delay_warning_s);
		if (e->outcome == OUTCOME_DEFERRED) {
			if (random == 0)
				random = arc4random();
			e->next_s = result_next_s(job, now_s, random);
			if (result_defer(store, e) == -1)
				return -1;
		} else if (e->outcome == OUTCOME_QUARANTINED) {
			if (store_quarantine(store, e->id,
			    e->result->text) == -1)
				return -1;
		} else if (e->outcome == OUTCOME_WAITING) {
			if (e->report == REPORT_DELAYED &&
			    store_set_warned(store, e->id) == -1)
				return -1;
		} else if (e->outcome == OUTCOME_AGAIN) {
			if (store_set_next(store, e->id, now_s) == -1)
				return -1;
		} else if (store_remove_envelope(store, e->id) == -1)
			return -1;
	}
	return 0;
}

static int
result_remove_message(struct store *store, const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->outcome == OUTCOME_DELIVERED ||
		    job->env[i]->outcome == OUTCOME_BOUNCED)
			return store_remove_message(store, job->message->id,
			    job->message->body_id);
	return 0;
}

/*
 * Where a delivered one leads to is in the store before it goes, in the same
 * transaction.  Before any is removed: no number of this turn is used twice.
 */
static int
result_store_onward(struct store *store, struct envelope *e, uint64_t now_s)
{
	struct onward *o;
	int r;

	if (e->result == NULL || (e->result->class != AGENT_OK &&
	    e->result->class != AGENT_FORWARDED))
		return 0;
	TAILQ_FOREACH(o, &e->onward, entry) {
		if ((r = store_add_onward(store, e, o, now_s)) == 0)
			continue;
		if (r == -1)
			return -1;
		envelope_result(e, AGENT_PERMFAIL, "5.4.6", "",
		    "The message has been sent on too often");
		break;
	}
	return 0;
}

/* What a notification of it may take, in memory and in the log. */
static uint64_t
report_bytes(const struct job *job)
{
	const struct message *m = job->message;
	uint64_t bytes = DSN_EXCERPT_MAX + job->nenv * ENVELOPE_BYTES;
	uint32_t i;

	if (!(m->flags & MAIL_RET_FULL) || m->size > DSN_FULL_MAX)
		return bytes;
	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->result != NULL &&
		    (job->env[i]->result->class == AGENT_PERMFAIL ||
		    job->env[i]->result->class == AGENT_TEMPFAIL))
			return bytes + m->size;
	return bytes;
}

/*
 * However many have ended, one commit has so many, and one at least.  Behind
 * one that failed it is half of those: what has no room on the disk, or cannot
 * be stored for another reason, is soon alone.
 */
static void
result_take(void)
{
	struct job *job;
	uint64_t bytes;

	taken_bytes = 0;
	while ((job = TAILQ_FIRST(&results)) != NULL) {
		bytes = report_bytes(job);
		if (ntaken > 0 && taken_bytes + bytes > take_max)
			break;
		TAILQ_REMOVE(&results, job, entry);
		TAILQ_INSERT_TAIL(&taken, job, entry);
		taken_bytes += bytes;
		nresults--;
		ntaken++;
	}
}

/* A notification quotes its message: messages are removed last. */
int
result_store(struct store *store, uint64_t now_s)
{
	struct job *job;
	uint32_t i;

	result_take();
	TAILQ_FOREACH(job, &taken, entry)
		for (i = 0; i < job->nenv; i++)
			if (result_store_onward(store, job->env[i],
			    now_s) == -1)
				return -1;
	TAILQ_FOREACH(job, &taken, entry)
		if (result_store_job(store, job, now_s) == -1)
			return -1;
	TAILQ_FOREACH(job, &taken, entry)
		if (!job->is_reported && report_is_wanted(job) &&
		    report_store(store, job, now_s) == -1)
			return -1;
	TAILQ_FOREACH(job, &taken, entry)
		if (result_remove_message(store, job) == -1)
			return -1;
	return 0;
}

static void
result_log(const struct job *job, const struct envelope *e, uint64_t now_s)
{
	static const char *const names[] = { "", "delivered", "deferred",
	    "failed", "quarantined", "again", "waiting" };
	const struct agent_queue_result *r = e->result;

	log_info("event=delivery envelope=%013" PRIx64 "/%u result=%s to=<%s> "
	    "from=<%s> action=%s attempt=%u age_s=%" PRIu64 " next_s=%" PRIu64
	    " status=%s remote=%s text=\"%s\"", e->id >> 10,
	    (unsigned int)(e->id & 1023), e->action[0] == '\0' &&
	    e->outcome == OUTCOME_DELIVERED ? "forwarded" : names[e->outcome],
	    log_vis(e->recipient), log_vis(job->message->sender),
	    log_vis(e->action), e->attempts + !job->is_warning,
	    now_s > job->message->created_s ?
	    now_s - job->message->created_s : 0,
	    e->outcome == OUTCOME_DEFERRED && e->next_s > now_s ?
	    e->next_s - now_s : 0,
	    r != NULL ? log_vis(r->status) : "-",
	    r != NULL && r->remote[0] != '\0' ? log_vis(r->remote) : "-",
	    r != NULL ? log_text(r->text) : "");
	stats.delivered += e->outcome == OUTCOME_DELIVERED &&
	    e->action[0] != '\0';
	stats.deferred += e->outcome == OUTCOME_DEFERRED;
	stats.failed += e->outcome == OUTCOME_BOUNCED;
	if (e->outcome == OUTCOME_AGAIN || !TAILQ_EMPTY(&e->onward))
		schedule_soon();
	stats.quarantined += e->outcome == OUTCOME_QUARANTINED;
}

static void
result_log_report(const struct job *job)
{
	const struct message *m = job->message;
	uint32_t i;

	if (job->dsn != NULL) {
		stats.bounces++;
		log_info("event=bounce message=%013" PRIx64 " of=%013" PRIx64
		    " to=<%s>", job->dsn->id, m->id, log_vis(m->sender));
		return;
	}
	if (m->sender[0] != '\0' && m->bounce.action[0] != '\0')
		return;		/* not wanted, or told by another job's */
	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->report == REPORT_FAILED) {
			log_warnx("event=bounce of=%013" PRIx64
			    " dropped=\"%s\"", m->id, m->sender[0] == '\0' ?
			    "null sender" : "no route to the sender");
			return;
		}
}

void
result_committed(void)
{
	TAILQ_CONCAT(&committed, &taken, entry);
}

void
result_stored(uint64_t now_s)
{
	struct job_list done = TAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint32_t i;

	/* a notification handed on may end at once, as a new result */
	TAILQ_CONCAT(&done, &committed, entry);
	ntaken = 0;
	if (nresults == 0)
		has_failed = 0;
	take_max = take_max > COMMIT_BYTES / 2 ? COMMIT_BYTES : take_max * 2;
	while ((job = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, job, entry);
		for (i = 0; i < job->nenv; i++)
			result_log(job, job->env[i], now_s);
		result_log_report(job);
		if (job->dsn != NULL) {
			message_hold_body(job->dsn);
			schedule_add(job->dsn, &job->dsn_envelopes);
			job->dsn = NULL;
		}
		schedule_release(job);
	}
}

void
result_forget(void)
{
	struct job *job;

	TAILQ_CONCAT(&taken, &committed, entry);
	has_failed |= ntaken > 0;
	if (ntaken > 1)
		take_max = taken_bytes / 2;
	if (ntaken == 1)
		/* alone: the others first */
		TAILQ_CONCAT(&results, &taken, entry);
	else {
		/* the older ones first, as they came */
		TAILQ_CONCAT(&taken, &results, entry);
		TAILQ_CONCAT(&results, &taken, entry);
	}
	nresults += ntaken;
	ntaken = 0;
	TAILQ_FOREACH(job, &results, entry) {
		message_unref(job->dsn);
		job->dsn = NULL;
		envelope_list_free(&job->dsn_envelopes);
	}
}

void
result_stats(struct result_stats *out)
{
	*out = stats;
}
