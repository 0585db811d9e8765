/*
 * Answers policy's question whether a local part has a mailbox, and deliver.c's
 * for its owner.  Names come from outside (a recipient's local part), so
 * nothing that is not plainly a user name reaches getpwnam(3).
 */
#include <pwd.h>
#include <string.h>

#include "base/link.h"
#include "proto/parent_policy.h"
#include "userdb.h"

static int
is_name(const char *s)
{
	size_t	 n = strlen(s);

	if (n == 0 || n > 32 || s[0] == '-' || s[0] == '.')
		return 0;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") == n;
}

int
userdb_find(const char *name, struct account *a)
{
	struct passwd	*pw;

	if (!is_name(name) || (pw = getpwnam(name)) == NULL ||
	    pw->pw_uid == 0 || pw->pw_gid == 0)
		return -1;
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	if (strlcpy(a->home, pw->pw_dir, sizeof(a->home)) >= sizeof(a->home))
		return -1;
	return 0;
}

void
on_policy_user(struct link *link, struct link_in *in)
{
	const struct policy_parent_user	*m = in->data;
	struct parent_policy_user_done	 done = { 0 };
	struct account			 a;

	strlcpy(done.name, m->name, sizeof(done.name));
	done.exists = userdb_find(m->name, &a) == 0;
	(void)link_send(link, MSG_PARENT_POLICY_USER_DONE, &done, sizeof(done));
}
