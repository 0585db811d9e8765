/*
 * The deliveries in flight on the queue's link.  For deliver only.
 */
#ifndef DELIVER_DELIVERY_H
#define DELIVER_DELIVERY_H

#include <stdint.h>

struct link;

/* Takes fd. */
void	delivery_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie,
	    int fd);
int	delivery_init(struct link *parent);
void	delivery_turn(void);
void	delivery_on_stop(void);

#endif
