/*
 * The configuration as policy needs it: limits, tables, actions, rules,
 * listeners.  The parent sends it in one transaction; conf_end() puts it in
 * force and frees the one before.  So nobody keeps a pointer into it beyond
 * the handling of one message.
 */
#ifndef POLICY_CONF_H
#define POLICY_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "base/link.h"
#include "mail/table.h"
#include "proto/parent_policy.h"

struct conf_action {
	const struct table		*aliases;	/* or NULL */
	struct parent_policy_action	 is;
};

struct conf_rule {
	const struct table		*from;		/* or NULL */
	const struct table		*to;		/* or NULL */
	const struct table		*senders;	/* or NULL */
	const struct conf_action	*action;	/* NULL: reject */
	struct parent_policy_rule	 is;
};

struct conf_listener {
	const struct table		*senders;	/* sender map or NULL */
	struct parent_policy_listener	 is;
};

struct conf {
	struct parent_policy_conf	 limits;
	struct conf_table		*tables;
	struct conf_action		*actions;
	struct conf_rule		*rules;
	struct conf_listener		*listeners;
	char				**rcpt_domains;	/* sorted: domains in the
							 * tables of "for rcpt" */
	size_t				 ntables, nactions, nrules, nlisteners;
	size_t				 nrcpt_domains, rcpt_domains_room;
	int				 has_limits, is_broken;
};

/* What is in force; NULL before the first. */
const struct conf		*conf_current(void);
const struct conf_listener	*conf_find_listener(const struct conf *,
				    uint32_t id);
/* hostname, localhost, a listener's name: what "for local" means. */
int	conf_is_local_domain(const struct conf *, const char *domain);
/* The domain of some address in a table of a "for rcpt" rule. */
int	conf_is_rcpt_domain(const struct conf *, const char *domain);
/* The text of a file that aliases include; NULL: it could not be read. */
const char	*conf_find_include(const struct conf *, const char *path);

/*
 * The action that a command or file stands for among the aliases of another;
 * NULL: the parent made none.
 */
const struct conf_action	*conf_find_target(const struct conf *,
				    const struct conf_action *of,
				    enum policy_target, const char *text);

void	conf_begin(void);
int	conf_end(void);		/* -1: incomplete, the old one stays */
void	on_parent_conf(struct link *, struct link_in *);
void	on_parent_table(struct link *, struct link_in *);
void	on_parent_action(struct link *, struct link_in *);
void	on_parent_rule(struct link *, struct link_in *);
void	on_parent_listener(struct link *, struct link_in *);

#endif
