/*
 * Passwords of a user's devices.  A device logs in as USER/DEVICE, is USER
 * for all rules, and may have a scope: the only addresses that it may send
 * as.  Without a password on standard input one is made and printed once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/usersfile.h"
#include "proto/parent_auth.h"

#include "ctl.h"
#include "json.h"

#define RANDOM_GROUPS	5
#define ERROR_SIZE	512

/* 5 groups of 4 out of 32 letters: 100 bits that can be typed. */
static void
make_password(char *out)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	int i;

	for (i = 0; i < RANDOM_GROUPS * 4; i++) {
		if (i > 0 && i % 4 == 0)
			*out++ = '-';
		*out++ = letters[arc4random_uniform(32)];
	}
	*out = '\0';
}

static int
make_login(const char *user, const char *device, char *out, size_t outsize)
{
	if (!users_name_ok(user)) {
		fprintf(stderr, "smtpsctl: bad user name\n");
		return -1;
	}
	if (!users_device_ok(device)) {
		fprintf(stderr, "smtpsctl: a device has a name of letters, "
		    "digits and ._-, at most 63\n");
		return -1;
	}
	if ((size_t)snprintf(out, outsize, "%s/%s", user, device) >= outsize) {
		fprintf(stderr, "smtpsctl: the names are too long together\n");
		return -1;
	}
	return 0;
}

static int
join_scope(char **scope, int n, char *out, size_t outsize)
{
	int i;

	out[0] = '\0';
	for (i = 0; i < n; i++) {
		if (i > 0)
			strlcat(out, ",", outsize);
		if (strlcat(out, scope[i], outsize) >= outsize ||
		    !users_scope_ok(scope[i])) {
			fprintf(stderr, "smtpsctl: %s: not an address, or too "
			    "many of them\n", scope[i]);
			return -1;
		}
	}
	return 0;
}

/* Say no before asking for a password. */
static int
check_absent(const char *file, const char *user, const char *login)
{
	char err[ERROR_SIZE];
	struct users *users;
	const char *why = NULL;

	if ((users = users_load(file, err, sizeof(err))) == NULL)
		why = err;
	else if (users_find(users, user) == NULL)
		why = "no such user";
	else if (users_find(users, login) != NULL)
		why = "this device exists already";
	if (why != NULL)
		fprintf(stderr, "smtpsctl: %s\n", why);
	users_free(users);
	return why == NULL ? 0 : -1;
}

/* From standard input if there is anything, else a new one. */
static int
get_password(char *out, size_t outsize, int *is_new)
{
	out[0] = '\0';
	*is_new = 0;
	if (!isatty(STDIN_FILENO) && users_password_stdin(out, outsize) == -1)
		return -1;
	if (out[0] == '\0') {
		make_password(out);
		*is_new = 1;
	}
	return 0;
}

static void
print_new(const char *login, const char *password, int json)
{
	if (!json) {
		printf("login %s\npassword %s\n", login, password);
		return;
	}
	json_begin();
	json_object();
	json_string("login", login);
	json_string("password", password);
	json_object_end();
	json_end();
}

int
devices_add(const char *file, const char *user, const char *device,
    char **scope, int nscope, int json)
{
	char login[USERS_LOGIN_SIZE], list[USERS_SCOPE_SIZE];
	char password[PASSWORD_SIZE], line[USERS_LINE_SIZE], err[ERROR_SIZE];
	char fields[USERS_SCOPE_SIZE + 64];
	int is_new, error = -1;

	if (make_login(user, device, login, sizeof(login)) == -1 ||
	    join_scope(scope, nscope, list, sizeof(list)) == -1 ||
	    check_absent(file, user, login) == -1)
		return 1;
	if (get_password(password, sizeof(password), &is_new) == -1 ||
	    users_line(password, line, sizeof(line)) == -1)
		goto out;
	snprintf(fields, sizeof(fields), ":device=%lld%s%s",
	    (long long)time(NULL), nscope > 0 ? ":scope=" : "", list);
	strlcat(line, fields, sizeof(line));
	error = users_change(file, login, line, 0, err, sizeof(err));
	if (error == -1)
		fprintf(stderr, "smtpsctl: %s\n", err);
	else if (is_new)
		print_new(login, password, json);
 out:
	explicit_bzero(password, sizeof(password));
	explicit_bzero(line, sizeof(line));
	return error == -1;
}

int
devices_delete(const char *file, const char *user, const char *device)
{
	char login[USERS_LOGIN_SIZE];

	if (make_login(user, device, login, sizeof(login)) == -1)
		return 1;
	return users_delete(file, login);
}
