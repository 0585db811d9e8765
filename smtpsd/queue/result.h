/*
 * How deliveries ended, until it is in the store: removal, next attempt, or
 * a bounce.  Results ride with the commit of accepted messages.
 */
#ifndef QUEUE_RESULT_H
#define QUEUE_RESULT_H

#include <stdint.h>

#include "job.h"

struct store;

struct result_stats {
	uint64_t	delivered;
	uint64_t	deferred;	/* attempts */
	uint64_t	failed;
	uint64_t	quarantined;
	uint64_t	bounces;	/* notifications made */
};

void	result_add(struct job *, uint64_t now_ms);	/* takes the job */
unsigned int result_waiting(void);
int	result_has_failed(void);	/* once, some that still wait */
uint64_t result_first_ms(void);		/* when the oldest came */
/* In store_begin(): as many as one commit bears, the others go on waiting. */
int	result_store(struct store *, uint64_t now_s);
void	result_committed(void);		/* but not flushed yet */
void	result_stored(uint64_t now_s);	/* log, release, hand on notifications */
/* After a rollback or a flush that failed: keep all for later. */
void	result_forget(void);
void	result_stats(struct result_stats *);

#endif
