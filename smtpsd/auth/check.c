/*
 * What an auth worker mostly does: compare one password with one hash.
 * Called from the loop for each CHECK of the parent.  It works on a copy that
 * it wipes itself; the link wipes what it received.  It must not know whose
 * password it is, and logs nothing about it.
 */
#include "check.h"

#include <string.h>

#include "base/link.h"
#include "jws.h"
#include "mail/password.h"
#include "proto/parent_auth.h"

int
check_warm(void)
{
	/* Any valid hash: the cheapest bcrypt and a sha512-crypt. */
	(void)password_check("warm", "$2b$04$abcdefghijklmnopqrstuu"
	    "0123456789012345678901234567890");
	(void)password_check("warm", "$6$rounds=1000$saltsalt$"
	    "0123456789012345678901234567890123456789012");
	return jws_warm();
}

void
check_answer(struct parent_auth_check *check, struct auth_parent_result *result)
{
	memset(result, 0, sizeof(*result));
	result->request = check->request;
	result->matches = password_check(check->password, check->hash) == 1;
	explicit_bzero(check, sizeof(*check));
}

void
on_parent_check(struct link *l, struct link_in *in)
{
	struct auth_parent_result result;
	struct parent_auth_check check;

	memcpy(&check, in->data, sizeof(check));
	check_answer(&check, &result);
	link_send(l, MSG_AUTH_PARENT_RESULT, &result, sizeof(result));
	/* The parent waits for it, more checks may be waiting here. */
	link_flush(l);
}
