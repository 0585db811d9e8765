/*
 * Memory of sessions that are gone goes back to the system.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include <stdint.h>

/* Before the first event of fd, which is open. */
void	memory_reach(int fd);
/* Every second: after a crowd has left. */
void	memory_trim(uint32_t nsessions);

#endif
