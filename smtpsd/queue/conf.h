/*
 * The queue's configuration, as the parent sends it; a transaction that
 * replaces all of it at once.
 */
#ifndef QUEUE_CONF_H
#define QUEUE_CONF_H

#include "base/link.h"
#include "proto/parent_queue.h"

const struct parent_queue_conf	*conf_get(void);	/* never NULL */
int	conf_is_set(void);	/* a first one is in force */
/* enum queue_way, or -1: there is no such action. */
int	conf_action(const char *name);
/* Whether its deliver looks into ~/.forward. */
int	conf_forwards(const char *name);
/* How long a deliver process of it may show nothing; 0: for ever. */
uint64_t	conf_stuck_ms(const char *name);

void	conf_begin(void);
int	conf_end(void);
void	on_parent_conf(struct link *, struct link_in *);
void	on_parent_action(struct link *, struct link_in *);

#endif
