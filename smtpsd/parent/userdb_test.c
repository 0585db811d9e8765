/*
 * Unix accounts, with a system behind them that can be away: what is said
 * then, and how often the log is told.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"
#include "userdb.h"

static const struct {
	const char	*name, *home;
	uid_t		 uid;
	gid_t		 gid;
	int		 is_remote;
} accounts[] = {
	{ "root", "/root", 0, 0, 0 },
	{ "toor", "/root", 0, 5, 0 },
	{ "wheel", "/home/wheel", 50, 0, 0 },
	{ "_smtpsd", "/nonexistent", 61, 61, 0 },
	{ "_smtpsp", "/nonexistent", 62, 62, 0 },
	{ "_smtpsq", "/nonexistent", 63, 63, 0 },
	{ "twin", "/home/twin", 63, 100, 0 },
	{ "local", "/home/local", 1000, 100, 0 },
	{ "alice", "/home/alice", 2000, 100, 1 },
	{ "bob", "/home/bob", 2001, 100, 1 },
};
static int		 down;		/* errno of what is remote */
static int		 all_down;	/* and of the rest */
static int		 not_made;	/* smtpsd's users */
static int		 ours_down;	/* errno of those */
static int		 nlooked;
static time_t		 now_s = 1000;
static time_t		 slow_s;	/* whatever is not local takes it */
static FILE		*log_file;

/* These stand before the library's. */
int
getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
    struct passwd **out)
{
	size_t	 i;

	nlooked++;
	*out = NULL;
	if (ours_down != 0 && name[0] == '_')
		return ours_down;
	for (i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
		if (strcmp(name, accounts[i].name) == 0 &&
		    !(not_made && name[0] == '_'))
			break;
	}
	if (i == sizeof(accounts) / sizeof(accounts[0]) ||
	    accounts[i].is_remote)
		now_s += slow_s;
	if (i == sizeof(accounts) / sizeof(accounts[0]))
		return all_down != 0 ? all_down : down;
	if (all_down != 0 || (accounts[i].is_remote && down != 0))
		return all_down != 0 ? all_down : down;
	if (strlcpy(buf, accounts[i].home, size) >= size)
		return ERANGE;
	memset(pw, 0, sizeof(*pw));
	pw->pw_dir = buf;
	pw->pw_uid = accounts[i].uid;
	pw->pw_gid = accounts[i].gid;
	*out = pw;
	return 0;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = now_s;
	ts->tv_nsec = 0;
	return 0;
}

static int
find(const char *name)
{
	struct account	 a;

	return userdb_find(name, &a);
}

/* Lines logged with this text in them, since the last call. */
static int
logged(const char *text)
{
	char	 line[1024];
	int	 n = 0;

	fflush(stderr);
	while (fgets(line, sizeof(line), log_file) != NULL)
		n += strstr(line, text) != NULL;
	clearerr(log_file);
	return n;
}

static void
test_names(void)
{
	static const char *const names[] = { "", "-x", ".x", "a b", "a/b",
	    "a:b", "a\nb", "abcdefghijklmnopqrstuvwxyz0123456" };
	size_t			 i;

	nlooked = 0;
	down = EIO;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tap_ok(find(names[i]) == USERDB_NONE, "no name: \"%s\"",
		    i == 6 ? "with a new line" : names[i]);
	tap_ok(nlooked == 0, "the system is not asked for these");
	down = 0;
}

static void
test_closed(void)
{
	not_made = 1;
	tap_ok(userdb_init() == -1 && errno == ENOENT, "smtpsd has no users");
	tap_ok(find("local") == USERDB_FOUND, "another is one all the same");
	not_made = 0;
	ours_down = EIO;
	tap_ok(userdb_init() == -1 && errno == EIO, "they cannot be looked up");
	tap_ok(find("local") == USERDB_UNSURE && find("twin") == USERDB_UNSURE,
	    "then nobody is known not to be one of them");
	tap_ok(find("nobody-there") == USERDB_NONE, "but who is not there");
	ours_down = 0;
	tap_ok(userdb_init() == 0, "they can");
	tap_ok(find("_smtpsq") == USERDB_NONE && find("twin") == USERDB_NONE,
	    "one of them, by whatever name");
	all_down = EIO;
	tap_ok(find("twin") == USERDB_UNSURE, "nobody knows anybody");
	all_down = 0;
}

