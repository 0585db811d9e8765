/* The link to control: sessions and counters, and ending a session. */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include <stdint.h>

void	control_set_link(int fd, uint32_t peer_id);	/* takes fd */

#endif
