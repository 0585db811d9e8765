/*
 * The address fields of a header: From, Sender and their Resent- forms
 * (RFC 5322 3.4, 3.6.2; RFC 6854 for groups; RFC 6532 for UTF-8).  Strict:
 * what the grammar does not allow is refused, never repaired, because every
 * program behind us would repair it differently.  No process, no memory.
 */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include <stddef.h>

#define MAILBOX_UTF8	0x1	/* the message is an RFC 6532 one */

#define MAILBOX_MAX	100	/* addresses of one field */
#define MAILBOX_DEPTH	32	/* of comments in comments */

/*
 * Parse the body of a field, size bytes behind the colon, folds included,
 * the last CRLF not.  got is called for each address, in the normal form of
 * address.h, in order, and may have been called when -1 is returned.  The
 * number of addresses (0: only empty groups), or -1: *why says why not.
 * Time is linear in size.
 *
 * Accepted beyond section 3: dots in display names (obs-phrase), which real
 * clients send and nobody reads as an address.  Refused: source routes,
 * empty list members, space inside of addresses, lines of only space, "<>".
 */
int	mailbox_parse(const char *text, size_t size, int flags,
	    void (*got)(void *, const char *address), void *arg,
	    const char **why);

/*
 * The same for what people and programs of this host write: a local part may
 * stand alone, bare is told where it ends in text (got is not called), and a
 * list may have empty members.  No MAILBOX_MAX.
 */
int	mailbox_parse_local(const char *text, size_t size, int flags,
	    void (*got)(void *, const char *address),
	    void (*bare)(void *, size_t end), void *arg, const char **why);

#endif
