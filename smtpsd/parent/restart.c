/*
 * Exponential back-off of restarts.  The first restart is nearly at once, so
 * that a single crash is hardly seen from outside; a child that crashes at
 * once each time costs two forks a minute.
 */
#include "restart.h"

uint32_t
restart_delay(uint32_t last_ms, uint64_t alive_ms)
{
	if (last_ms == 0 || alive_ms >= RESTART_GOOD_MS)
		return RESTART_MIN_MS;
	if (last_ms >= RESTART_MAX_MS / 2)
		return RESTART_MAX_MS;
	return last_ms * 2;
}
