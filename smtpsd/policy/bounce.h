/*
 * The way of a bounce to a sender.
 */
#ifndef POLICY_BOUNCE_H
#define POLICY_BOUNCE_H

#include "proto/policy_queue.h"

struct alias_expansion;

/*
 * As mail from this host: a mailbox if there is one, else the first that the
 * address stands for; no action if there is no way.  The expansion is
 * prepared as for a recipient and changed.  -1: waits for a user, waits_for.
 */
int	bounce_find(struct alias_expansion *, const char *sender,
	    struct bounce_route *);

#endif
