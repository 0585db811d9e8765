/*
 * Parsing for AUTH.  No state.
 */
#ifndef PARENT_AUTHPARSE_H
#define PARENT_AUTHPARSE_H

#include <stddef.h>
#include <stdint.h>

struct attempt;

/* authzid NUL authcid NUL password: sets login and password.  NULL: well
 * formed, or why it cannot succeed. */
const char	*authparse_plain(struct attempt *, const char *, size_t);
/* IPv4 whole, IPv6 by its /64, mapped IPv4 as IPv4.  -1: no address. */
int		 authparse_prefix(const char *text, char *out, size_t outsize);
/* The name of AUTH_*, which is a known one. */
const char	*authparse_mechanism(uint8_t);

#endif
