/* Unit test of usersfile.c.  Needs root, because the file must be root's. */
#include "mail/usersfile.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"

#define H1 "$2b$04$abcdefghijklmnopqrstuu0123456789012345678901234567890"
#define KEY "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define V ":scram-sha-256$4096$QUFBQUFBQUFBQUFBQUFBQQ==$" KEY "$" KEY
#define H2 "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"

static char dir[] = "/tmp/usersfile_test.XXXXXX";
static char path[64];

static const struct {
	const char	*name;
	const char	*text;
	const char	*err;		/* part of the complaint; NULL: fine */
	size_t		 count;
} forms[] = {
	{ "empty", "", NULL, 0 },
	{ "one", "alice:" H1 "\n", NULL, 1 },
	{ "no newline at the end", "alice:" H1, NULL, 1 },
	{ "comments", "# x\n\nalice:" H1 "\n  \n", NULL, 1 },
	{ "not sorted", "b:" H1 "\na:" H2 "\n", NULL, 2 },
	{ "address as name", "alice@example.org:" H1 "\n", NULL, 1 },
	{ "twice", "a:" H1 "\nb:" H1 "\na:" H2 "\n", ":3: this user", 0 },
	{ "no colon", "a:" H1 "\nalice\n", ":2: no colon", 0 },
	{ "no name", ":" H1 "\n", ":1: not a valid user", 0 },
	{ "space in name", "a b:" H1 "\n", ":1: not a valid user", 0 },
	{ "plain password", "\nalice:secret\n", ":2: not a hash", 0 },
	{ "no password", "alice:\n", ":1: not a hash", 0 },
	{ "CR", "alice:" H1 "\r\n", ":1: not a hash", 0 },
	{ "verifier", "a:" H1 V "\n", NULL, 1 },
	{ "two verifiers", "a:" H1 V V "\n", ":1: not a SCRAM verifier", 0 },
	{ "bad verifier", "a:" H1 ":scram-sha-256$1$x\n",
	    ":1: not a SCRAM verifier", 0 },
	{ "device", "a:" H1 "\na/b:" H2 ":device=17\n", NULL, 2 },
	{ "device with all", "a/b:" H2 V ":device=17:scope=a@x.example,"
	    "x.example\n", NULL, 1 },
	{ "device without a user", "ab:" H1 ":device=17\n",
	    ":1: a device is written", 0 },
	{ "device without a name", "a/:" H1 ":device=17\n",
	    ":1: a device is written", 0 },
	{ "device of a device", "a/b/c:" H1 ":device=17\n",
	    ":1: a device is written", 0 },
	{ "bad time", "a/b:" H1 ":device=-1\n", ":1: a device is written", 0 },
	{ "no time", "a/b:" H1 ":device=\n", ":1: a device is written", 0 },
	{ "scope of a user", "a:" H1 ":scope=a@x.example\n",
	    ":1: only a device", 0 },
	{ "empty scope", "a/b:" H1 ":device=1:scope=\n",
	    ":1: not a list of addresses", 0 },
	{ "space in scope", "a/b:" H1 ":device=1:scope=a b\n",
	    ":1: not a list of addresses", 0 },
	{ "unknown field", "a:" H1 ":x=1\n", ":1: unknown field", 0 },
	{ "empty field", "a:" H1 ":\n", ":1: unknown field", 0 },
	{ "cost too low", "alice:$2b$03$abcdefghijklmnopqrstuu"
	    "0123456789012345678901234567890\n", ":1: not a hash", 0 },
};

static void
put(const char *text, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, n) != (ssize_t)n ||
	    fchmod(fd, mode) == -1)
		printf("# cannot write %s\n", path);
	if (fd != -1)
		close(fd);
}

static int
file_is(const char *want)
{
	char got[1024];
	FILE *f = fopen(path, "r");
	struct stat st;
	size_t n;

	if (f == NULL)
		return 0;
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	return strcmp(got, want) == 0 && stat(path, &st) == 0 &&
	    (st.st_mode & 07777) == 0600;
}

static void
test_load(void)
{
	struct users *u;
	char err[256];
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		put(forms[i].text, strlen(forms[i].text), 0600);
		err[0] = '\0';
		u = users_load(path, err, sizeof(err));
		if (forms[i].err != NULL)
			tap_ok(u == NULL && strstr(err, forms[i].err) != NULL &&
			    strncmp(err, path, strlen(path)) == 0,
			    "load: %s", forms[i].name);
		else
			tap_ok(u != NULL && users_count(u) == forms[i].count,
			    "load: %s %s", forms[i].name, err);
		users_free(u);
	}
	put("b:" H1 "\na:" H2 "\n", strlen("b:" H1 "\na:" H2 "\n"), 0600);
	u = users_load(path, err, sizeof(err));
	tap_ok(u != NULL && strcmp(users_at(u, 0)->login, "a") == 0 &&
	    strcmp(users_at(u, 1)->login, "b") == 0 && users_at(u, 2) == NULL,
	    "names are sorted");
	tap_ok(u != NULL && strcmp(users_find(u, "a")->hash, H2) == 0 &&
	    users_find(u, "A") == NULL && users_find(u, "") == NULL &&
	    users_find(u, "c") == NULL, "look up");
	users_free(u);
	put("a\0b:" H1, 3 + 60, 0600);
	tap_ok(users_load(path, err, sizeof(err)) == NULL, "load: NUL");
}

