/*
 * What net says of an AUTH, as pure functions: the PLAIN message, and the
 * part of an address that back-off counts by.  Called by authenticate.c.
 */
#include <arpa/inet.h>

#include <string.h>

#include "attempt.h"
#include "authparse.h"
#include "mail/usersfile.h"

/* authzid NUL authcid NUL password (RFC 4616).  NULL: well formed. */
const char *
authparse_plain(struct attempt *a, const char *tail, size_t size)
{
	const char	*authcid, *password;
	size_t		 n;

	if ((authcid = memchr(tail, '\0', size)) == NULL)
		return "malformed";
	authcid++;
	n = size - (authcid - tail);
	if ((password = memchr(authcid, '\0', n)) == NULL)
		return "malformed";
	password++;
	n = size - (password - tail);
	if (strlcpy(a->login, authcid, sizeof(a->login)) >= sizeof(a->login))
		return "name-too-long";
	if (!users_name_ok(a->login))
		return "name-not-possible";
	if (n == 0 || n >= sizeof(a->password) ||
	    memchr(password, '\0', n) != NULL)
		return "password-not-possible";
	memcpy(a->password, password, n);
	a->password[n] = '\0';
	if (tail[0] != '\0' && strcmp(tail, a->login) != 0)
		return "acting-for-another-user";
	return NULL;
}

/* IPv4 whole, IPv6 by its /64, mapped IPv4 as IPv4.  -1: no address. */
int
authparse_prefix(const char *text, char *out, size_t outsize)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	char			 plain[IPADDR_SIZE];
	uint8_t			 a[16];

	strlcpy(plain, text, sizeof(plain));
	plain[strcspn(plain, "%")] = '\0';
	if (inet_pton(AF_INET, plain, a) == 1)
		return strlcpy(out, plain, outsize) >= outsize ? -1 : 0;
	if (inet_pton(AF_INET6, plain, a) != 1)
		return -1;
	if (memcmp(a, mapped, sizeof(mapped)) == 0)
		return inet_ntop(AF_INET, a + 12, out, outsize) == NULL ? -1 : 0;
	memset(a + 8, 0, 8);
	return inet_ntop(AF_INET6, a, out, outsize) == NULL ? -1 : 0;
}

const char *
authparse_mechanism(uint8_t mechanism)
{
	static const char *const	 names[] = {
		[AUTH_PLAIN] = "PLAIN", [AUTH_LOGIN] = "LOGIN",
		[AUTH_SCRAM] = "SCRAM-SHA-256",
		[AUTH_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
		[AUTH_EXTERNAL] = "EXTERNAL",
		[AUTH_OAUTHBEARER] = "OAUTHBEARER",
		[AUTH_XOAUTH2] = "XOAUTH2"
	};

	return names[mechanism];
}
