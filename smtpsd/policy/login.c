/*
 * Finds a user in a table of logins, for rules and the sender map.  No state.
 */
#include <string.h>

#include "mail/domain.h"
#include "mail/table.h"
#include "proto/sizes.h"
#include "login.h"

int
login_find(const struct table *t, const char *user, const char **value)
{
	char		 room[MAILADDR_SIZE];
	const char	*form;

	if ((*value = table_get(t, user)) != NULL)
		return 1;
	/* Without a domain it is only a word. */
	if (strchr(user, '@') == NULL)
		return 0;
	if ((form = domain_try_canonical(user, room, sizeof(room))) == NULL)
		return -1;
	*value = form != user ? table_get(t, form) : NULL;
	return *value != NULL;
}
