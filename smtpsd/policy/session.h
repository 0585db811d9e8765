/*
 * The sessions of net: who may send, transactions, links, statistics.
 */
#ifndef POLICY_SESSION_H
#define POLICY_SESSION_H

#include <stdint.h>

#include "base/link.h"

int	session_init(struct link *parent);
/* A link to net, queue or control came.  Takes fd. */
void	session_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie,
	    int fd);
void	session_turn(void);	/* end of a turn: answers go first */
void	session_stop(void);	/* the last that the queue has to know */
/* The administrator ends a session, whatever its net thinks of it. */
void	session_revoke(uint64_t id);
void	on_parent_authenticated(struct link *, struct link_in *);
void	on_parent_revoked(struct link *, struct link_in *);
void	on_parent_user_done(struct link *, struct link_in *);

#endif
