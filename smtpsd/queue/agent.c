/*
 * The queue's side of queue_agent.h: jobs wait in lanes, each lane gets its
 * turn, and in it starts what its limits allow.  State owned: what is paused
 * or stopped; the lanes are in lane.c, the jobs in agent_book.c, the processes
 * in agent_relay.c and agent_deliver.c, what they get in agent_send.c and what
 * they say in agent_answer.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "agent_inside.h"
#include "conf.h"
#include "forward.h"
#include "mail/address.h"
#include "proto/control_any.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"
#include "schedule.h"

#define OF_ONE_KIND	(SCHEDULE_MAX / 4 * 3)	/* envelopes in lanes */

#define LOOK_MAX	1000	/* envelopes of one look for late ones */
#define LATE_MAX	100	/* jobs that end unattempted, of one look */
#define READY_MS	2000	/* so long what is due may wait for its turn */
#define SOON_MS		600000	/* what runs no longer may end by itself */

static int is_stopped;
static uint32_t paused;			/* PAUSE_* */

void
agent_init(struct store *s)
{
	job_send_init(s);
}

/* What tells the lanes of one action apart. */
static const char *
lane_key(const struct envelope *e)
{
	const char *domain;

	switch (conf_action(e->action)) {
	case QUEUE_LOCAL:
		return e->user;
	case QUEUE_MX:
		domain = address_domain(e->recipient);
		return domain == NULL ? "" : domain;
	default:
		return "";
	}
}

int
agent_is_same_way(const struct envelope *a, const struct envelope *b)
{
	return strcmp(a->action, b->action) == 0 &&
	    strcmp(lane_key(a), lane_key(b)) == 0;
}

/*
 * However many hosts do not answer, and if all of relay pauses, there is some
 * memory for mailboxes, and the other way round.
 */
int
agent_has_room(const struct envelope *e, unsigned int room)
{
	int way = conf_action(e->action);
	struct lane *lane;
	unsigned int n;

	if (way == -1)		/* no lane: over at once, or for policy */
		return room > 0;
	n = job_held(way);
	n = n < OF_ONE_KIND ? OF_ONE_KIND - n : 0;
	if (room > n)
		room = n;
	lane = lane_find(e->action, lane_key(e));
	return lane == NULL ? room > 0 : lane_has_room(lane, room);
}

void
agent_lane_name(const struct envelope *e, char name[AGENT_LANE_SIZE])
{
	snprintf(name, AGENT_LANE_SIZE, "%s %s", e->action, lane_key(e));
}

void
agent_add(struct job *job)
{
	const char *action = job->env[0]->action;
	int way = conf_action(action);

	if (action[0] == '\0') {
		forward_route(job);
		return;
	}
	if (way == -1) {
		job_finish(job, AGENT_TEMPFAIL, "4.3.5",
		    "the action is not in the configuration");
		return;
	}
	job->lane = lane_get(action, lane_key(job->env[0]), way);
	if (job->lane == NULL) {
		job_finish(job, AGENT_TEMPFAIL, "4.3.0", "out of memory");
		return;
	}
	job_ready(job);
}

void
agent_late(struct job *job, enum late late)
{
	job->is_late = 1;
	if (late == LATE_WARN) {
		job->is_warning = 1;
		job_finish(job, AGENT_TEMPFAIL, "4.4.5", "its turn has not "
		    "come yet: it waits for others before it");
	} else
		job_finish(job, AGENT_TEMPFAIL, "4.4.7", "its turn did not "
		    "come in time: it waited for others before it");
}

static enum late
job_late(const struct job *job, enum late (*how_late)(const struct message *,
    const struct envelope *))
{
	enum late late = LATE_NOT, one;
	uint32_t i;

	for (i = 0; i < job->nenv; i++) {
		one = how_late(job->message, job->env[i]);
		if (one > late)
			late = one;
	}
	return late;
}

/*
 * An agent may have a delivery for long, and a relay has some that wait for
 * others at the same host.  The sender hears of it from a copy: what runs is
 * left alone.
 */
static void
warn_of_running(const struct job *job, enum late (*how_late)(
    const struct message *, const struct envelope *))
{
	struct job *copy = calloc(1, sizeof(*copy) +
	    job->nenv * sizeof(copy->env[0]));
	struct envelope *e, *of;
	uint32_t i;

	if (copy == NULL)
		return;
	copy->is_copy = 1;
	copy->message = message_ref(job->message);
	TAILQ_INIT(&copy->dsn_envelopes);
	for (i = 0; i < job->nenv; i++) {
		of = job->env[i];
		if (of->result != NULL ||
		    how_late(job->message, of) != LATE_WARN ||
		    (e = envelope_copy(of)) == NULL)
			continue;
		copy->env[copy->nenv++] = e;
		of->is_warned = 1;
	}
	if (copy->nenv == 0) {
		schedule_release(copy);
		return;
	}
	copy->is_late = copy->is_warning = 1;
	job_finish(copy, AGENT_TEMPFAIL, "4.4.5", "its delivery is under way "
	    "and not over yet");
}

void
agent_waiting(enum late (*how_late)(const struct message *,
    const struct envelope *))
{
	unsigned int njobs = agent_ready() + agent_running();
	unsigned int nlooked = 0, nlate = 0;
	struct job *job;
	struct lane *lane;
	enum late late;

	for (; njobs > 0 && nlooked < LOOK_MAX && nlate < LATE_MAX; njobs--) {
		job = job_look();
		nlooked += job->nenv;
		if ((late = job_late(job, how_late)) == LATE_NOT)
			continue;
		if (job->link != NULL) {
			if (late == LATE_WARN && job_since_ms(job) > SOON_MS)
				warn_of_running(job, how_late);
			continue;
		}
		/* Its turn may be now: that attempt will tell the reason. */
		if (job_since_ms(job) < READY_MS)
			continue;
		nlate++;
		lane = job->lane;
		job_unready(job);
		agent_late(job, late);
		lane_free_if_unused(lane);
	}
}

void
agent_turn(uint64_t now_ms)
{
	struct lane *lane, *next, *last = TAILQ_LAST(lane_all(), lane_list);

	/* Those that had a turn go behind the last one. */
	for (lane = TAILQ_FIRST(lane_all()); lane != NULL; lane = next) {
		next = lane == last ? NULL : TAILQ_NEXT(lane, entry);
		if (lane->way == QUEUE_LOCAL)
			deliver_turn(lane, now_ms);
		else
			relay_turn(lane);
	}
	relay_watch(now_ms);
}

void
agent_withdraw(void)
{
	struct lane *lane, *next;
	struct job *job;

	TAILQ_FOREACH_SAFE(lane, lane_all(), entry, next) {
		while ((job = TAILQ_FIRST(&lane->ready)) != NULL) {
			job_unready(job);
			schedule_release(job);
		}
		lane_free_if_unused(lane);
	}
}

void
agent_pause(uint32_t kinds, int is_paused)
{
	paused = is_paused ? paused | kinds : paused & ~kinds;
}

uint32_t
agent_paused(void)
{
	return paused;
}

void
agent_stop(void)
{
	is_stopped = 1;
}

int
agent_may_start(uint32_t kind)
{
	return !is_stopped && (paused & kind) == 0;
}
