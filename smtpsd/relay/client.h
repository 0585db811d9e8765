/*
 * One connection to a server: greeting to QUIT.  For relay only.
 */
#ifndef RELAY_CLIENT_H
#define RELAY_CLIENT_H

#include <stdint.h>

struct action;
struct client;
struct delivery;
struct destination;
struct stream;
struct targets;

/*
 * Connect to one of the targets, see connect.h.  Counts action and targets
 * (NULL: over the action's socket).  domain: of the recipients, "" if the
 * action has a host.
 * NULL: no memory.  When it ends it calls destination_client_gone().
 */
struct client	*client_new(struct destination *, struct action *,
		    const char *domain, struct targets *);
/* A delivery could be given now: 1 at once, 2 behind the one being sent. */
int		 client_has_room(const struct client *);
int		 client_is_ready(const struct client *);	/* logged in */
void		 client_give(struct client *, struct delivery *);
/* More of the body of a delivery it has came in. */
void		 client_body(struct client *);
/* Ends the connection; this delivery is not touched any more. */
void		 client_forget(struct client *, struct delivery *);
/* QUIT when nothing is being sent; takes no more deliveries. */
void		 client_retire(struct client *);
/* It has or tries to have; at least 1. */
unsigned int	 client_count_sockets(const struct client *);
/* Once a second: time limits.  The first begins. */
void		 client_tick(struct client *, uint64_t now_ms);

#endif
