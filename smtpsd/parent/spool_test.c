/*
 * Tests of the directories in spool.c: what is made, and what somebody else
 * makes between the look and the making.  Only root can run them.
 */
#include <sys/stat.h>

#include <errno.h>

static int	test_mkdirat(int, const char *, mode_t);
#define mkdirat	test_mkdirat
#include "spool.c"
#undef mkdirat

#include <err.h>
#include <stdlib.h>

#include "base/tap.h"

#define OWNER	12345
#define OTHER	23456

static char	directory[] = "/tmp/smtpsd_spool_test.XXXXXXXX";
static int	is_raced;

static int
test_mkdirat(int at, const char *name, mode_t mode)
{
	if (mkdirat(at, name, mode) == -1)
		return -1;
	if (!is_raced)
		return 0;
	if (fchownat(at, name, OTHER, OTHER, AT_SYMLINK_NOFOLLOW) == -1)
		err(1, "%s", name);
	errno = EEXIST;
	return -1;
}

/* The owner of what was opened; -1 if nothing was. */
static int
opened(const char *name, mode_t *mode)
{
	struct stat	 st;
	char		 path[200], why[1024];
	int		 fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if ((fd = spool_open_dir(path, OWNER, OWNER, 0750, why,
	    sizeof(why))) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		err(1, "%s", path);
	close(fd);
	*mode = st.st_mode & 07777;
	return (int)st.st_uid;
}

int
main(void)
{
	char	command[100], path[200];
	mode_t	mode = 0;

	if (geteuid() != 0) {
		tap_ok(1, "# skip: needs root");
		return tap_done();
	}
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) == -1)
		err(1, "%s", directory);
	tap_ok(opened("made", &mode) == OWNER && mode == 0750,
	    "what is missing is made");
	tap_ok(opened("made", &mode) == OWNER && mode == 0750,
	    "and there the next time");
	tap_ok(opened("a/b/c", &mode) == OWNER && mode == 0750,
	    "with its parents");
	is_raced = 1;
	tap_ok(opened("raced", &mode) == OTHER && mode == 0700,
	    "what another made meanwhile stays his");
	tap_ok(opened("raced2/x", &mode) == -1,
	    "and nothing is made in it");
	snprintf(path, sizeof(path), "%s/link", directory);
	if (symlink("/etc", path) == -1)
		err(1, "%s", path);
	tap_ok(opened("link", &mode) == -1, "a link is not followed");
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command) != 0)
		warnx("%s", command);
	return tap_done();
}
