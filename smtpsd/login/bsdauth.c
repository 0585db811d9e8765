/*
 * The system's passwords by BSD Authentication, type "auth-smtpsd".
 *
 * Runs in the short-lived process of one check; auth_userokay(3) starts a
 * login script of the user's class and applies auth_approval(3)'s view of
 * the account by itself only where the script does: the expiry of account
 * and password is looked at here.
 */
#include <sys/types.h>

#include <bsd_auth.h>
#include <login_cap.h>
#include <string.h>
#include <time.h>

#include "base/accounts.h"
#include "system.h"

static char	auth_type[] = "auth-smtpsd";

static void
approve(const char *user, struct system_answer *answer)
{
	enum accounts_answer	 found;
	const struct passwd	*pw;
	time_t			 now = time(NULL);

	if ((found = accounts_user(user, &pw)) == ACCOUNTS_UNSURE)
		system_answer(answer, BACKEND_LATER, "accounts-unavailable");
	else if (found == ACCOUNTS_NONE)
		system_answer(answer, BACKEND_BAD, "unknown-user");
	else if (pw->pw_expire != 0 && pw->pw_expire <= now)
		system_answer(answer, BACKEND_BAD, "account-expired");
	else if (pw->pw_change != 0 && pw->pw_change <= now)
		system_answer(answer, BACKEND_BAD, "password-expired");
	else {
		strlcpy(answer->user, pw->pw_name, sizeof(answer->user));
		system_answer(answer, BACKEND_OK, "");
	}
}

void
system_check(struct parent_backend_check *check, struct system_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	/* "user:style" would let the client choose the way of checking. */
	if (!system_user_ok(check->user, answer))
		;
	else if (auth_userokay(check->user, NULL, auth_type,
	    check->password) == 0)
		system_answer(answer, BACKEND_BAD, "password");
	else
		approve(check->user, answer);
	explicit_bzero(check, sizeof(*check));
}
