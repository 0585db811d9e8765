/*
 * Mail addresses of RFC 5321 (with RFC 6531 when UTF-8 is allowed) and their
 * forms in MAIL and RCPT.  No process, no memory: results are copied out.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stddef.h>

#define ADDRESS_UTF8	0x1	/* accept RFC 6531 mailboxes */
#define ADDRESS_NULL	0x2	/* accept <> (reverse-path) */
#define ADDRESS_LOCAL	0x4	/* accept a local part without a domain
				 * ("postmaster", RFC 5321 4.1.1.3) */

/*
 * Parse "<path>" at the start of s.  A source route is dropped (RFC 5321
 * 4.1.2).  Strict: no control, no NUL, limits of 4.5.3.1 (64, 255), quoted
 * local parts kept quoted only if they need it, domain lower-cased, one form
 * for each address in a domain literal.  0 and *end behind '>' on success, -1 otherwise.
 */
int	address_parse_path(const char *s, int flags, char *out, size_t outsize,
	    const char **end);
/* Parse a bare "local@domain" that fills all of s. */
int	address_parse(const char *s, int flags, char *out, size_t outsize);
/* The domain behind the last '@', or NULL. */
const char	*address_domain(const char *address);
/* Local part without quotes; -1 if it does not fit or holds a control. */
int	address_local(const char *address, char *out, size_t outsize);
/*
 * An address in normal form without the +tag of its local part, in normal form
 * as well: "bob+a b"@example.org is bob@example.org.  -1: it has no tag.
 */
int	address_tagless(const char *address, char *out, size_t outsize);
/* Holds it a byte that could end a line or hide in one? */
int	address_has_control(const char *address);
/* Bytes of the UTF-8 sequence at s; 0: it is none, or a C1 control. */
size_t	address_utf8_size(const char *s);
/* A host name of letters, digits, hyphens, labels of 1..63, in all <= 253. */
int	address_is_hostname(const char *s);
/* The same with '_' for a letter, as others name hosts in DNS. */
int	address_is_dns_name(const char *s);

#endif
