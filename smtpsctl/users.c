/*
 * The user commands.  They read and write the users file themselves, as
 * root, through mail/usersfile.h; telling the daemon is main.c's work.  A
 * password comes from the terminal, asked for twice, or as one line of
 * standard input; it is never an argument, where ps(1) would show it.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __OpenBSD__
#include <readpassphrase.h>
#else
#include <bsd/readpassphrase.h>
#endif

#include "mail/password.h"
#include "mail/usersfile.h"
#include "proto/parent_auth.h"

#include "ctl.h"
#include "json.h"

#define ERROR_SIZE	512

static void
complain(const char *text)
{
	fprintf(stderr, "smtpsctl: %s\n", text);
}

/* One line of standard input without its end. */
static int
password_from_stdin(char *out, size_t outsize)
{
	size_t used = 0;
	ssize_t n;
	char c;

	while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
		if (c == '\0' || used + 1 >= outsize) {
			complain("password is too long or has a NUL");
			return -1;
		}
		out[used++] = c;
	}
	if (n == -1) {
		complain(strerror(errno));
		return -1;
	}
	out[used] = '\0';
	return 0;
}

static int
password_from_terminal(char *out, size_t outsize, int twice)
{
	char again[PASSWORD_SIZE];
	int error = -1;

	if (readpassphrase("Password: ", out, outsize, RPP_REQUIRE_TTY) ==
	    NULL) {
		complain("cannot read a password from the terminal");
		return -1;
	}
	if (!twice)
		return 0;
	if (readpassphrase("Password again: ", again, sizeof(again),
	    RPP_REQUIRE_TTY) == NULL)
		complain("cannot read a password from the terminal");
	else if (strcmp(out, again) != 0)
		complain("the passwords differ");
	else
		error = 0;
	explicit_bzero(again, sizeof(again));
	return error;
}

static int
password_get(char *out, size_t outsize, int twice)
{
	int error;

	error = isatty(STDIN_FILENO) ?
	    password_from_terminal(out, outsize, twice) :
	    password_from_stdin(out, outsize);
	if (error == 0 && out[0] == '\0') {
		complain("empty password");
		error = -1;
	}
	return error;
}

static int
name_check(const char *user)
{
	if (users_name_ok(user))
		return 0;
	complain("bad user name: 1 to 255 bytes without controls, spaces and "
	    "colons, not starting with '#'");
	return -1;
}

/* The first user makes the file. */
static int
file_make(const char *file)
{
	int fd;

	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1) {
		if (errno == EEXIST)
			return 0;
		fprintf(stderr, "smtpsctl: %s: %s\n", file, strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

int
users_add(const char *file, const char *user, int must_exist)
{
	char password[PASSWORD_SIZE], hash[HASH_SIZE], err[ERROR_SIZE];
	struct users *users;
	int exists, error = -1;

	if (name_check(user) == -1 || (!must_exist && file_make(file) == -1))
		return 1;
	/* Say no before asking for a password. */
	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	exists = users_hash(users, user) != NULL;
	users_free(users);
	if (exists != must_exist) {
		complain(exists ? "this user exists already" : "no such user");
		return 1;
	}
	if (password_get(password, sizeof(password), 1) == -1)
		goto out;
	if (password_hash(password, hash, sizeof(hash)) == -1) {
		complain("cannot make a hash of this password");
		goto out;
	}
	error = users_change(file, user, hash, must_exist, err, sizeof(err));
	if (error == -1)
		complain(err);
 out:
	explicit_bzero(password, sizeof(password));
	explicit_bzero(hash, sizeof(hash));
	return error == -1;
}

int
users_delete(const char *file, const char *user)
{
	char err[ERROR_SIZE];

	if (name_check(user) == -1)
		return 1;
	if (users_change(file, user, NULL, 1, err, sizeof(err)) == -1) {
		complain(err);
		return 1;
	}
	return 0;
}

int
users_check(const char *file, const char *user)
{
	char password[PASSWORD_SIZE], err[ERROR_SIZE];
	const char *hash;
	struct users *users;
	int status = 1;

	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	if ((hash = users_hash(users, user)) == NULL)
		fprintf(stderr, "smtpsctl: no user \"%s\" in %s\n", user,
		    file);
	else if (!users_hash_ok(hash))
		complain("this system cannot check the hash of this user: set "
		    "the password again");
	else if (password_get(password, sizeof(password), 0) == 0) {
		if (password_check(password, hash)) {
			printf("ok: the password of \"%s\" is right\n", user);
			status = 0;
		} else
			complain("the password is wrong");
	}
	explicit_bzero(password, sizeof(password));
	users_free(users);
	return status;
}

static const char *
hash_kind(const char *hash)
{
	if (strncmp(hash, "$2", 2) == 0)
		return "bcrypt";
	if (strncmp(hash, "$y$", 3) == 0)
		return "yescrypt";
	if (strncmp(hash, "$6$", 3) == 0)
		return "sha512-crypt";
	return "unknown";
}

int
users_show(const char *file, int json)
{
	char err[ERROR_SIZE];
	struct users *users;
	const char *name, *kind;
	size_t i;

	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	if (json)
		json_begin();
	else
		printf("%-40s %s\n", "USER", "HASH");
	for (i = 0; i < users_count(users); i++) {
		name = users_name(users, i);
		kind = hash_kind(users_hash(users, name));
		if (json) {
			json_object();
			json_string("user", name);
			json_string("hash", kind);
			json_object_end();
		} else
			printf("%-40s %s\n", name, kind);
	}
	if (json)
		json_end();
	users_free(users);
	return 0;
}
