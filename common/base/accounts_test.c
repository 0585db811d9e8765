/* Users and groups, with a system behind them that fails in all its ways. */
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "accounts.h"
#include "tap.h"

static int		 error;		/* what a call returns */
static int		 nfail;		/* as often; then there is an answer */
static int		 is_there;
static int		 ncalls;
static size_t		 needs;		/* bytes of buffer */

static char		 alice_name[] = "alice", alice_home[] = "/home/alice";

static int
call(size_t size)
{
	ncalls++;
	if (nfail > 0) {
		nfail--;
		return error;
	}
	return size < needs ? ERANGE : 0;
}

static int
fill(struct passwd *pw, size_t size, struct passwd **out)
{
	int	e = call(size);

	*out = NULL;
	if (e != 0 || !is_there)
		return e;
	memset(pw, 0, sizeof(*pw));
	pw->pw_name = alice_name;
	pw->pw_dir = alice_home;
	pw->pw_uid = 1234;
	*out = pw;
	return 0;
}

/* These stand before the library's. */
int
getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
    struct passwd **out)
{
	(void)name;
	(void)buf;
	return fill(pw, size, out);
}

int
getpwuid_r(uid_t uid, struct passwd *pw, char *buf, size_t size,
    struct passwd **out)
{
	(void)uid;
	(void)buf;
	return fill(pw, size, out);
}

int
getgrnam_r(const char *name, struct group *gr, char *buf, size_t size,
    struct group **out)
{
	int	e = call(size);

	(void)name;
	(void)buf;
	*out = NULL;
	if (e != 0 || !is_there)
		return e;
	gr->gr_gid = 4321;
	*out = gr;
	return 0;
}

static enum accounts_answer
ask(int fails, int how_often, int there)
{
	const struct passwd	*pw;
	enum accounts_answer	 a;

	error = fails;
	nfail = how_often;
	is_there = there;
	ncalls = 0;
	errno = EBUSY;		/* of something else, before */
	a = accounts_user("alice", &pw);
	if ((a == ACCOUNTS_FOUND) != (pw != NULL))
		tap_ok(0, "an entry, and only with FOUND");
	return a;
}

static void
test_errors(void)
{
	/* ENOENT is what a client of LDAP says when its daemon is gone. */
	static const int	 errors[] = { ENOENT, ESRCH, EBADF, EPERM, EIO,
				    EAGAIN, ECONNREFUSED, ETIMEDOUT, ENOMEM,
				    EMFILE, ENFILE };
	size_t			 i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		tap_ok(ask(errors[i], 1, 1) == ACCOUNTS_UNSURE && ncalls == 1,
		    "%s is no answer", strerror(errors[i]));
		ask(errors[i], 1, 1);
		tap_ok(errno == errors[i], "it is told");
	}
	tap_ok(ask(0, 0, 1) == ACCOUNTS_FOUND, "the next look-up works");
}

static void
test_others(void)
{
	const struct passwd	*pw;
	gid_t			 gid = 7;

	needs = 0;
	is_there = 1;
	tap_ok(accounts_uid(1234, &pw) == ACCOUNTS_FOUND && pw->pw_uid == 1234,
	    "a user by number");
	tap_ok(accounts_group("staff", &gid) == ACCOUNTS_FOUND && gid == 4321,
	    "a group");
	is_there = 0;
	gid = 7;
	tap_ok(accounts_uid(1234, &pw) == ACCOUNTS_NONE && pw == NULL,
	    "no such number");
	tap_ok(accounts_group("staff", &gid) == ACCOUNTS_NONE && gid == 7,
	    "no such group");
	error = EIO;
	nfail = 2;
	tap_ok(accounts_uid(1234, &pw) == ACCOUNTS_UNSURE && pw == NULL &&
	    accounts_group("staff", &gid) == ACCOUNTS_UNSURE && gid == 7,
	    "nobody knows");
}

/* The services behind the file say no, when no file can be opened. */
static void
test_no_descriptor(void)
{
	const struct passwd	*pw;
	struct rlimit		 old, none;
	gid_t			 gid = 7;
	int			 user, uid, group, why;

	is_there = 0;
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	user = accounts_user("alice", &pw);
	why = errno;
	uid = accounts_uid(1234, &pw);
	group = accounts_group("staff", &gid);
	is_there = 1;
	tap_ok(accounts_user("alice", &pw) == ACCOUNTS_FOUND,
	    "who is found is found");
	setrlimit(RLIMIT_NOFILE, &old);
	tap_ok(user == ACCOUNTS_UNSURE && why == EMFILE &&
	    uid == ACCOUNTS_UNSURE && group == ACCOUNTS_UNSURE,
	    "no descriptor for the file: no is no answer");
	is_there = 0;
	tap_ok(accounts_user("alice", &pw) == ACCOUNTS_NONE, "then it is one");
}

int
main(void)
{
	needs = 100;
	tap_ok(ask(0, 0, 1) == ACCOUNTS_FOUND && ncalls == 1, "a user");
	tap_ok(ask(0, 0, 0) == ACCOUNTS_NONE, "there is none");
	test_errors();
	tap_ok(ask(EINTR, 3, 1) == ACCOUNTS_FOUND, "after signals");
	tap_ok(ask(EINTR, 1000, 1) == ACCOUNTS_UNSURE && ncalls < 100,
	    "but not for ever");
	needs = 200000;
	tap_ok(ask(0, 0, 1) == ACCOUNTS_FOUND && ncalls > 1,
	    "a large entry gets the room that it needs");
	tap_ok(ask(0, 0, 1) == ACCOUNTS_FOUND && ncalls == 1,
	    "which is kept");
	needs = (size_t)1 << 40;
	tap_ok(ask(0, 0, 1) == ACCOUNTS_UNSURE && errno == ENOMEM &&
	    ncalls < 20, "no room is endless");
	test_others();
	test_no_descriptor();
	return tap_done();
}
