/*
 * Connections to Unix sockets, which the parent makes for this process.  For
 * relay only.
 */
#ifndef RELAY_SOCKET_H
#define RELAY_SOCKET_H

struct client;
struct link;
struct link_in;

/* client_connected() will come, or client_end().  -1: it is gone. */
int	socket_ask(struct client *);
void	socket_forget(struct client *);		/* does not wait any more */
void	socket_init(struct link *parent);
void	on_parent_relay_connected(struct link *, struct link_in *);
void	on_parent_relay_connect_failed(struct link *, struct link_in *);

#endif
