/*
 * Envelopes whose sender is the owner of a list and not the message's own
 * (RFC 5321 3.9.2).  In memory such an envelope's message is a second one
 * with the owner as its sender and the body of the first, which it reads from
 * the store.
 */
#ifndef QUEUE_OWNED_H
#define QUEUE_OWNED_H

#include "message.h"

/* The owner of the envelopes that follow; NULL: none.  -1: no memory. */
int		 owned_set(struct message **, const struct policy_queue_owner *);
/*
 * Moves the envelopes that share their sender with the first in from to the
 * empty list to; a reference to the message that they go with, or NULL if
 * there was none in from.
 */
struct message	*owned_take(struct message *, struct envelope_list *from,
		    struct envelope_list *to);

#endif
