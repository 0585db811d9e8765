/*
 * Answers policy's question whether a local part is a user, and deliver.c's
 * for its owner.  Names come from outside (a recipient's local part), so
 * nothing that is not plainly a user name reaches getpwnam(3).
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/link.h"
#include "mailroot.h"
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

/* The users that smtpsd's own processes run as: whoever could have a process
 * as one of them could reach into those. */
static int
is_ours(uid_t uid)
{
	static const char *const names[] = { "_smtpsd", "_smtpsp", "_smtpsq" };
	static uid_t		 ours[3];
	static size_t		 n;
	struct passwd		*pw;
	size_t			 i;

	for (; n < 3; n++) {
		if ((pw = getpwnam(names[n])) == NULL)
			break;
		ours[n] = pw->pw_uid;
	}
	for (i = 0; i < n; i++)
		if (ours[i] == uid)
			return 1;
	return 0;
}

int
userdb_find(const char *name, struct account *a)
{
	struct passwd	*pw;

	if (!is_name(name) || (pw = getpwnam(name)) == NULL)
		return -1;
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	if (strlcpy(a->home, pw->pw_dir, sizeof(a->home)) >= sizeof(a->home))
		return -1;
	return a->uid == 0 || a->gid == 0 || is_ours(a->uid) ? -1 : 0;
}

uint16_t
userdb_groups(const char *name, gid_t gid, uint32_t *groups, size_t max)
{
	gid_t		 all[128];
	int		 i, nall = (int)(sizeof(all) / sizeof(all[0]));
	uint16_t	 n = 0;

	if (getgrouplist(name, gid, all, &nall) == -1)
		nall = (int)(sizeof(all) / sizeof(all[0]));
	for (i = 0; i < nall && n < max; i++)
		if (all[i] != 0 && all[i] != gid)
			groups[n++] = all[i];
	return n;
}

void
on_policy_user(struct link *link, struct link_in *in)
{
	const struct policy_parent_user	*m = in->data;
	struct parent_policy_user_done	 done = { 0 };
	struct account			 a;

	strlcpy(done.name, m->name, sizeof(done.name));
	if (userdb_find(m->name, &a) == 0)
		done.is = mailroot_is_home(a.home) ? POLICY_USER_HOME :
		    POLICY_USER_HOMELESS;
	(void)link_send(link, MSG_PARENT_POLICY_USER_DONE, &done, sizeof(done));
}
