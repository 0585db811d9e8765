/*
 * How a connection becomes a session.  Included by listener.c and session.c.
 */
#ifndef NET_ADMIT_H
#define NET_ADMIT_H

#include <sys/socket.h>

struct listener;
struct session;

/* A connection was accepted; takes fd.  It may close it at once. */
void	admit_client(struct listener *, int fd, const struct sockaddr *);
/* More of the PROXY header may have come. */
void	admit_proxy(struct session *);
/* A session that was let in is freed. */
void	admit_leave(const struct session *);

#endif
