/*
 * Passwords against the users file, checked by the auth workers.
 *
 * Called by authenticate.c through attempt.h, and by authwork.c with results.
 * An unknown user, a name that cannot exist and a wrong password take the
 * same way: a hash of the same kind is computed for each.  State: the dummy
 * hash of the kind and cost of a users file.
 */
#include <string.h>

#include "attempt.h"
#include "authusers.h"
#include "authwork.h"
#include "conf.h"
#include "mail/password.h"
#include "mail/usersfile.h"

static char	dummy_like[HASH_SIZE], dummy[HASH_SIZE];

void
authusers_on_users(void)
{
	explicit_bzero(dummy_like, sizeof(dummy_like));
}

/* A hash that costs what most users' cost and that nothing matches. */
static const char *
dummy_hash(const struct users *users)
{
	const char	*like = NULL;

	if (users_count(users) > 0)
		like = users_hash(users, users_name(users, 0));
	if (like == NULL)
		like = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuv"
		    "wxyzabcde";
	if (strcmp(like, dummy_like) != 0) {
		if (password_dummy(like, dummy, sizeof(dummy)) == -1)
			strlcpy(dummy, like, sizeof(dummy));
		strlcpy(dummy_like, like, sizeof(dummy_like));
	}
	return dummy;
}

static void
prepare(struct attempt *a, const struct conf_listener *l)
{
	const struct users	*users = l->users->users;
	const char		*hash = NULL;

	if (a->flaw == NULL && (hash = users_hash(users, a->login)) == NULL)
		a->flaw = "unknown-user";
	if (a->password[0] == '\0')
		strlcpy(a->password, "-", sizeof(a->password));
	if (hash == NULL)
		hash = dummy_hash(users);
	strlcpy(a->hash, hash, sizeof(a->hash));
	strlcpy(a->user, a->login, sizeof(a->user));
	memo_mac(a->mac, a->login, a->hash, a->password);
}

static int
start(struct attempt *a)
{
	return authwork_submit(a->request, a->hash, a->password);
}

void
authusers_on_result(uint64_t request, int matches)
{
	authenticate_verdict(request, matches == -1 ? VERDICT_UNKNOWN :
	    matches ? VERDICT_GOOD : VERDICT_BAD, "password");
}

const struct auth_backend *
authusers_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "users", .remembers = 1, .prepare = prepare,
		.start = start
	};

	return &backend;
}
