/*
 * Variables in the path of a mailbox.  For deliver only.
 */
#ifndef DELIVER_EXPAND_H
#define DELIVER_EXPAND_H

#include <stddef.h>

/*
 * Expand %{dest.user}, %{dest.domain} and %{user.username}, lower-case.
 * EXPAND_BAD_ADDRESS: the value cannot be the name of a file;
 * EXPAND_BAD_PATTERN: the configuration is wrong.
 */
#define EXPAND_BAD_ADDRESS	(-1)
#define EXPAND_BAD_PATTERN	(-2)
int	expand_path(const char *pattern, const char *recipient,
	    const char *user, char *out, size_t outsize);

#endif
