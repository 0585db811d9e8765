/*
 * Which envelopes are to be attempted now.  Just accepted ones go straight
 * to the agents; all others are found in the store by the index on the next
 * attempt, a bounded number per look, and only so many are in memory at once.
 * One whose lane has enough of them is parked in the store, out of the way of
 * others, and comes back when the lane has room.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include <stdint.h>

#include "job.h"

#define SCHEDULE_MAX	20480	/* envelopes in memory, about */

struct store;

void	schedule_init(struct store *);
/* Committed and due at once; takes over both. */
void	schedule_add(struct message *, struct envelope_list *);
/* Look into the store if it is time. */
void	schedule_turn(uint64_t now_ms, uint64_t now_s);
/* Something has become due: the next look is soon. */
void	schedule_soon(void);
/* Milliseconds to the next look. */
uint32_t schedule_wait_ms(void);
/* Free a job; what is left of it in the store will be found there. */
void	schedule_release(struct job *);
/* The one in memory, whose result is not stored yet; NULL: it is not there. */
struct envelope *schedule_find(uint64_t envelope);
int	schedule_is_running(uint64_t envelope);
/* Running, or ready, or its result is not in the store yet. */
int	schedule_is_busy(uint64_t envelope);
unsigned int schedule_busy(void);	/* envelopes in memory */
uint64_t schedule_loaded(void);		/* read from the store, since the start */

#endif
