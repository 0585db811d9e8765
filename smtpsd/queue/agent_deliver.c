/*
 * Deliver processes: one for each mailbox that has mail, asked of the parent,
 * let go when idle and given up when stuck.  State owned: how many there are;
 * each one's link is in its lane.  Called by agent.c for each lane's turn, by
 * main.c for a new link and by peers.c for one that cannot be had; knows no
 * bodies and no answers.
 */
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "agent_inside.h"
#include "base/log.h"
#include "base/proc.h"
#include "conf.h"
#include "proto/control_any.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"

#define DELIVER_MAX		64	/* processes at once */
#define DELIVER_IDLE_MS		5000
#define DELIVER_REQUEST_MS	60000
#define LINK_BUFFER		(1 << 20)

static unsigned int ndeliver;
static uint64_t last_request;

/* A deliver is let go: the parent sees to it that it ends. */
static void
deliver_leave(uint32_t proc_id, int ends)
{
	struct queue_parent_deliver_kill m;

	memset(&m, 0, sizeof(m));
	m.proc_id = proc_id;
	m.ends = ends != 0;
	link_send(proc_parent(), MSG_QUEUE_PARENT_DELIVER_KILL, &m, sizeof(m));
}

static void
lane_request_deliver(struct lane *lane, uint64_t now_ms)
{
	struct queue_parent_deliver d;

	memset(&d, 0, sizeof(d));
	lane->request = d.id = ++last_request;
	lane->since_ms = now_ms;
	lane->forwards = conf_forwards(lane->action);
	ndeliver++;
	strlcpy(d.action, lane->action, sizeof(d.action));
	strlcpy(d.user, lane->key, sizeof(d.user));
	link_send(proc_parent(), MSG_QUEUE_PARENT_DELIVER, &d, sizeof(d));
}

/*
 * A user can stop his own deliver process, and a disk can hang: it must not
 * hold its place for ever.
 */
static int
lane_is_stuck(const struct lane *lane, uint64_t now_ms)
{
	uint64_t stuck_ms = conf_stuck_ms(lane->action);

	return stuck_ms != 0 && now_ms > lane->since_ms &&
	    now_ms - lane->since_ms > stuck_ms;
}

static void
lane_give_up(struct lane *lane)
{
	struct link *link = lane->link;

	log_warnx("deliver does nothing: user=%s action=%s",
	    log_vis(lane->key), log_vis(lane->action));
	deliver_leave(link_peer_id(link), 0);
	job_drop_all(link, 0, "the delivery took too long");
	link_close(link);
	lane->link = NULL;
	ndeliver--;
	lane_free_if_unused(lane);
}

/* It reads ~/.forward, which the action does not say any more. */
static int
deliver_is_outdated(const struct lane *lane)
{
	return lane->link != NULL && lane->forwards &&
	    !conf_forwards(lane->action);
}

static void
lane_let_go(struct lane *lane)
{
	deliver_leave(link_peer_id(lane->link), 1);
	link_close(lane->link);
	lane->link = NULL;
	ndeliver--;
}

void
deliver_turn(struct lane *lane, uint64_t now_ms)
{
	if (deliver_is_outdated(lane) && lane->nrunning == 0)
		lane_let_go(lane);
	if (lane->link == NULL) {
		if (lane->request != 0) {
			if (now_ms - lane->since_ms < DELIVER_REQUEST_MS)
				return;
			ndeliver--;
			lane->request = 0;
		}
		if (lane->nready > 0 && ndeliver < DELIVER_MAX &&
		    agent_may_start(PAUSE_MDA))
			lane_request_deliver(lane, now_ms);
		else
			lane_free_if_unused(lane);
		return;
	}
	while (lane->nready > 0 && lane->nrunning < LANE_LOCAL_RUNNING_MAX &&
	    agent_may_start(PAUSE_MDA) && !deliver_is_outdated(lane))
		job_send(job_start(lane, lane->link));
	if (lane->nrunning > 0 && lane_is_stuck(lane, now_ms)) {
		lane_give_up(lane);
		return;
	}
	if (lane->nready > 0 || lane->nrunning > 0)
		return;
	if (now_ms - lane->since_ms < DELIVER_IDLE_MS &&
	    ndeliver < DELIVER_MAX && agent_may_start(0))
		return;
	lane_let_go(lane);
	lane_free_if_unused(lane);
}

static void
deliver_down(struct link *link, const char *why)
{
	struct lane *lane = link_arg(link);

	if (why != NULL || lane->nrunning > 0)
		log_warnx("deliver link down: user=%s %s",
		    log_vis(lane->key), why != NULL ? why : "closed");
	deliver_leave(link_peer_id(link), why == NULL);
	job_drop_all(link, 1, AGENT_ENDED);
	lane->link = NULL;
	ndeliver--;
	lane_free_if_unused(lane);
}

void
agent_deliver_link(uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = { .name = "deliver", .rules = agent_rules,
	    .nrules = AGENT_NRULES, .down = deliver_down, .peer_id = peer_id,
	    .is_spare = 1 };
	struct lane *lane = lane_by_request(cookie);

	if (lane == NULL) {
		/* asked for too long ago; without a link it ends */
		deliver_leave(peer_id, 1);
		close(fd);
		return;
	}
	end.arg = lane;
	lane->request = 0;
	if ((lane->link = link_new(fd, &end)) == NULL) {
		log_warn("deliver link");
		deliver_leave(peer_id, 1);
		close(fd);
		ndeliver--;
		return;
	}
	/* A reload may have come between: the parent's was one of the two. */
	lane->forwards |= conf_forwards(lane->action);
	lane->since_ms = proc_now_ms();
	link_set_buffer(lane->link, LINK_BUFFER);
}

void
on_parent_deliver_failed(struct link *link, struct link_in *in)
{
	struct parent_queue_deliver_failed f;
	struct lane *lane;
	struct job *job;

	(void)link;
	memcpy(&f, in->data, sizeof(f));
	if ((lane = lane_by_request(f.id)) == NULL)
		return;
	agent_printable(f.text);
	lane->request = 0;
	ndeliver--;
	while ((job = TAILQ_FIRST(&lane->ready)) != NULL) {
		job_unready(job);
		job_finish(job, f.is_permanent ? AGENT_PERMFAIL :
		    AGENT_TEMPFAIL, f.is_permanent ? "5.1.1" : "4.3.0",
		    f.text);
	}
	lane_free_if_unused(lane);
}
