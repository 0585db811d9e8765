/*
 * The deliveries in flight on the queue's link.  For deliver only.
 */
#ifndef DELIVER_DELIVERY_H
#define DELIVER_DELIVERY_H

#include <stdint.h>

struct link;
struct link_in;

void	delivery_conf_begin(void);
int	delivery_conf_end(void);	/* -1: no or a bad mailbox */
void	on_parent_deliver_conf(struct link *, struct link_in *);
/* Takes fd. */
void	delivery_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie,
	    int fd);
int	delivery_init(struct link *parent);
void	delivery_turn(void);
void	delivery_on_stop(void);

#endif