static void
test_outage(void)
{
	int	 i, n = 0;

	tap_ok(find("nobody-there") == USERDB_NONE, "the outage is over");
	(void)logged("");
	down = ENOENT;
	for (i = 0; i < 100; i++)
		n += find(i % 2 ? "alice" : "nobody-there") == USERDB_UNSURE;
	tap_ok(n == 100, "who may be elsewhere is not known");
	tap_ok(find("local") == USERDB_FOUND, "who is here is known");
	tap_ok(logged("nsswitch.conf") == 1, "one line for 100 questions");
	now_s += 599;
	(void)find("alice");
	tap_ok(logged("") == 0, "none for ten minutes");
	now_s += 1;
	(void)find("alice");
	(void)find("alice");
	tap_ok(logged("nsswitch.conf") == 1, "then one");
	down = 0;
	tap_ok(find("local") == USERDB_FOUND && logged("") == 0,
	    "who was known all the time says nothing");
	tap_ok(find("bob") == USERDB_FOUND && find("nobody") == USERDB_NONE &&
	    find("nobody") == USERDB_NONE, "it is back");
	tap_ok(logged("again") == 1, "one line for that");
	down = ETIMEDOUT;
	tap_ok(find("alice") == USERDB_UNSURE && logged("nsswitch.conf") == 1,
	    "the next outage is told at once");
	down = 0;
	tap_ok(find("alice") == USERDB_FOUND && logged("again") == 1,
	    "and ends with the one that it began with");
}

/* A slow directory keeps nobody but who asks for its users. */
static void
test_slow(void)
{
	slow_s = 3;
	tap_ok(find("bob") == USERDB_FOUND && userdb_may_ask("alice"),
	    "slow, but it knows: the next is asked for");
	tap_ok(find("nobody") == USERDB_NONE && !userdb_may_ask("alice"),
	    "a name that nobody has: a pause");
	now_s += 11;
	tap_ok(!userdb_may_ask("nobody2"), "as long as four look-ups");
	tap_ok(userdb_may_ask("root"), "but who is in /etc/passwd is asked for");
	tap_ok(!userdb_may_ask("roo") && !userdb_may_ask("bin/sh") &&
	    !userdb_may_ask("x"), "which is the first of a line, whole");
	now_s += 2;
	tap_ok(userdb_may_ask("alice"), "then it goes on");
	down = ETIMEDOUT;
	tap_ok(find("alice") == USERDB_UNSURE && !userdb_may_ask("bob"),
	    "a directory that is away: a pause");
	now_s += 13;
	down = slow_s = 0;
	tap_ok(find("nobody") == USERDB_NONE && userdb_may_ask("bob"),
	    "a quick answer makes none");
}

int
main(void)
{
	static char	 path[] = "/tmp/smtpsd_userdb_test.XXXXXXXX";
	struct account	 a;
	int		 fd;

	/* log_warnx() goes to standard error. */
	if ((fd = mkstemp(path)) == -1 || dup2(fd, STDERR_FILENO) == -1 ||
	    (log_file = fopen(path, "r")) == NULL || unlink(path) == -1)
		return 1;
	close(fd);
	test_names();
	test_closed();
	tap_ok(find("root") == USERDB_NONE && find("toor") == USERDB_NONE &&
	    find("wheel") == USERDB_NONE, "not root, by uid or by gid");
	tap_ok(userdb_find("alice", &a) == USERDB_FOUND && a.uid == 2000 &&
	    a.gid == 100 && strcmp(a.home, "/home/alice") == 0, "a user");
	test_outage();
	test_slow();
	return tap_done();
}
