/* How long to wait before a child that died is started again. */
#ifndef PARENT_RESTART_H
#define PARENT_RESTART_H

#include <stdint.h>

#define RESTART_MIN_MS	100
#define RESTART_MAX_MS	30000
#define RESTART_GOOD_MS	60000	/* alive so long: begin anew */

/* last_ms: what was waited before (0: nothing); alive_ms: life of the child. */
uint32_t	restart_delay(uint32_t last_ms, uint64_t alive_ms);

#endif
