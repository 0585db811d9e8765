/*
 * The authors that a message names in its header: its user has to be
 * allowed each of them.
 */
#ifndef POLICY_AUTHOR_H
#define POLICY_AUTHOR_H

struct link;
struct link_in;

/* MSG_NET_POLICY_HEADER */
void	on_net_header(struct link *, struct link_in *);

#endif
