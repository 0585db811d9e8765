/*
 * What smtpsctl asks of the queue.
 */
#ifndef QUEUE_CONTROL_H
#define QUEUE_CONTROL_H

#include <stdint.h>

struct store;

void	control_init(struct store *);
void	control_link(uint32_t peer_id, int fd);		/* takes fd */

#endif