static void
test_fields(void)
{
	static const char text[] = "a:" H1 V "\na/b:" H2
	    ":device=17:scope=a@x.example\nz/b:" H2 ":device=18\n";
	struct users *u;
	const struct user *d;
	char err[256], owner[8];

	put(text, strlen(text), 0600);
	if ((u = users_load(path, err, sizeof(err))) == NULL) {
		tap_ok(0, "fields: %s", err);
		return;
	}
	d = users_find_live(u, "a/b");
	tap_ok(d != NULL && strcmp(d->device, "b") == 0 && d->created == 17 &&
	    strcmp(d->scope, "a@x.example") == 0 && d->verifier == NULL,
	    "a device and its scope");
	tap_ok(d != NULL && users_owner(d, owner, sizeof(owner)) == 0 &&
	    strcmp(owner, "a") == 0 && users_owner(d, owner, 1) == -1,
	    "whose it is");
	tap_ok(users_find(u, "z/b") != NULL && users_find_live(u, "z/b") == NULL,
	    "the device of nobody");
	tap_ok(users_with_verifier(u) == users_find(u, "a") &&
	    !users_all_have_verifiers(u), "who has a verifier");
	users_free(u);
}

static void
test_file(void)
{
	char err[256], other[80];

	put("a:" H1 "\n", 2 + 60 + 1, 0640);
	tap_ok(users_load(path, err, sizeof(err)) == NULL &&
	    strstr(err, "chmod 600") != NULL, "group can read: refused");
	put("a:" H1 "\n", 2 + 60 + 1, 0600);
	tap_ok(chown(path, 1, 0) == 0 &&
	    users_load(path, err, sizeof(err)) == NULL &&
	    strstr(err, "owned by root") != NULL, "not root's: refused");
	tap_ok(chown(path, 0, 0) == 0, "root's again");
	snprintf(other, sizeof(other), "%s/link", dir);
	tap_ok(symlink("users", other) == 0 &&
	    users_load(other, err, sizeof(err)) == NULL &&
	    strstr(err, "symbolic link") != NULL, "symbolic link: refused");
	tap_ok(users_change(other, "x", H1, 0, err, sizeof(err)) == -1,
	    "symbolic link: not changed");
	unlink(other);
	tap_ok(mkfifo(other, 0600) == 0 &&
	    users_load(other, err, sizeof(err)) == NULL &&
	    strstr(err, "regular") != NULL, "FIFO: refused at once");
	unlink(other);
	tap_ok(users_load(other, err, sizeof(err)) == NULL &&
	    strstr(err, "No such file") != NULL, "missing");
}

static void
test_change(void)
{
	char err[256];

	unlink(path);
	tap_ok(users_change(path, "bob", H1, 0, err, sizeof(err)) == 0 &&
	    file_is("bob:" H1 "\n"), "add to no file");
	tap_ok(users_change(path, "bob", H2, 0, err, sizeof(err)) == -1 &&
	    strstr(err, "already") != NULL, "add what is there");
	tap_ok(file_is("bob:" H1 "\n"), "and nothing changed");
	put("# mine\nbo:" H1 "\nbob:" H1, 7 + 63 + 1 + 64, 0600);
	tap_ok(users_change(path, "alice", H2, 0, err, sizeof(err)) == 0 &&
	    file_is("# mine\nbo:" H1 "\nbob:" H1 "\nalice:" H2 "\n"),
	    "add behind a line without an end");
	tap_ok(users_change(path, "bob", H2, 1, err, sizeof(err)) == 0 &&
	    file_is("# mine\nbo:" H1 "\nbob:" H2 "\nalice:" H2 "\n"),
	    "change in place");
	tap_ok(users_change(path, "bob", NULL, 1, err, sizeof(err)) == 0 &&
	    file_is("# mine\nbo:" H1 "\nalice:" H2 "\n"), "delete");
	tap_ok(users_change(path, "bob", NULL, 1, err, sizeof(err)) == -1 &&
	    strstr(err, "no such user") != NULL, "delete again");
	tap_ok(users_change(path, "bob", H1, 1, err, sizeof(err)) == -1,
	    "change one that is not there");
	tap_ok(users_change(path, "a:b", H1, 0, err, sizeof(err)) == -1,
	    "bad name");
	tap_ok(users_change(path, "#a", H1, 0, err, sizeof(err)) == -1,
	    "comment as name");
	tap_ok(users_change(path, "c", "x\ny:z", 0, err, sizeof(err)) == -1,
	    "bad hash");
	tap_ok(file_is("# mine\nbo:" H1 "\nalice:" H2 "\n"),
	    "and nothing changed in all these");
}

int
main(void)
{
	char command[80];

	if (geteuid() != 0) {
		printf("ok 1 - skipped: needs root # SKIP\n1..1\n");
		return 0;
	}
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/users", dir);
	test_load();
	test_fields();
	test_file();
	test_change();
	tap_ok(users_hash_ok("$6$abcdefgh$x") == 0, "sha512, hash too short");
	tap_ok(users_hash_ok("$1$abcdefgh$x") == 0, "md5");
	tap_ok(users_hash_ok("") == 0, "empty hash");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
