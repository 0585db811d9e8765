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
#include <time.h>
#include <unistd.h>
#ifdef __OpenBSD__
#include <readpassphrase.h>
#else
#include <bsd/readpassphrase.h>
#endif

#include "mail/password.h"
#include "mail/usersfile.h"
#include "mail/verifier.h"
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
int
users_password_stdin(char *out, size_t outsize)
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
	    users_password_stdin(out, outsize);
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
users_line(const char *password, char *out, size_t outsize)
{
	char hash[HASH_SIZE], verifier[VERIFIER_SIZE];
	int error = -1;

	if (password_hash(password, hash, sizeof(hash)) == -1 ||
	    verifier_make(password, verifier, sizeof(verifier)) == -1)
		complain("cannot make a hash of this password");
	else if ((size_t)snprintf(out, outsize, "%s:%s", hash, verifier) <
	    outsize)
		error = 0;
	explicit_bzero(hash, sizeof(hash));
	explicit_bzero(verifier, sizeof(verifier));
	return error;
}

/* What a device's line has besides its password stays. */
static void
keep_fields(const struct user *user, char *out, size_t outsize)
{
	out[0] = '\0';
	if (user != NULL && user->device != NULL)
		snprintf(out, outsize, ":device=%lld%s%s",
		    (long long)user->created, user->scope != NULL ?
		    ":scope=" : "", user->scope != NULL ? user->scope : "");
}

int
users_add(const char *file, const char *login, int must_exist)
{
	char password[PASSWORD_SIZE], line[USERS_LINE_SIZE], err[ERROR_SIZE];
	char fields[USERS_SCOPE_SIZE + 64];
	const struct user *user;
	struct users *users;
	int exists, error = -1;

	if (name_check(login) == -1 || (!must_exist && file_make(file) == -1))
		return 1;
	if (!must_exist && strchr(login, '/') != NULL) {
		complain("a '/' stands between a user and a device: see "
		    "user device add");
		return 1;
	}
	/* Say no before asking for a password. */
	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	user = users_find(users, login);
	exists = user != NULL;
	keep_fields(user, fields, sizeof(fields));
	users_free(users);
	if (exists != must_exist) {
		complain(exists ? "this user exists already" : "no such user");
		return 1;
	}
	if (password_get(password, sizeof(password), 1) == -1 ||
	    users_line(password, line, sizeof(line)) == -1)
		goto out;
	strlcat(line, fields, sizeof(line));
	error = users_change(file, login, line, must_exist, err, sizeof(err));
	if (error == -1)
		complain(err);
 out:
	explicit_bzero(password, sizeof(password));
	explicit_bzero(line, sizeof(line));
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
users_check(const char *file, const char *user, int json)
{
	char password[PASSWORD_SIZE], err[ERROR_SIZE];
	const struct user *found;
	struct users *users;
	int status = 1;

	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	if ((found = users_find_live(users, user)) == NULL)
		fprintf(stderr, "smtpsctl: no user \"%s\" in %s\n", user,
		    file);
	else if (!users_hash_ok(found->hash))
		complain("this system cannot check the hash of this user: set "
		    "the password again");
	else if (password_get(password, sizeof(password), 0) == 0) {
		if (password_check(password, found->hash)) {
			if (json)
				json_text("user", user);
			else
				printf("ok: the password of \"%s\" is "
				    "right\n", user);
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

static void
show_time(int64_t seconds, const char *otherwise)
{
	char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;

	strlcpy(text, otherwise, sizeof(text));
	if (seconds > 0 && localtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	printf(" %-10s", text);
}

/* What was used before this device was made was another of that name. */
static int64_t
last_use(const struct user *user)
{
	int64_t used = logins_find(user->login);

	return used < user->created ? 0 : used;
}

static void
show_one(const struct user *user, int as_json, int has_logins)
{
	const char *scope = user->scope != NULL ? user->scope : "";

	if (!as_json) {
		printf("%-40s %-12s %-5s", user->login, hash_kind(user->hash),
		    user->verifier != NULL ? "yes" : "no");
		show_time(user->created, "-");
		show_time(has_logins ? last_use(user) : 0,
		    has_logins ? "never" : "-");
		printf("%s%s\n", *scope != '\0' ? " " : "", scope);
		return;
	}
	json_object();
	json_string("user", user->login);
	json_string("hash", hash_kind(user->hash));
	json_string("scram", user->verifier != NULL ? "yes" : "no");
	if (has_logins)
		json_number("used", (unsigned long long)last_use(user));
	if (user->device != NULL) {
		json_string("device", user->device);
		json_number("created", (unsigned long long)user->created);
		json_string("scope", scope);
	}
	json_object_end();
}

int
users_show(const char *file, const char *owner, int as_json, int has_logins)
{
	char err[ERROR_SIZE], of[USERS_LOGIN_SIZE];
	const struct user *user;
	struct users *users;
	size_t i;

	if ((users = users_load(file, err, sizeof(err))) == NULL) {
		complain(err);
		return 1;
	}
	if (owner != NULL && users_find(users, owner) == NULL) {
		complain("no such user");
		users_free(users);
		return 1;
	}
	if (as_json)
		json_begin();
	else
		printf("%-40s %-12s %-5s %-10s %-10s SCOPE\n", "USER",
		    "HASH", "SCRAM", "CREATED", "USED");
	for (i = 0; i < users_count(users); i++) {
		user = users_at(users, i);
		if (owner != NULL && (user->device == NULL ||
		    users_owner(user, of, sizeof(of)) == -1 ||
		    strcmp(of, owner) != 0))
			continue;
		show_one(user, as_json, has_logins);
	}
	if (as_json)
		json_end();
	users_free(users);
	return 0;
}
