/*
 * The Maildir writer in a directory of its own: names, contents, symbolic
 * links, cleaning up.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "proto/queue_agent.h"

#include "expand.h"
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
	    EXPAND_BAD_ADDRESS, NULL },
	{ "leading dot", "%{dest.user}", "\".a\"@b.example", "x",
	    EXPAND_BAD_ADDRESS, NULL },
	{ "dots only", "%{dest.user}", "\"..\"@b.example", "x",
	    EXPAND_BAD_ADDRESS, NULL },
	{ "no user", "%{user.username}", "a@b.example", "",
	    EXPAND_BAD_ADDRESS, NULL },
	{ "unknown word", "%{sender}", "a@b.example", "x",
	    EXPAND_BAD_PATTERN, NULL },
	{ "not closed", "%{dest.user", "a@b.example", "x",
	    EXPAND_BAD_PATTERN, NULL },
	{ "absolute", "/etc", "a@b.example", "x", EXPAND_BAD_PATTERN, NULL },
	{ "empty", "", "a@b.example", "x", EXPAND_BAD_PATTERN, NULL },
};

static void
check_expand(size_t i)
{
	char out[PATHNAME_SIZE];
	int got;

	got = expand_path(expansions[i].pattern, expansions[i].recipient,
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

static int
remove_one(int root_fd, const char *path)
{
	char name[256], file[600];

	if (count_files(root_fd, path, name, sizeof(name)) < 1)
		return -1;
	snprintf(file, sizeof(file), "%s/%s", path, name);
	return unlinkat(root_fd, file, 0);
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
deliver(int root_fd, const char *path, int raw, const char *body, size_t step,
    struct outcome *error)
{
	size_t size = strlen(body), part;
	struct maildir_file *file;

	file = maildir_open(root_fd, path, raw, "s@example.org", "r@example.org",
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
	maildir_commit(&file, &error, 1);
	return error->class == AGENT_OK ? 0 : -1;
}

#define HEAD "Return-Path: <s@example.org>\nDelivered-To: r@example.org\n"

static const struct {
	const char *name, *body, *want;
	int raw;
} bodies[] = {
	{ "CRLF", "a: b\r\n\r\nc\r\n", HEAD "a: b\n\nc\n", 0 },
	{ "empty", "", HEAD, 0 },
	{ "bytes as they come", "a\r\n\r\nb\nc\r", "Return-Path: "
	    "<s@example.org>\r\nDelivered-To: r@example.org\r\n"
	    "a\r\n\r\nb\nc\r", 1 },
	{ "lone CR stays", "a\rb\r\r\n\r", HEAD "a\rb\r\n\r", 0 },
};

static void
check_body(int root_fd, size_t i, size_t step)
{
	char path[64], got[4096];
	struct outcome error;

	snprintf(path, sizeof(path), "body/%zu.%zu", i, step);
	tap_ok(deliver(root_fd, path, bodies[i].raw, bodies[i].body, step, &error) == 0,
	    "body %s, step %zu: delivered", bodies[i].name, step);
	read_new(root_fd, path, got, sizeof(got));
	tap_is_str(got, bodies[i].want, bodies[i].name);
}

static void
check_links(int root_fd)
{
	struct outcome error;
	char name[256];

	mkdirat(root_fd, "victim", 0700);
	tap_ok(symlinkat("victim", root_fd, "link") == 0 &&
	    mkdirat(root_fd, "m", 0700) == 0 &&
	    symlinkat("../victim", root_fd, "m/new") == 0, "traps are set");
	tap_ok(deliver(root_fd, "link", 0, "x\r\n", 99, &error) == -1 &&
	    error.class == AGENT_TEMPFAIL, "symbolic link as Maildir");
	tap_ok(deliver(root_fd, "link/sub", 0, "x\r\n", 99, &error) == -1,
	    "symbolic link on the way");
	tap_ok(deliver(root_fd, "m", 0, "x\r\n", 99, &error) == -1,
	    "symbolic link as new");
	tap_ok(deliver(root_fd, "m/../victim", 0, "x\r\n", 99, &error) == -1,
	    "dot dot");
	tap_ok(count_files(root_fd, "victim", name, sizeof(name)) == 0,
	    "nothing was written behind a link");
}

/* A batch of two Maildirs in which one file does not get to its end. */
static void
check_batch(int root_fd)
{
	struct maildir_file *files[6];
	struct outcome outcomes[6], *outs[6];
	char path[16], name[256];
	int i, n = 0;

	memset(outcomes, 0, sizeof(outcomes));
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "batch%d", i % 2);
		outs[i] = &outcomes[i];
		files[i] = maildir_open(root_fd, path, 0, "", "r@example.org",
		    outs[i]);
		if (files[i] == NULL || maildir_write(files[i], "x\r\n", 3,
		    outs[i]) == -1) {
			tap_ok(0, "batch: open");
			return;
		}
	}
	/* The last one's name in tmp goes, as if the owner had removed it. */
	tap_ok(count_files(root_fd, "batch0/new", name, sizeof(name)) == 0,
	    "batch: nothing in new yet");
	tap_ok(remove_one(root_fd, "batch1/tmp") == 0, "batch: one is removed");
	maildir_commit(files, outs, 6);
	for (i = 0; i < 6; i++)
		n += outcomes[i].class == AGENT_OK;
	tap_ok(n == 5, "batch: five of six delivered");
	tap_ok(count_files(root_fd, "batch0/new", name, sizeof(name)) == 3 &&
	    count_files(root_fd, "batch1/new", name, sizeof(name)) == 2,
	    "batch: they are in new");
	tap_ok(count_files(root_fd, "batch0/tmp", name, sizeof(name)) == 0 &&
	    count_files(root_fd, "batch1/tmp", name, sizeof(name)) == 0,
	    "batch: nothing left in tmp");
}

