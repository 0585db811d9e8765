/*
 * The sender map: which reverse-paths an authenticated user may use.
 *
 * With a senders table the user's login is the key and the value lists, with
 * commas or white space between, what it may send as:
 *	user@example.org	this address
 *	user+*@example.org	this address, and with any +tag
 *	@example.org		every address of the domain (no subdomains)
 *	example.org		the same
 *	*			everything
 * A login that is not in the table may send as nothing.
 *
 * Without a table a login that is an address may send as that address; a
 * bare login may send as login@D for every local domain D: the host's and
 * the listeners' names, localhost, and domains with a local action.
 *
 * The null reverse-path is always allowed: RFC 6409 3.2 and RFC 8098 let an
 * agent submit notifications.  Case does not matter.
 */
#ifndef POLICY_SENDER_H
#define POLICY_SENDER_H

#include "conf.h"

/* 1: user may send as sender on this listener, 0: not, -1: no memory. */
int	sender_is_allowed(const struct conf *, const struct conf_listener *,
	    const char *user, const char *sender);

/*
 * The same, and within the scope of a device: a list as above, NULL for
 * everything.  Such a device may use the null reverse-path only if it is
 * listed, as "<>".
 */
int	sender_check(const struct conf *, const struct conf_listener *,
	    const char *user, const char *scope, const char *sender);

/*
 * A list as above as it has to be for both: its domains in A-labels.  0 and
 * *out, malloc(3)ed; -1: it is so already; DOMAIN_NO_MEMORY.
 */
int	sender_list_form(const char *list, char **out);

#endif
