/*
 * The users file: what is taken is sorted, can be found, has a name, a hash
 * and fields in order; what is refused is refused with a line.  And one SCRAM
 * verifier by itself.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "mail/usersfile.h"
#include "mail/verifier.h"

static char path[64];

static void
unlink_file(void)
{
	unlink(path);
}

static int
write_file(const uint8_t *data, size_t size)
{
	int fd;

	if (path[0] == '\0') {
		snprintf(path, sizeof(path), "/tmp/users_fuzz.%ld",
		    (long)getpid());
		atexit(unlink_file);
	}
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		return -1;
	if (write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	return 0;
}

static void
check_user(const struct users *users, size_t i)
{
	const struct user *u = users_at(users, i);
	char owner[USERS_LOGIN_SIZE];
	struct verifier v;

	MUST(u != NULL && users_find(users, u->login) == u);
	MUST(users_hash_ok(u->hash) && strchr(u->hash, ':') == NULL);
	MUST(i == 0 || strcmp(users_at(users, i - 1)->login, u->login) < 0);
	MUST(u->verifier == NULL || verifier_parse(u->verifier, &v) == 0);
	MUST(users_owner(u, owner, sizeof(owner)) == 0);
	MUST(users_name_ok(owner));
	if (u->device != NULL)
		MUST(users_device_ok(u->device));
	else
		MUST(strcmp(owner, u->login) == 0);
	MUST(u->scope == NULL || users_scope_ok(u->scope));
	(void)users_find_live(users, u->login);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[512] = "", *text;
	struct users *users;
	struct verifier v;
	size_t i;

	if (write_file(data, size) == -1)
		return 0;
	if ((users = users_load(path, err, sizeof(err))) == NULL)
		MUST(err[0] != '\0');
	for (i = 0; users != NULL && i < users_count(users); i++)
		check_user(users, i);
	if (users != NULL) {
		(void)users_common_hash(users);
		(void)users_with_verifier(users);
		(void)users_all_have_verifiers(users);
		(void)users_key(users);
		MUST(users_at(users, users_count(users)) == NULL);
	}
	users_free(users);
	if ((text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (verifier_parse(text, &v) == 0)
		MUST(v.salt_size > 0 && v.salt_size <= VERIFIER_SALT &&
		    v.iterations > 0 && v.iterations <= VERIFIER_ROUNDS_MAX);
	free(text);
	return 0;
}
