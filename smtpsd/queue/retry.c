/*
 * Exponential back-off with jitter, so that what failed together does not
 * come back together.  Called by schedule.c; owns no state.
 */
#include "retry.h"

uint32_t
retry_pause(uint32_t attempts, uint32_t min_s, uint32_t max_s, uint32_t random)
{
	uint64_t pause_s = min_s > 0 ? min_s : 1, jitter;

	for (; attempts > 1 && pause_s < max_s; attempts--)
		pause_s *= 2;
	if (pause_s > max_s)
		pause_s = max_s;
	jitter = random % 401;		/* 0 .. 40.0 % */
	pause_s = (pause_s * (800 + jitter) + 500) / 1000;
	return pause_s > 0 ? (uint32_t)pause_s : 1;
}
