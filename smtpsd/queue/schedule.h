/*
 * Which envelopes are to be attempted now.  Just accepted ones go straight
 * to the agents; all others are found in the store by the index on the next
 * attempt, a bounded number per look.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include <stdint.h>

#include "job.h"

struct store;

void	schedule_init(struct store *);
/* Committed and due at once; takes over both. */
void	schedule_add(struct message *, struct envelope_list *);
/* Look into the store if it is time. */
void	schedule_turn(uint64_t now_ms, uint64_t now_s);
/* Milliseconds to the next look. */
uint32_t schedule_wait_ms(void);
/* Free a job; what is left of it in the store will be found there. */
void	schedule_release(struct job *);
int	schedule_is_running(uint64_t envelope);
unsigned int schedule_busy(void);	/* envelopes in memory */

#endif
