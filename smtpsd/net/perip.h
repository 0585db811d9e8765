/*
 * How many sessions each client address has (an IPv6 /64 counts as one), and
 * each user of this host at the Unix sockets.
 */
#ifndef NET_PERIP_H
#define NET_PERIP_H

#include <sys/socket.h>
#include <stdint.h>

struct perip;

/* One more session: its handle, or NULL when memory is short. */
struct perip	*perip_take(const struct sockaddr *);
struct perip	*perip_take_user(const char *name);
uint32_t	 perip_count(const struct perip *);
void		 perip_drop(struct perip *);	/* NULL is ok */

#endif
