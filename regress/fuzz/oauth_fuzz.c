/*
 * OAUTHBEARER and XOAUTH2: whatever the client sends, what is taken is a name
 * that can be and a token of the letters that tokens have.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/usersfile.h"
#include "oauth.h"

static void
check(const struct oauth *o, const char *why)
{
	MUST(strlen(o->user) < sizeof(o->user));
	MUST(o->user[0] == '\0' || users_name_ok(o->user));
	MUST(o->token_size <= TOKEN_MAX);
	MUST(strlen(o->token) == o->token_size);
	MUST(why != NULL || o->token_size > 0);
	MUST(strpbrk(o->token, " \t\r\n\001") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oauth o;

	check(&o, oauth_parse_bearer(&o, (const char *)data, size));
	check(&o, oauth_parse_xoauth2(&o, (const char *)data, size));
	return 0;
}
