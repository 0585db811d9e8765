/*
 * A lane: the jobs of one relay action, or of one local mailbox.  Only for
 * agent.c; a lane lives as long as it has jobs or a deliver process.
 */
#ifndef QUEUE_LANE_H
#define QUEUE_LANE_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include "job.h"

#define LANE_RELAY_READY_MAX	4096	/* jobs waiting in memory */
#define LANE_LOCAL_READY_MAX	256
#define LANE_RELAY_RUNNING_MAX	160
#define LANE_LOCAL_RUNNING_MAX	32

struct lane {
	RB_ENTRY(lane)	 tree;
	TAILQ_ENTRY(lane) entry;
	struct job_list	 ready;
	unsigned int	 nready;
	unsigned int	 nrunning;
	int		 is_local;
	struct link	*link;		/* local: its deliver process */
	uint64_t	 request;	/* local: asked for, not yet there */
	uint64_t	 since_ms;	/* of the request, or idle since */
	char		 action[NAME_SIZE];
	char		 user[NAME_SIZE];
};
TAILQ_HEAD(lane_list, lane);

struct lane	*lane_find(const char *action, const char *user);
/* The lane, made if need be.  NULL: no memory. */
struct lane	*lane_get(const char *action, const char *user, int is_local);
struct lane	*lane_by_request(uint64_t request);
int		 lane_has_room(const struct lane *);
void		 lane_free_if_unused(struct lane *);
struct lane_list *lane_all(void);

#endif
