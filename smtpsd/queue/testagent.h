/*
 * For the unit tests of the agents only: what they call of the rest, and the
 * other ends of their links.
 */
#ifndef QUEUE_TESTAGENT_H
#define QUEUE_TESTAGENT_H

#include <stddef.h>
#include <stdint.h>

#include "agent.h"
#include "base/link.h"
#include "lane.h"

/* Envelopes released; jobs over, those to be tried soon, and warnings. */
extern unsigned int nreleased, nresults, nsoon, nwarnings;
extern char last_text[TEXT_SIZE];	/* of the last result */
extern int has_forward;			/* whether "local" has */
extern uint32_t accused;		/* the last peer, by on_broken() */
extern uint64_t now_ms;			/* of the turns */

/* A relay's end of its link: what it was given, in order. */
struct peer {
	struct link	*link;
	uint64_t	 delivery[16];
	uint64_t	 first, last;	/* of all */
	unsigned int	 n, nopen;
	int		 has_other;	/* than of d1 to d9 */
	uint64_t	 nbody;		/* bytes for the first of them */
	int		 is_asking;	/* for more of it */
};

void	on_broken(uint32_t peer_id);
/* For the lane's request, or a relay. */
void	peer_start(struct peer *, uint32_t id, const struct lane *);
/* Of its delivery n; of all that it has, and as if none had been asked. */
void	peer_say(struct peer *, unsigned int n, uint32_t type);
void	peer_say_all(struct peer *, uint32_t type);
/* All it has is alive, for so long. */
void	alive_for(struct peer *, unsigned int ms);
/* Turns of a second; what was sent before it arrives in each. */
void	pass_turns(unsigned int seconds);

/* "far" or "local", of user u<i> and domain d<i>. */
struct envelope	*make_envelope(const char *action, unsigned int i);
/* As the schedule does, while there is room.  How many. */
unsigned int	 fill_lanes(const char *action, unsigned int n,
		    int is_one_lane);
void	add_job(const char *action, unsigned int i);
/* With a body of size bytes and n recipients. */
void	add_big_job(const char *action, unsigned int i, size_t size,
	    unsigned int n);
/* One for each of n domains. */
void	add_far_jobs(unsigned int from, unsigned int n);

#endif
