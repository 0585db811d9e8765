/*
 * A job is one delivery: one message with those of its envelopes that share
 * an action (and for local ones the mailbox).  schedule.c makes it, agent*.c
 * run it, result.c writes down how it ended and schedule.c frees it.
 */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include "message.h"

#define JOB_ENVELOPES_MAX	100	/* RFC 5321 4.5.3.1.8 */

struct lane;
struct link;

struct job {
	TAILQ_ENTRY(job)	 entry;		/* of a lane or of the results */
	TAILQ_ENTRY(job)	 look;		/* agent_book.c, ready or running */
	RB_ENTRY(job)		 running;
	uint64_t		 delivery;
	struct message		*message;	/* a reference */
	struct lane		*lane;
	struct link		*link;		/* agent that runs it */
	uint64_t		 started_ms;	/* of agent_book.c's clock */
	uint64_t		 heard_ms;
	int			 is_warning;	/* no attempt was made */
	int			 is_late;	/* its result is of none, either */
	int			 is_copy;	/* of what runs: only to warn of it */
	int			 is_soon;	/* the agent died: not its fault */
	uint32_t		 nasked;	/* questions to policy, forward.c */
	uint32_t		 nonward;	/* of its envelopes, while it runs */

	uint64_t		 sent;		/* bytes of the body */
	uint32_t		 piece_n;	/* next piece to read */
	size_t			 piece_size;
	size_t			 piece_used;
	char			*piece;

	int			 is_reported;	/* in this commit, here or before */
	struct message		*dsn;		/* while a commit is under way */
	struct envelope_list	 dsn_envelopes;

	uint32_t		 nenv;
	struct envelope		*env[];
};
TAILQ_HEAD(job_list, job);

#endif
