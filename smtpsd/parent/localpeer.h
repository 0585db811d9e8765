/* The users of Unix sockets for submission. */
#ifndef PARENT_LOCALPEER_H
#define PARENT_LOCALPEER_H

struct link;
struct link_in;

void	on_net_peer(struct link *, struct link_in *);

#endif
