/*
 * The path of a mailbox for one recipient.  Called by delivery.c.  Parts of
 * an address become names of files and directories here, so what could lead
 * elsewhere is refused.
 */
#include <ctype.h>
#include <string.h>

#include "mail/address.h"
#include "proto/sizes.h"

#include "expand.h"

/* A value from an address becomes one whole or part of a directory's name. */
static int
value_append(const char *value, char *out, size_t outsize)
{
	size_t i, used = strlen(out);

	if (value[0] == '\0' || value[0] == '.')
		return -1;
	for (i = 0; value[i] != '\0'; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return -1;
		if (used + 1 >= outsize)
			return -1;
		out[used++] = (char)(c < 0x80 ? tolower(c) : c);
	}
	out[used] = '\0';
	return 0;
}

static int
value_get(const char *key, size_t keysize, const char *recipient,
    const char *user, char *out, size_t outsize)
{
	const char *domain;

	if (keysize == 9 && memcmp(key, "dest.user", 9) == 0)
		return address_local(recipient, out, outsize) == -1 ?
		    EXPAND_BAD_ADDRESS : 0;
	if (keysize == 11 && memcmp(key, "dest.domain", 11) == 0) {
		domain = address_domain(recipient);
		return domain == NULL || strlcpy(out, domain, outsize) >=
		    outsize ? EXPAND_BAD_ADDRESS : 0;
	}
	if (keysize == 13 && memcmp(key, "user.username", 13) == 0)
		return strlcpy(out, user, outsize) >= outsize ?
		    EXPAND_BAD_ADDRESS : 0;
	return EXPAND_BAD_PATTERN;
}

int
expand_path(const char *pattern, const char *recipient, const char *user,
    char *out, size_t outsize)
{
	char value[MAILADDR_SIZE];
	const char *end, *p = pattern;
	size_t used;
	int error;

	out[0] = '\0';
	if (*p == '\0' || *p == '/')
		return EXPAND_BAD_PATTERN;
	while (*p != '\0') {
		if (p[0] == '%' && p[1] == '{') {
			if ((end = strchr(p, '}')) == NULL)
				return EXPAND_BAD_PATTERN;
			error = value_get(p + 2, (size_t)(end - p - 2),
			    recipient, user, value, sizeof(value));
			if (error != 0)
				return error;
			if (value_append(value, out, outsize) == -1)
				return EXPAND_BAD_ADDRESS;
			p = end + 1;
			continue;
		}
		used = strlen(out);
		if (used + 2 > outsize)
			return EXPAND_BAD_PATTERN;
		out[used] = *p++;
		out[used + 1] = '\0';
	}
	return 0;
}
