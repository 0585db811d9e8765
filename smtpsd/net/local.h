/* Sessions over a Unix socket.  For session.c and main.c. */
#ifndef NET_LOCAL_H
#define NET_LOCAL_H

#include <stdint.h>

struct session;

/* Asks the parent; -1: it cannot be asked. */
int	local_start(struct session *);
void	local_done(struct session *, uint32_t result, const char *user);

#endif
