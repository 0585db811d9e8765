/*
 * Links to net, policy: what comes in for incoming.c, and its answers.
 */
#ifndef QUEUE_PEERS_H
#define QUEUE_PEERS_H

#include <stdint.h>

void	peers_net_link(uint32_t peer_id, int fd);	/* takes fd */
void	peers_policy_link(uint32_t peer_id, int fd);
/* The answer to END, to the net process that the session belongs to. */
void	peers_net_done(uint64_t session, uint32_t tx, uint64_t message,
	    uint32_t reply);
/* Take in now all that has arrived, so that it rides with this commit. */
void	peers_poll(void);
unsigned int peers_count(void);	/* nets, and policy if it is there */

#endif
