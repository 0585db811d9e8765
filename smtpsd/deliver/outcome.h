/*
 * How a delivery ended, in the words of agent_queue_result.  For deliver
 * only.
 */
#ifndef DELIVER_OUTCOME_H
#define DELIVER_OUTCOME_H

#include "proto/queue_agent.h"

struct outcome {
	int	class;		/* enum agent_class */
	char	status[12];	/* RFC 3463 */
	char	text[TEXT_SIZE];
};

void	outcome_set(struct outcome *, int class, const char *status,
	    const char *text);
/* A temporary failure, of errno. */
void	outcome_errno(struct outcome *, const char *what);
/*
 * The same, where a mailbox could not be opened or made: says whose the
 * directory is in which it would lie, if that is why.  dir_fd may be -1, for
 * path.
 */
void	outcome_open(struct outcome *, const char *what, int dir_fd,
	    const char *path);

#endif
