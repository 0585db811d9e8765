/*
 * mboxes that are right, traps, locks and a full disk.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"

#include "mbox.h"

static int root_fd;

static void
slurp(const char *path, char *out, size_t size)
{
	int fd = openat(root_fd, path, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, out, size - 1);

	out[n < 0 ? 0 : n] = '\0';
	if (fd != -1)
		close(fd);
}

static void
spit(const char *path, const char *text)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		exit(2);
	close(fd);
}

static int
deliver(const char *path, const char *sender, const char *body,
    struct outcome *outcome)
{
	struct stage stage = { 0 };
	struct mbox_message msg = { sender, "r@example.org", &stage };
	struct mbox m;
	int rc;

	if (stage_add(&stage, body, strlen(body)) == -1 ||
	    stage_end(&stage) == -1)
		exit(2);
	memset(outcome, 0, sizeof(*outcome));
	if (mbox_open(&m, root_fd, path, 100, outcome) == -1) {
		stage_free(&stage);
		return -1;
	}
	rc = mbox_append(&m, &msg, outcome);
	if (mbox_close(&m, outcome) == -1)
		rc = -1;
	stage_free(&stage);
	return rc;
}

#define HEAD "Return-Path: <s@b>\nDelivered-To: r@example.org\n"

static const struct {
	const char *name, *body, *want;
} bodies[] = {
	{ "plain", "A: b\r\n\r\nc\r\n", HEAD "A: b\n\nc\n\n" },
	{ "From lines", "A: b\r\n\r\nFrom x\r\n>From y\r\n>>From z\r\n From\r\n"
	    "from\r\nFrom", HEAD "A: b\n\n>From x\n>>From y\n>>>From z\n From\n"
	    "from\nFrom\n\n" },
	{ "From at the start and the end", "From a\r\nFrom ", HEAD
	    ">From a\n>From \n\n" },
	{ "no end of line", "x", HEAD "x\n\n" },
	{ "empty", "", HEAD "\n" },
};

static void
check_body(size_t i)
{
	struct outcome outcome;
	char got[4096], name[32], *rest;

	snprintf(name, sizeof(name), "body/%zu", i);
	tap_ok(deliver(name, "s@b", bodies[i].body, &outcome) == 0,
	    "%s: delivered", bodies[i].name);
	slurp(name, got, sizeof(got));
	tap_ok(strncmp(got, "From s@b ", 9) == 0, "%s: From_", bodies[i].name);
	rest = strchr(got, '\n');
	tap_is_str(rest == NULL ? NULL : rest + 1, bodies[i].want,
	    bodies[i].name);
}

static void
check_traps(void)
{
	struct outcome o;
	struct stat st;
	char got[64];

	spit("victim", "v\n");
	mkdirat(root_fd, "dir", 0700);
	if (symlinkat("victim", root_fd, "link") == -1 ||
	    linkat(root_fd, "victim", root_fd, "hard", 0) == -1 ||
	    symlinkat(".", root_fd, "linkdir") == -1 ||
	    mkfifoat(root_fd, "fifo", 0600) == -1)
		exit(2);
	tap_ok(deliver("link", "", "x", &o) == -1, "symbolic link");
	tap_ok(deliver("hard", "", "x", &o) == -1 &&
	    strstr(o.text, "second name") != NULL, "hard link");
	tap_ok(deliver("linkdir/m", "", "x", &o) == -1, "link on the way");
	tap_ok(deliver("dir", "", "x", &o) == -1, "directory");
	tap_ok(deliver("dir/..", "", "x", &o) == -1, "dot dot");
	tap_ok(deliver("fifo", "", "x", &o) == -1 && o.class == AGENT_TEMPFAIL,
	    "fifo");
	slurp("victim", got, sizeof(got));
	tap_is_str(got, "v\n", "the victim is untouched");
	if (geteuid() != 0)
		return;
	spit("foreign", "v\n");
	if (fchownat(root_fd, "foreign", 65534, 65534, 0) == -1)
		exit(2);
	tap_ok(deliver("foreign", "", "x", &o) == -1 &&
	    strstr(o.text, "somebody else") != NULL, "another's file");
	tap_ok(fstatat(root_fd, "foreign", &st, 0) == 0 && st.st_size == 2,
	    "and it is untouched");
}

static void
check_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct outcome o;
	char got[512];
	int fds[2], fd, status;
	pid_t pid;

	spit("locked", "");
	if (pipe(fds) == -1)
		exit(2);
	if ((pid = fork()) == 0) {
		fd = openat(root_fd, "locked", O_RDWR);
		if (fcntl(fd, F_SETLK, &lock) == -1 || write(fds[1], "x", 1) == -1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(fds[0], got, 1) != 1)
		exit(2);
	tap_ok(deliver("locked", "", "x", &o) == -1 && o.class ==
	    AGENT_TEMPFAIL && strcmp(o.status, "4.2.1") == 0,
	    "fcntl lock: temporary failure");
	tap_ok(faccessat(root_fd, "locked.lock", F_OK, 0) == -1,
	    "and no dotlock stays");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tap_ok(deliver("locked", "", "x", &o) == 0, "lock is gone: delivered");
	spit("locked.lock", "");
	tap_ok(deliver("locked", "", "x", &o) == -1, "dotlock");
	tap_ok(faccessat(root_fd, "locked.lock", F_OK, 0) == 0,
	    "another's dotlock stays");
	utimensat(root_fd, "locked.lock", old, 0);
	tap_ok(deliver("locked", "", "x", &o) == 0, "a stale one does not hold");
}

/* A deliver that was killed holds nobody up. */
static void
check_killed(void)
{
	struct outcome o;
	struct mbox m;
	char c;
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) == -1)
		exit(2);
	if ((pid = fork()) == 0) {
		if (mbox_open(&m, root_fd, "killed", 0, &o) == -1 ||
		    write(fds[1], "x", 1) == -1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(fds[1]);
	tap_ok(read(fds[0], &c, 1) == 1, "one has the mailbox");
	tap_ok(deliver("killed", "", "x", &o) == -1, "another has not");
	tap_ok(faccessat(root_fd, "killed.lock", F_OK, 0) == 0,
	    "the dotlock of one who lives stays");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tap_ok(faccessat(root_fd, "killed.lock", F_OK, 0) == 0,
	    "killed: the dotlock is left");
	tap_ok(deliver("killed", "", "x", &o) == 0, "and does not hold");
	tap_ok(faccessat(root_fd, "killed.lock", F_OK, 0) == -1,
	    "it is gone");
	close(fds[0]);
}

static void
check_full(void)
{
	struct rlimit small = { 20000, RLIM_INFINITY }, before;
	struct outcome o;
	struct stat st;
	char *body;

	body = malloc(50001);
	memset(body, 'x', 50000);
	body[50000] = '\0';
	spit("full", "From a b\n\nold\n\n");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &small);
	tap_ok(deliver("full", "", body, &o) == -1 && o.class ==
	    AGENT_TEMPFAIL, "no room: temporary failure");
	setrlimit(RLIMIT_FSIZE, &before);
	tap_ok(fstatat(root_fd, "full", &st, 0) == 0 && st.st_size == 15,
	    "no room: the size is what it was");
	free(body);
}

