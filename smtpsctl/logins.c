/*
 * When passwords were used.  A running smtpsd tells page by page, in order of
 * logins.  State owned: what it told.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define PAGE	500	/* logins of one request */

static struct login_info *logins;
static size_t nlogins, room;
static int has_failed;

static void
on_login(const struct login_info *info)
{
	struct login_info *more;
	size_t n;

	if (nlogins == room) {
		n = room == 0 ? PAGE : room * 2;
		if ((more = reallocarray(logins, n, sizeof(*more))) == NULL) {
			has_failed = 1;
			return;
		}
		logins = more;
		room = n;
	}
	logins[nlogins++] = *info;
}

int
logins_load(const char *path)
{
	static const struct ctl_handlers handlers = { .login = on_login };
	const char *above = "";
	size_t before;

	if (ctl_connect(path) == -1)
		return -1;
	do {
		before = nlogins;
		if (nlogins > 0)
			above = logins[nlogins - 1].login;
		if (ctl_request_text(MSG_CTL_CONTROL_LOGINS, 0, PAGE, above,
		    &handlers) == -1 || has_failed)
			return -1;
		if (nlogins > before && before > 0 &&
		    strcmp(logins[nlogins - 1].login,
		    logins[before - 1].login) <= 0) {
			complain_text("the answer has no end");
			return -1;
		}
	} while (nlogins - before >= PAGE);
	return 0;
}

static int
compare(const void *login, const void *info)
{
	return strcmp(login, ((const struct login_info *)info)->login);
}

int64_t
logins_find(const char *login)
{
	const struct login_info *found;

	if (nlogins == 0)
		return 0;
	found = bsearch(login, logins, nlogins, sizeof(*logins), compare);
	return found == NULL ? 0 : (int64_t)found->used_s;
}
