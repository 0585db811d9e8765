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
	struct tls_config	*tls_verify;	/* NULL: no CA bundle */
	struct tls_config	*tls_any;	/* whoever answers */
	struct table		*policy;	/* by domain, or NULL */
	unsigned int		 refs;
};

/* How TLS is spoken with one destination. */
struct tls_rule {
	uint8_t	tls;			/* enum relay_tls */
	uint8_t	verify;
	char	pin[PIN_SIZE];		/* "": none */
};

void		 conf_begin(void);
int		 conf_end(void);
void		 on_parent_relay_conf(struct link *, struct link_in *);
void		 on_parent_relay_action(struct link *, struct link_in *);
void		 on_parent_relay_ca(struct link *, struct link_in *);
void		 on_parent_relay_policy(struct link *, struct link_in *);

const char	*conf_hostname(void);
struct action	*action_get(const char *name);	/* counted; NULL: none */
void		 action_release(struct action *);	/* NULL is ok */
/* domain: of the recipients, "" for an action with a host. */
void		 action_tls_rule(const struct action *, const char *domain,
		    struct tls_rule *);
/* NULL: it cannot be spoken, for want of a CA bundle. */
struct tls_config *action_tls_config(const struct action *,
		    const struct tls_rule *);
const char	*action_helo(const struct action *);

#endif
