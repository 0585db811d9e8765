/*
 * Relay processes: their links, who has least to do, how many jobs run at one
 * host, at one domain and at all, and the end of one that says nothing.  State
 * owned: the links with the number of their jobs.  Called by agent.c for each
 * lane's turn and by main.c for a new link; knows no bodies and no answers.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "agent.h"
#include "agent_inside.h"
#include "base/log.h"
#include "proto/control_any.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"

#define RELAY_RUNNING_MAX	512	/* jobs on all relay links */
#define LINK_BUFFER		(1 << 20)
/*
 * Bytes that a relay has not read yet; then it gets no more deliveries.  With a
 * window of each it has, link.c's bound is not reached by one that reads.
 */
#define UNREAD_MAX		(24U << 20)
_Static_assert(UNREAD_MAX + (RELAY_RUNNING_MAX + 32) * AGENT_WINDOW <
    LINK_UNREAD_MAX, "all windows at once");

struct relay {
	TAILQ_ENTRY(relay) entry;
	struct link	*link;
	unsigned int	 nrunning;
};

static TAILQ_HEAD(, relay) relays = TAILQ_HEAD_INITIALIZER(relays);
static unsigned int nrelay;		/* jobs on all of them */

/* NULL: all have enough to read. */
static struct relay *
relay_least_busy(void)
{
	struct relay *relay, *best = NULL;

	TAILQ_FOREACH(relay, &relays, entry)
		if (link_queued(relay->link) <= UNREAD_MAX &&
		    (best == NULL || relay->nrunning < best->nrunning))
			best = relay;
	return best;
}

/*
 * Half of what is left, at most: hosts that take mail and never answer must
 * leave some for one that does.
 */
static int
lane_may_run(const struct lane *lane)
{
	const unsigned int max = lane->way == QUEUE_MX ? LANE_MX_RUNNING_MAX :
	    LANE_RELAY_RUNNING_MAX;

	return lane->nrunning < max && nrelay < RELAY_RUNNING_MAX &&
	    lane->nrunning <= (RELAY_RUNNING_MAX - nrelay) / 2;
}

void
relay_turn(struct lane *lane)
{
	struct relay *relay;

	if (!agent_may_start(0))
		return;
	/* while nobody can be given anything this was no turn */
	if (lane->nready > 0 && nrelay < RELAY_RUNNING_MAX &&
	    relay_least_busy() != NULL)
		lane_to_tail(lane);
	/* the last job may free the lane */
	while (lane->nready > 0 && lane_may_run(lane) &&
	    agent_may_start(PAUSE_MTA) &&
	    (relay = relay_least_busy()) != NULL) {
		int is_last = lane->nready == 1;

		nrelay++;
		relay->nrunning++;
		job_send(job_start(lane, relay->link));
		if (is_last)
			break;
	}
}

void
relay_release(struct link *link)
{
	struct relay *relay;

	nrelay--;
	TAILQ_FOREACH(relay, &relays, entry)
		if (relay->link == link)
			relay->nrunning--;
}

/*
 * A relay that takes and never answers, or hangs, is accused by the fault of
 * its link: the parent ends it, and all it had goes to another one.
 */
void
relay_watch(uint64_t now_ms)
{
	struct job *job;

	if (!job_clock(now_ms))
		return;
	while ((job = job_silent()) != NULL) {
		log_warnx("message=%013" PRIx64 " relay says nothing of it: "
		    "taken back", job->message->id);
		link_fault(job->link, "a delivery without a sign of life");
	}
}

static void
relay_down(struct link *link, const char *why)
{
	struct relay *relay;

	log_info("relay link down: %s", why != NULL ? why : "closed");
	job_drop_all(link, 1, AGENT_ENDED);
	TAILQ_FOREACH(relay, &relays, entry)
		if (relay->link == link)
			break;
	if (relay != NULL) {
		TAILQ_REMOVE(&relays, relay, entry);
		free(relay);
	}
}

void
agent_relay_link(uint32_t peer_id, int fd)
{
	struct link_end end = { .name = "relay", .rules = agent_rules,
	    .nrules = AGENT_NRULES, .down = relay_down, .peer_id = peer_id };
	struct relay *relay;

	if ((relay = calloc(1, sizeof(*relay))) == NULL ||
	    (relay->link = link_new(fd, &end)) == NULL)
		fatal("relay link");
	link_set_buffer(relay->link, LINK_BUFFER);
	TAILQ_INSERT_TAIL(&relays, relay, entry);
}
