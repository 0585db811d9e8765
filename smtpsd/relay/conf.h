/*
 * relay's configuration: actions with their TLS settings.  For relay only.
 */
#ifndef RELAY_CONF_H
#define RELAY_CONF_H

#include "proto/parent_relay.h"

struct link;
struct link_in;
struct tls_config;

/* Counted: a connection keeps the action it was made for. */
struct action {
	struct parent_relay_action conf;
	struct tls_config	*tls;	/* NULL: could not be made */
	unsigned int		 refs;
};

void		 conf_begin(void);
int		 conf_end(void);
void		 on_parent_relay_conf(struct link *, struct link_in *);
void		 on_parent_relay_action(struct link *, struct link_in *);
void		 on_parent_relay_ca(struct link *, struct link_in *);

const char	*conf_hostname(void);
struct action	*action_get(const char *name);	/* counted; NULL: none */
void		 action_release(struct action *);	/* NULL is ok */

#endif
