/* The link to the queue: bodies up, acknowledgements to smtp_data.c. */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/net_queue.h"

void	queue_set_link(int fd, uint32_t peer_id);	/* takes fd */
/* -1: the link is down. */
int	queue_body(uint64_t session, uint32_t tx, const void *, size_t);
int	queue_end(const struct net_queue_end *);
void	queue_abort(uint64_t session, uint32_t tx);
size_t	queue_backlog(void);	/* bytes waiting to be sent */

#endif
