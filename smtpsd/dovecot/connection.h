/*
 * The one connection to Dovecot, made anew when it is lost.
 */
#ifndef DOVECOT_CONNECTION_H
#define DOVECOT_CONNECTION_H

#include "base/link.h"

int	connection_init(void);
void	on_parent_check(struct link *, struct link_in *);
void	on_parent_conf(struct link *, struct link_in *);
void	on_parent_socket(struct link *, struct link_in *);
void	on_parent_refused(struct link *, struct link_in *);

#endif
