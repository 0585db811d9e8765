/*
 * Addresses of ~/.forward: what deliver says of them, and policy's answers to
 * where they lead.
 */
#ifndef QUEUE_FORWARD_H
#define QUEUE_FORWARD_H

#include <stdint.h>

#include "base/link.h"
#include "job.h"

/* 0, 1: it is no mail address, -1: no memory. */
int	forward_add(struct envelope *, const char *address);
/* A job of action "": policy is asked; takes the job. */
void	forward_route(struct job *);
/* The link to policy, or NULL: what was asked is tried again soon. */
void	forward_policy(struct link *);
void	forward_turn(uint64_t now_ms);	/* give up on late answers */
void	on_policy_routed(struct link *, struct link_in *);
void	on_policy_routed_owner(struct link *, struct link_in *);
void	on_policy_routed_done(struct link *, struct link_in *);

#endif
