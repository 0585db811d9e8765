/*
 * A lane: the jobs of one relay action, of one domain of it, or of one local
 * mailbox.  Only for agent*.c; a lane lives as long as it has jobs or a
 * deliver process.
 */
#ifndef QUEUE_LANE_H
#define QUEUE_LANE_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include "job.h"

#define LANE_KEY_SIZE		HOSTNAME_SIZE
#define LANE_LOCAL_READY_MAX	256	/* jobs waiting in memory */
#define LANE_READY_PART		4	/* of the room that is left, in one lane */
#define LANE_RELAY_RUNNING_MAX	160	/* of one host */
#define LANE_MX_RUNNING_MAX	32	/* of one domain */
#define LANE_LOCAL_RUNNING_MAX	32

struct lane {
	RB_ENTRY(lane)	 tree;
	TAILQ_ENTRY(lane) entry;
	struct job_list	 ready;
	unsigned int	 nready;
	unsigned int	 nwaiting;	/* envelopes of those ready */
	unsigned int	 nrunning;
	uint32_t	 nonward;	/* of those running, as in job.h */
	int		 way;		/* enum queue_way */
	struct link	*link;		/* local: its deliver process */
	uint64_t	 request;	/* local: asked for, not yet there */
	int		 forwards;	/* local: its deliver may have been told
					 * so; the action may not say so now */
	uint64_t	 since_ms;	/* of the request, idle since, or of the
					 * last sign of life */
	char		 action[NAME_SIZE];
	char		 key[LANE_KEY_SIZE];	/* user, domain or "" */
};
TAILQ_HEAD(lane_list, lane);

struct lane	*lane_find(const char *action, const char *key);
/* The lane, made if need be.  NULL: no memory. */
struct lane	*lane_get(const char *action, const char *key, int way);
/* Behind all others: they had no turn yet. */
void		 lane_to_tail(struct lane *);
struct lane	*lane_by_request(uint64_t request);
/*
 * Whether it takes one more; room: envelopes for which there is memory.  The
 * more lanes are full, the fewer each has, so that there is always some for
 * one that was empty.
 */
int		 lane_has_room(const struct lane *, unsigned int room);
void		 lane_free_if_unused(struct lane *);
struct lane_list *lane_all(void);

#endif
