/*
 * The client's one message in OAUTHBEARER (RFC 7628 3.1) and XOAUTH2, as a
 * pure function.  For authtoken.c, the test and the fuzz target.
 */
#ifndef PARENT_OAUTH_H
#define PARENT_OAUTH_H

#include <stddef.h>

#include "proto/parent_auth.h"
#include "proto/sizes.h"

struct oauth {
	char	user[LOGIN_SIZE];	/* whom it says it is; "": nobody */
	char	token[TOKEN_MAX + 1];
	size_t	token_size;
};

/* NULL, or what is wrong with it: one word for the log.  Wipe out after use. */
const char	*oauth_parse_bearer(struct oauth *out, const char *in,
		    size_t insize);
const char	*oauth_parse_xoauth2(struct oauth *out, const char *in,
		    size_t insize);

#endif
