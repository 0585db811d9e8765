/*
 * The way of a bounce to a sender.
 */
#ifndef POLICY_BOUNCE_H
#define POLICY_BOUNCE_H

#include "mail/reply.h"
#include "proto/policy_queue.h"

struct alias_expansion;

/*
 * As mail from this host: a mailbox if there is one, else the first that the
 * address stands for; no action if there is no way.  The expansion is
 * prepared as for a recipient and changed.  REPLY_OK; REPLY_NONE: waits for
 * a user, waits_for; REPLY_TRY_LATER: nobody can say now whether there is
 * one, and a guess might lose the bounce.
 */
enum reply_id	bounce_find(struct alias_expansion *, const char *sender,
		    struct bounce_route *);

#endif
