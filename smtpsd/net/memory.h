/*
 * Memory of sessions that are gone goes back to the system.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include <stdint.h>

/* Before the first event of fd, which is open. */
void	memory_reach(int fd);
/* After each turn: does it when most of a crowd have left. */
void	memory_trim(uint32_t nsessions);

#endif
