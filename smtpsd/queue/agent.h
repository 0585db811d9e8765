/*
 * The delivery agents: relay for other hosts and one deliver process for
 * each local mailbox that has mail.  Jobs wait in lanes, one for each
 * relay action or mailbox, and end in result_add().
 */
#ifndef QUEUE_AGENT_H_
#define QUEUE_AGENT_H_

#include <stdint.h>

#include "base/link.h"
#include "job.h"
#include "notify.h"

struct store;

void	agent_init(struct store *);
/*
 * Whether the envelope's lane takes one more job; room: envelopes for which
 * there is memory.
 */
int	agent_has_room(const struct envelope *, unsigned int room);
/* "action key", one for each lane there can be. */
#define AGENT_LANE_SIZE	(NAME_SIZE + HOSTNAME_SIZE)
void	agent_lane_name(const struct envelope *, char name[AGENT_LANE_SIZE]);
/* What waits for its turn goes back to the schedule. */
void	agent_withdraw(void);
/* PAUSE_MTA, PAUSE_MDA: start no more deliveries of that kind. */
void	agent_pause(uint32_t kinds, int is_paused);
uint32_t agent_paused(void);
/* Whether two envelopes of a message can be one job. */
int	agent_is_same_way(const struct envelope *, const struct envelope *);
void	agent_add(struct job *);		/* takes the job */
/*
 * End without an attempt: expired, or for a warning only, after which it waits
 * on in the store.  Takes the job, which is in no lane.
 */
void	agent_late(struct job *, enum late);
/*
 * The same with those that wait in lanes and are late, and a warning of those
 * that have run for long: some at each call, all in their turn.
 */
void	agent_waiting(enum late (*how_late)(const struct message *,
	    const struct envelope *));
/* Start what may start, end what keeps silent; at least once a second. */
void	agent_turn(uint64_t now_ms);
void	agent_stop(void);			/* start nothing any more */

/* New links; both take fd. */
void	agent_relay_link(uint32_t peer_id, int fd);
void	agent_deliver_link(uint32_t peer_id, uint64_t cookie, int fd);
void	on_parent_deliver_failed(struct link *, struct link_in *);

unsigned int agent_running(void);
unsigned int agent_ready(void);

#endif
