/*
 * From one recipient to what the queue gets: rules, aliases (RFC 5321
 * 3.9.1), local users.  All or nothing: one bad target refuses the
 * recipient, because a target dropped in silence would be lost mail.
 */
#ifndef POLICY_ALIAS_H
#define POLICY_ALIAS_H

#include "proto/sizes.h"
#include "rules.h"

#define ALIAS_DEPTH_MAX		20
#define ALIAS_RESULTS_MAX	1000
#define ALIAS_OWNERS_MAX	64	/* lists within one expansion */

struct alias_result {
	const struct conf_action	*action;
	uint64_t			 hash;
	uint32_t			 owner;	/* owners[owner - 1]; 0: none */
	char				 recipient[MAILADDR_SIZE];
	char				 user[NAME_SIZE];	/* "": relay */
};

/* About 480 KB: never on the stack.  Filled by the caller up to arg. */
struct alias_expansion {
	const struct conf	*conf;
	struct rules_request	 request;
	/* An enum policy_user, -1: not known yet. */
	int			(*find_user)(const char *name, void *arg);
	void			*arg;
	/* The way to a sender: a mailbox may fail later, visibly; users are
	 * asked for only where a catch-all stands against them. */
	int			 is_bounce;

	char			 waits_for[NAME_SIZE];	/* with REPLY_NONE */
	int			 is_unsure;	/* REPLY_TRY_LATER: of a user */
	char			 culprit[MAILADDR_SIZE]; /* on refusal */
	size_t			 nresults;
	size_t			 nowners;
	size_t			 ntargets;
	uint32_t		 owner;		/* of what is being expanded */
	unsigned int		 visits;	/* addresses looked at: its cost */
	char			 domain[MAILADDR_SIZE];	/* converted last */
	char			 domain_form[MAILADDR_SIZE];
	const char		*chain[ALIAS_DEPTH_MAX];
	char			 owners[ALIAS_OWNERS_MAX][MAILADDR_SIZE];
	struct alias_result	 results[ALIAS_RESULTS_MAX];
};

/*
 * REPLY_OK with at least one result; REPLY_NONE: the user waits_for, and maybe
 * others before it, is not known yet, start again from scratch when it is;
 * else the refusal, of which REPLY_TRY_LATER is for an included file that is
 * not there and for a user of whom nobody can say now whether there is one.
 * A recipient without a domain is one of this host.
 */
enum reply_id	alias_expand(struct alias_expansion *, const char *recipient);

#endif