/* A file that cannot grow: nothing of it is left. */
static void
check_full(int root_fd)
{
	struct rlimit small = { 20000, RLIM_INFINITY }, before;
	struct outcome outcome;
	char name[256], *body;

	body = malloc(50001);
	memset(body, 'x', 50000);
	body[50000] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &small);
	tap_ok(deliver(root_fd, "full", 0, body, 50000, &outcome) == -1 &&
	    outcome.class == AGENT_TEMPFAIL, "no room: temporary failure");
	setrlimit(RLIMIT_FSIZE, &before);
	tap_ok(count_files(root_fd, "full/new", name, sizeof(name)) == 0 &&
	    count_files(root_fd, "full/tmp", name, sizeof(name)) == 0,
	    "no room: nothing is left");
	free(body);
}

static void
check_rest(int root_fd)
{
	struct outcome error;
	struct maildir_file *file;
	struct stat st;
	char name[256];
	int i, n = 0;

	file = maildir_open(root_fd, "d", 0, "", "r@example.org", &error);
	tap_ok(file != NULL && count_files(root_fd, "d/tmp", name,
	    sizeof(name)) == 1, "file in tmp");
	maildir_discard(file);
	tap_ok(count_files(root_fd, "d/tmp", name, sizeof(name)) == 0,
	    "discard removes it");
	for (i = 0; i < 20; i++)
		n += deliver(root_fd, "d", 0, "x\r\n", 99, &error) == 0;
	tap_ok(n == 20 && count_files(root_fd, "d/new", name, sizeof(name)) ==
	    20, "20 messages, 20 names");
	tap_ok(fstatat(root_fd, "d", &st, 0) == 0 &&
	    (st.st_mode & 0777) == 0700, "Maildir has mode 0700");
	/* A directory that cannot be written to (unless one is root). */
	mkdirat(root_fd, "ro", 0500);
	tap_ok(geteuid() == 0 || (deliver(root_fd, "ro/M", 0, "x", 9, &error) ==
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
	check_batch(root_fd);
	check_full(root_fd);
	check_rest(root_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
