/*
 * Passwords against the users file, checked by the auth workers.
 *
 * Called by authenticate.c through attempt.h, and by authwork.c with results.
 * An unknown user, a name that cannot exist and a wrong password take the
 * same way: a hash of the same kind is computed for each.  State: the dummy
 * hash of the kind and cost of a users file.
 */
#include <stdlib.h>
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
	const char	*like;

	if ((like = users_common_hash(users)) == NULL)
		like = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuv"
		    "wxyzabcde";
	if (strcmp(like, dummy_like) != 0) {
		if (password_dummy(like, dummy, sizeof(dummy)) == -1)
			strlcpy(dummy, like, sizeof(dummy));
		strlcpy(dummy_like, like, sizeof(dummy_like));
	}
	return dummy;
}

void
authusers_identity(struct attempt *a, const struct user *user)
{
	if (users_owner(user, a->user, sizeof(a->user)) == -1) {
		a->flaw = "name-too-long";
		return;
	}
	if (user->device != NULL)
		strlcpy(a->device, user->device, sizeof(a->device));
	if (user->scope != NULL)
		strlcpy(a->scope, user->scope, sizeof(a->scope));
}

/* What a->data keeps of the hash: it outlives the hash in the attempt. */
static void
hash_mac(uint8_t mac[MEMO_MAC_SIZE], const char *login, const char *hash)
{
	memo_mac(mac, "hash", login, hash);
}

static int
is_current(struct attempt *a, const struct conf_listener *l)
{
	const struct user	*user;
	uint8_t			 mac[MEMO_MAC_SIZE];

	if (a->data == NULL || l->users == NULL || l->users->users == NULL ||
	    (user = users_find_live(l->users->users, a->login)) == NULL)
		return 0;
	hash_mac(mac, a->login, user->hash);
	return memcmp(mac, a->data, sizeof(mac)) == 0;
}

static void
prepare(struct attempt *a, const struct conf_listener *l)
{
	const struct users	*users = l->users->users;
	const struct user	*user = NULL;
	const char		*hash;

	if (a->flaw == NULL &&
	    (user = users_find_live(users, a->login)) == NULL)
		a->flaw = "unknown-user";
	if (a->password[0] == '\0')
		strlcpy(a->password, "-", sizeof(a->password));
	if (user != NULL)
		authusers_identity(a, user);
	hash = user != NULL ? user->hash : dummy_hash(users);
	strlcpy(a->hash, hash, sizeof(a->hash));
	memo_mac(a->mac, a->login, a->hash, a->password);
	if ((a->data = malloc(MEMO_MAC_SIZE)) == NULL)
		return;
	a->data_size = MEMO_MAC_SIZE;
	hash_mac(a->data, a->login, a->hash);
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
		.name = "users", .remembers = 1, .is_password = 1,
		.prepare = prepare, .is_current = is_current, .start = start
	};

	return &backend;
}
