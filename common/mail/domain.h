/*
 * One form of a domain for comparing and for the DNS: A-labels, lower case
 * (RFC 5890 2.3.2.1).  Only for confined processes: it brings libidn2 along.
 * No process, no state; results are copied out.
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include <stddef.h>

#define DOMAIN_BAD	(-1)	/* no name of RFC 5891 */
#define DOMAIN_NO_MEMORY (-2)

/*
 * A domain in ASCII, address literals too, is copied as it is.  One with
 * other bytes, UTF-8 or not, becomes A-labels by RFC 5891 5 after the mapping
 * of UTS 46 (case, width, normalization; not transitional) and is a host name
 * then.  0 or DOMAIN_*, out "" then.
 */
int	domain_to_ascii(const char *domain, char *out, size_t outsize);
/*
 * The same for what stands behind the last '@' of an address, or of a key of
 * a table: "@domain", ".domain", "domain".  The local part is kept.
 */
int	domain_address_to_ascii(const char *address, char *out,
	    size_t outsize);
/*
 * To compare with: address itself if its domain is ASCII or cannot be
 * converted, else its other form in room.
 */
const char	*domain_canonical(const char *address, char *room,
		    size_t roomsize);
/* As this, but NULL without memory: nobody can say then what is equal. */
const char	*domain_try_canonical(const char *address, char *room,
		    size_t roomsize);
/* Whether the local part is ASCII and the domain is it or can be made so. */
int	domain_can_be_ascii(const char *address);

/*
 * For table_add_forms(): 0 only if the key has another form, or DOMAIN_*.
 * Address literals have one as well, that of address.h.
 */
int	domain_key_form(const char *key, char *out, size_t outsize);

#endif
