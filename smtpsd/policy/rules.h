/*
 * The match rules: which action takes a recipient.  First match decides,
 * no match is a refusal.
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "mail/reply.h"
#include "conf.h"

struct rules_request {
	const char	*address;	/* of the client: net's word */
	const char	*user;		/* authenticated login or NULL */
	const char	*tag;		/* of the listener */
	const char	*sender;	/* "": the null reverse-path; for
					 * rules_match() domain_canonical() */
	int		 is_own;	/* of this host: matches "from local" */
	int		 is_alias;	/* recipient comes from an alias */
};

/*
 * The rule's action in *action and REPLY_OK, or REPLY_REJECTED,
 * REPLY_RELAY_DENIED, REPLY_NO_SUCH_USER, REPLY_BAD_DOMAIN; REPLY_TRY_LATER
 * if there is no memory to compare with.
 *
 * Beyond the order of the rules:
 * - "from any for any" with a relay never serves a client that is neither
 *   authenticated nor named by "from local" or "from src".
 * - a target of an alias matches "from local" as well; if nothing matches
 *   it, the first relay rule "from auth for any" without a table of logins
 *   takes it: whoever wrote the alias wanted it to leave.
 * - postmaster of a domain of ours (RFC 5321 4.5.1) goes to the first local
 *   action of that domain, even if "from", "tag", "mail-from" or a table of
 *   recipients leave it out.  An explicit reject stands.
 */
enum reply_id	rules_match(const struct conf *, const struct rules_request *,
		    const char *recipient, const struct conf_action **action);
/*
 * Whether a reverse-path can be compared with what rules say of senders and
 * be written to: REPLY_OK, REPLY_BAD_SENDER or REPLY_TRY_LATER.
 */
enum reply_id	rules_check_sender(const char *sender);
/*
 * Where a name without a domain has its mailbox when no rule takes it at the
 * host's own name: the first action for Unix users.  NULL: there is none.
 */
const struct conf_action *rules_find_mailboxes(const struct conf *);
/* 127.0.0.0/8, ::1, and the former as IPv4-mapped. */
int		rules_is_loopback(const char *address);

#endif
