/*
 * The Maildir writer in a directory of its own: names, contents, symbolic
 * links, cleaning up.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "proto/queue_agent.h"

#include "maildir.h"

static const struct {
	const char	*name, *pattern, *recipient, *user;
	int		 want;
	const char	*path;
} expansions[] = {
	{ "plain", "Maildir", "joe@example.org", "joe", 0, "Maildir" },
	{ "domain and user", "%{dest.domain}/%{dest.user}",
	    "Joe@example.org", "x", 0, "example.org/joe" },
	{ "user.username", "mail/%{user.username}/M", "a@b.example", "Joe", 0,
	    "mail/joe/M" },
	{ "quoted local part", "%{dest.user}", "\"a b\"@b.example", "x", 0,
	    "a b" },
	{ "slash", "%{dest.user}", "a/../b@b.example", "x",
	    MAILDIR_BAD_ADDRESS, NULL },
	{ "leading dot", "%{dest.user}", "\".a\"@b.example", "x",
	    MAILDIR_BAD_ADDRESS, NULL },
	{ "dots only", "%{dest.user}", "\"..\"@b.example", "x",
	    MAILDIR_BAD_ADDRESS, NULL },
	{ "no user", "%{user.username}", "a@b.example", "",
	    MAILDIR_BAD_ADDRESS, NULL },
	{ "unknown word", "%{sender}", "a@b.example", "x",
	    MAILDIR_BAD_PATTERN, NULL },
	{ "not closed", "%{dest.user", "a@b.example", "x",
	    MAILDIR_BAD_PATTERN, NULL },
	{ "absolute", "/etc", "a@b.example", "x", MAILDIR_BAD_PATTERN, NULL },
	{ "empty", "", "a@b.example", "x", MAILDIR_BAD_PATTERN, NULL },
};

static void
check_expand(size_t i)
{
	char out[PATHNAME_SIZE];
	int got;

	got = maildir_expand(expansions[i].pattern, expansions[i].recipient,
	    expansions[i].user, out, sizeof(out));
	tap_ok(got == expansions[i].want && (got != 0 ||
	    strcmp(out, expansions[i].path) == 0), "expand: %s",
	    expansions[i].name);
}

/* Number of files in a directory; the name of the last one. */
static int
count_files(int root_fd, const char *path, char *name, size_t size)
{
	struct dirent *entry;
	DIR *dir;
	int fd, n = 0;

	if ((fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY)) == -1 ||
	    (dir = fdopendir(fd)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.') {
			n++;
			strlcpy(name, entry->d_name, size);
		}
	closedir(dir);
	return n;
}

static void
read_new(int root_fd, const char *path, char *out, size_t size)
{
	char name[256], file[600], new_path[300];
	ssize_t n = -1;
	int fd;

	out[0] = '\0';
	snprintf(new_path, sizeof(new_path), "%s/new", path);
	if (count_files(root_fd, new_path, name, sizeof(name)) != 1)
		return;
	snprintf(file, sizeof(file), "%s/%s", new_path, name);
	if ((fd = openat(root_fd, file, O_RDONLY)) != -1) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	out[n < 0 ? 0 : n] = '\0';
}

/* Write a body in pieces of step bytes. */
static int
deliver(int root_fd, const char *path, const char *body, size_t step,
    struct maildir_error *error)
{
	size_t size = strlen(body), part;
	struct maildir_file *file;

	file = maildir_open(root_fd, path, "s@example.org", "r@example.org",
	    error);
	if (file == NULL)
		return -1;
	for (; size > 0; size -= part, body += part) {
		part = step < size ? step : size;
		if (maildir_write(file, body, part, error) == -1) {
			maildir_discard(file);
			return -1;
		}
	}
	return maildir_commit(file, error);
}

#define HEAD "Return-Path: <s@example.org>\nDelivered-To: r@example.org\n"

static const struct {
	const char *name, *body, *want;
} bodies[] = {
	{ "CRLF", "a: b\r\n\r\nc\r\n", HEAD "a: b\n\nc\n" },
	{ "empty", "", HEAD },
	{ "lone CR stays", "a\rb\r\r\n\r", HEAD "a\rb\r\n\r" },
};

static void
check_body(int root_fd, size_t i, size_t step)
{
	char path[64], got[4096];
	struct maildir_error error;

	snprintf(path, sizeof(path), "body/%zu.%zu", i, step);
	tap_ok(deliver(root_fd, path, bodies[i].body, step, &error) == 0,
	    "body %s, step %zu: delivered", bodies[i].name, step);
	read_new(root_fd, path, got, sizeof(got));
	tap_is_str(got, bodies[i].want, bodies[i].name);
}

static void
check_links(int root_fd)
{
	struct maildir_error error;
	char name[256];

	mkdirat(root_fd, "victim", 0700);
	tap_ok(symlinkat("victim", root_fd, "link") == 0 &&
	    mkdirat(root_fd, "m", 0700) == 0 &&
	    symlinkat("../victim", root_fd, "m/new") == 0, "traps are set");
	tap_ok(deliver(root_fd, "link", "x\r\n", 99, &error) == -1 &&
	    error.class == AGENT_TEMPFAIL, "symbolic link as Maildir");
	tap_ok(deliver(root_fd, "link/sub", "x\r\n", 99, &error) == -1,
	    "symbolic link on the way");
	tap_ok(deliver(root_fd, "m", "x\r\n", 99, &error) == -1,
	    "symbolic link as new");
	tap_ok(deliver(root_fd, "m/../victim", "x\r\n", 99, &error) == -1,
	    "dot dot");
	tap_ok(count_files(root_fd, "victim", name, sizeof(name)) == 0,
	    "nothing was written behind a link");
}

static void
check_rest(int root_fd)
{
	struct maildir_error error;
	struct maildir_file *file;
	struct stat st;
	char name[256];
	int i, n = 0;

	file = maildir_open(root_fd, "d", "", "r@example.org", &error);
	tap_ok(file != NULL && count_files(root_fd, "d/tmp", name,
	    sizeof(name)) == 1, "file in tmp");
	maildir_discard(file);
	tap_ok(count_files(root_fd, "d/tmp", name, sizeof(name)) == 0,
	    "discard removes it");
	for (i = 0; i < 20; i++)
		n += deliver(root_fd, "d", "x\r\n", 99, &error) == 0;
	tap_ok(n == 20 && count_files(root_fd, "d/new", name, sizeof(name)) ==
	    20, "20 messages, 20 names");
	tap_ok(fstatat(root_fd, "d", &st, 0) == 0 &&
	    (st.st_mode & 0777) == 0700, "Maildir has mode 0700");
	/* A directory that cannot be written to (unless one is root). */
	mkdirat(root_fd, "ro", 0500);
	tap_ok(geteuid() == 0 || (deliver(root_fd, "ro/M", "x", 9, &error) ==
	    -1 && strcmp(error.status, "4.2.1") == 0), "no permission: 4.2.1");
}

int
main(void)
{
	char dir[] = "/tmp/maildir_test.XXXXXX", command[64];
	size_t i;
	int root_fd;

	umask(077);
	if (mkdtemp(dir) == NULL ||
	    (root_fd = open(dir, O_RDONLY | O_DIRECTORY)) == -1)
		return 1;
	for (i = 0; i < sizeof(expansions) / sizeof(expansions[0]); i++)
		check_expand(i);
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		check_body(root_fd, i, 100);
		check_body(root_fd, i, 1);
	}
	check_links(root_fd);
	check_rest(root_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
