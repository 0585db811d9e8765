/*
 * When the next attempt of a delivery is due.  Pure arithmetic.
 */
#ifndef QUEUE_RETRY_H
#define QUEUE_RETRY_H

#include <stdint.h>

/*
 * Seconds to wait after the n-th failed attempt (n from 1): min_s doubled
 * n - 1 times, at most max_s, then moved by up to 20 % either way by random
 * (any 32-bit number).  At least 1.
 */
uint32_t	retry_pause(uint32_t attempts, uint32_t min_s, uint32_t max_s,
		    uint32_t random);

#endif
