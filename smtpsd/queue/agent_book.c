/*
 * The book of jobs: which are ready, which agent runs which and when it was
 * heard of, how many envelopes they hold and how many addresses they are sent
 * on to.  State owned: running jobs by delivery id, these and ready ones by
 * when they were last looked at, these counts, the clock of silence.  Called by
 * the other agent*.c; knows no processes and sends nothing.
 */
#include <stdlib.h>

#include "agent.h"
#include "agent_inside.h"
#include "base/proc.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"
#include "result.h"

#define ONWARD_MAX		65536	/* in memory, about 500 bytes */
#define CLOCK_MS		1000U

RB_HEAD(job_tree, job);

static struct job_tree running = RB_INITIALIZER(&running);
static struct job_list looks = TAILQ_HEAD_INITIALIZER(looks);
static unsigned int nrunning, nready;
static unsigned int nheld[2];		/* envelopes in lanes: far, local */
static uint32_t nonward;		/* of all running jobs */
static uint64_t last_delivery;
static uint64_t clock_ms, clock_set_ms;	/* of silence; of its last step */

static int
job_compare(struct job *a, struct job *b)
{
	return a->delivery < b->delivery ? -1 : a->delivery > b->delivery;
}
RB_PROTOTYPE(job_tree, job, running, job_compare)
RB_GENERATE(job_tree, job, running, job_compare)

unsigned int
agent_running(void)
{
	return nrunning;
}

unsigned int
agent_ready(void)
{
	return nready;
}

unsigned int
job_held(int way)
{
	return nheld[way == QUEUE_LOCAL];
}

void
job_ready(struct job *job)
{
	TAILQ_INSERT_TAIL(&job->lane->ready, job, entry);
	TAILQ_INSERT_TAIL(&looks, job, look);
	job->started_ms = clock_ms;
	job->lane->nready++;
	job->lane->nwaiting += job->nenv;
	nheld[job->lane->way == QUEUE_LOCAL] += job->nenv;
	nready++;
}

void
job_unready(struct job *job)
{
	TAILQ_REMOVE(&job->lane->ready, job, entry);
	TAILQ_REMOVE(&looks, job, look);
	job->lane->nready--;
	job->lane->nwaiting -= job->nenv;
	nheld[job->lane->way == QUEUE_LOCAL] -= job->nenv;
	nready--;
}

struct job *
job_look(void)
{
	struct job *job = TAILQ_FIRST(&looks);

	if (job != NULL) {
		TAILQ_REMOVE(&looks, job, look);
		TAILQ_INSERT_TAIL(&looks, job, look);
	}
	return job;
}

uint64_t
job_since_ms(const struct job *job)
{
	return clock_ms - job->started_ms;
}

struct job *
job_start(struct lane *lane, struct link *link)
{
	struct job *job = TAILQ_FIRST(&lane->ready);

	job_unready(job);
	job->link = link;
	job->delivery = ++last_delivery;
	job->started_ms = job->heard_ms = clock_ms;
	TAILQ_INSERT_TAIL(&looks, job, look);
	RB_INSERT(job_tree, &running, job);
	nrunning++;
	nheld[lane->way == QUEUE_LOCAL] += job->nenv;
	if (lane->nrunning++ == 0)
		lane->since_ms = proc_now_ms();
	return job;
}

void
job_unrun(struct job *job)
{
	struct lane *lane = job->lane;

	RB_REMOVE(job_tree, &running, job);
	TAILQ_REMOVE(&looks, job, look);
	nrunning--;
	nheld[lane->way == QUEUE_LOCAL] -= job->nenv;
	lane->nrunning--;
	lane->nonward -= job->nonward;
	nonward -= job->nonward;
	job->nonward = 0;
	if (lane->way == QUEUE_LOCAL) {
		lane->since_ms = proc_now_ms();
		return;
	}
	relay_release(job->link);
	lane_free_if_unused(lane);
}

struct job *
job_find(struct link *link, uint64_t delivery)
{
	struct job key, *job;

	key.delivery = delivery;
	job = RB_FIND(job_tree, &running, &key);
	if (job == NULL || job->link != link)
		return NULL;
	job->heard_ms = clock_ms;
	return job;
}

int
job_clock(uint64_t now_ms)
{
	uint64_t past_ms = now_ms - clock_set_ms;

	if (past_ms < CLOCK_MS)
		return 0;
	clock_set_ms = now_ms;
	clock_ms += past_ms < 2 * CLOCK_MS ? past_ms : 2 * CLOCK_MS;
	return 1;
}

struct job *
job_silent(void)
{
	struct job *job;

	RB_FOREACH(job, job_tree, &running)
		if (job->lane->way != QUEUE_LOCAL &&
		    clock_ms - job->heard_ms > AGENT_SILENT_MS)
			return job;
	return NULL;
}

void
job_finish(struct job *job, uint32_t class, const char *status,
    const char *text)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++) {
		job->env[i]->is_running = 0;
		if (job->env[i]->result == NULL)
			/* no memory: no result is a temporary failure */
			envelope_result(job->env[i], class, status, "", text);
	}
	free(job->piece);
	job->piece = NULL;
	job->lane = NULL;
	job->link = NULL;
	result_add(job, proc_now_ms());
}

void
job_drop_all(struct link *link, int is_soon, const char *text)
{
	struct job *job, *next;

	RB_FOREACH_SAFE(job, job_tree, &running, next) {
		if (job->link != link)
			continue;
		job->is_soon = is_soon;
		job_unrun(job);
		job_finish(job, AGENT_TEMPFAIL, "4.3.0", text);
	}
}

/* One lane may hold as much as is left for all others. */
int
job_may_go_on(const struct job *job)
{
	return job->lane->nonward < ONWARD_MAX - nonward;
}

void
job_goes_on(struct job *job)
{
	job->nonward++;
	job->lane->nonward++;
	nonward++;
}
