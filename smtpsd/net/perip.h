/* How many sessions each client address has (an IPv6 /64 counts as one). */
#ifndef NET_PERIP_H
#define NET_PERIP_H

#include <sys/socket.h>
#include <stdint.h>

struct perip;

/* One more session: its handle, or NULL when memory is short. */
struct perip	*perip_take(const struct sockaddr *);
uint32_t	 perip_count(const struct perip *);
void		 perip_drop(struct perip *);	/* NULL is ok */

#endif
