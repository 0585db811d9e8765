/*
 * What pam.c and bsdauth.c have in common: who is refused whatever the
 * password is.  Runs in the short-lived process, because the look-up of a
 * user may go over the network and hang.
 */
#include <sys/types.h>

#include <string.h>

#include "base/accounts.h"
#include "mail/usersfile.h"
#include "system.h"

void
system_answer(struct system_answer *answer, enum backend_verdict verdict,
    const char *reason)
{
	answer->verdict = verdict;
	strlcpy(answer->reason, reason, sizeof(answer->reason));
}

/*
 * A mail password travels through more hands than root's should.  An unknown
 * name goes on: the system takes its time for it as for a known one.
 */
int
system_user_ok(const char *user, struct system_answer *answer)
{
	const struct passwd	*pw;

	if (!users_name_ok(user)) {
		system_answer(answer, BACKEND_BAD, "name-not-possible");
		return 0;
	}
	switch (accounts_user(user, &pw)) {
	case ACCOUNTS_UNSURE:
		/* It may be root; and what would call it unknown is wrong. */
		system_answer(answer, BACKEND_LATER, "accounts-unavailable");
		return 0;
	case ACCOUNTS_NONE:
		return 1;
	default:
		break;
	}
	if (pw->pw_uid != 0)
		return 1;
	system_answer(answer, BACKEND_BAD, "root");
	return 0;
}
