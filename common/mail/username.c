/*
 * What may stand in the users file as a name or scope.  Apart from the file
 * itself, because programs need it that must not know any hash.
 */
#include <string.h>

#include "mail/usersfile.h"

int
users_name_ok(const char *user)
{
	size_t i;

	if (user[0] == '\0' || user[0] == '#')
		return 0;
	for (i = 0; user[i] != '\0'; i++)
		if ((unsigned char)user[i] <= ' ' || user[i] == 0x7f ||
		    user[i] == ':')
			return 0;
	return i <= 255;
}

int
users_device_ok(const char *device)
{
	size_t n = strlen(device);

	return n > 0 && n < 64 && strspn(device, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

int
users_scope_ok(const char *scope)
{
	const char *s;

	for (s = scope; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == ':')
			return 0;
	return s > scope && s - scope < USERS_SCOPE_SIZE &&
	    scope[strspn(scope, ",")] != '\0';
}