/* What is left after a crash, and what has to stand before the new message. */
static const struct {
	const char *name, *old, *between;
} torn[] = {
	{ "half a line", "From a b\n\nhalf a li", "\n\n" },
	{ "a line, and no empty one", "From a b\n\na line\n", "\n" },
	{ "half a From_ line", "From a b\n\nx\n\nFrom", "\n\n" },
	{ "half a header", "From a b\nReturn-Path: <a>\n", "\n" },
	{ "one byte", "x", "\n\n" },
	{ "an empty line alone", "\n", "" },
	{ "nothing", "", "" },
	{ "a whole message", "From a b\n\nx\n\n", "" },
};

/* Where everybody may make files, everybody could lock everybody's mailbox. */
static void
check_foreign(void)
{
	const uid_t nobody = 65534;
	struct outcome o;

	if (geteuid() != 0) {
		tap_ok(1, "another user's lock # SKIP needs root");
		return;
	}
	spit("open", "");
	spit("open.lock", "");
	if (fchownat(root_fd, "open.lock", nobody, nobody, 0) == -1)
		exit(2);
	tap_ok(deliver("open", "", "x", &o) == -1,
	    "another user's lock in a directory closed to him");
	if (fchmod(root_fd, 01777) == -1)
		exit(2);
	tap_ok(deliver("open", "", "x", &o) == 0,
	    "where all may write it is no lock");
	tap_ok(faccessat(root_fd, "open.lock", F_OK, 0) == 0, "and stays");
	unlinkat(root_fd, "open.lock", 0);
	if (symlinkat("open", root_fd, "open.lock") == -1 ||
	    fchownat(root_fd, "open.lock", nobody, nobody,
	    AT_SYMLINK_NOFOLLOW) == -1)
		exit(2);
	tap_ok(deliver("open", "", "x", &o) == 0, "nor is a link of his");
	unlinkat(root_fd, "open.lock", 0);
	spit("open.lock", "");
	tap_ok(deliver("open", "", "x", &o) == -1, "the own one is");
	if (fchmod(root_fd, 0700) == -1)
		exit(2);
}

static void
check_torn(size_t i)
{
	struct outcome o;
	char got[4096], want[128];

	snprintf(want, sizeof(want), "%s%sFrom MAILER-DAEMON ", torn[i].old,
	    torn[i].between);
	spit("torn", torn[i].old);
	tap_ok(deliver("torn", "", "A: b\r\n", &o) == 0, "after %s",
	    torn[i].name);
	slurp("torn", got, sizeof(got));
	got[strlen(want)] = '\0';
	tap_is_str(got, want, torn[i].name);
}

int
main(void)
{
	char dir[] = "/tmp/mbox_test.XXXXXX", command[64];
	size_t i;

	log_init("test", LOG_TO_STDERR);
	umask(077);
	if (mkdtemp(dir) == NULL ||
	    (root_fd = open(dir, O_RDONLY | O_DIRECTORY)) == -1)
		return 1;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		check_body(i);
	check_traps();
	check_locks();
	check_killed();
	check_foreign();
	check_full();
	for (i = 0; i < sizeof(torn) / sizeof(torn[0]); i++)
		check_torn(i);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
