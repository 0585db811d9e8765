/*
 * The configuration as the parent sends it: limits, certificates, listeners.
 */
#ifndef NET_CONF_H
#define NET_CONF_H

#include "base/link.h"
#include "proto/net_parent.h"

/* Handlers for main.c's rules. */
void	on_parent_conf(struct link *, struct link_in *);
void	on_parent_pki(struct link *, struct link_in *);
void	on_parent_mechanisms(struct link *, struct link_in *);
void	on_parent_listener(struct link *, struct link_in *);

void	conf_begin(void);
int	conf_end(void);
void	conf_retire(void);	/* close all listening sockets */
/* The limits in force; never NULL. */
const struct parent_net_conf	*conf_limits(void);

#endif
