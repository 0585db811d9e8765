/*
 * relay's answers to control.  For relay only.
 */
#ifndef RELAY_STATS_H
#define RELAY_STATS_H

#include <stdint.h>

void	stats_on_link(uint32_t peer_id, int fd);

#endif
