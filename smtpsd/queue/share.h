/*
 * What each net process takes of the queue's transactions and memory, so
 * that one that was taken over leaves half of it to the others.
 */
#ifndef QUEUE_SHARE_H
#define QUEUE_SHARE_H

#include <sys/queue.h>

#include <stdint.h>

struct share {
	TAILQ_ENTRY(share) entry;
	uint64_t	 memory;	/* bytes of bodies; for the caller */
	uint64_t	 stored;	/* of unfinished bodies, on disk; same */
	unsigned int	 nrcpt;		/* recipients; for the caller */
	uint32_t	 peer_id;
	unsigned int	 ntx;		/* transactions, which hold it */
};

/* For one transaction more.  NULL: it has max already, or no memory. */
struct share	*share_take(uint32_t peer_id, unsigned int max);
void		 share_drop(struct share *);

#endif
