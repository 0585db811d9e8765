/*
 * Connections to other programs' Unix sockets, for children that have no
 * file system.  For parent only.
 */
#ifndef PARENT_UNIXSOCK_H
#define PARENT_UNIXSOCK_H

struct link;
struct link_in;

/* -1 and errno.  Never waits: its owner may be stopped with a full queue. */
int	unixsock_connect(const char *path);

void	on_relay_connect(struct link *, struct link_in *);

#endif
