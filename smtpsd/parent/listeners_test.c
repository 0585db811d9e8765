/*
 * Tests of the Unix sockets in listeners.c: whose directory they may stand
 * in and what may be in the way.  Owners count, so only root can run them.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "conf.h"
#include "listeners.c"
#include "spool.c"

#define OTHER	12345

static char	directory[] = "/tmp/smtpsd_listeners_test.XXXXXXXX";

/* NULL: it was bound. */
static const char *
control_in(const char *name, uid_t uid, mode_t mode)
{
	static char	 why[1024];
	struct conf	*conf;
	char		 dir[200];
	int		 n;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		err(1, NULL);
	snprintf(dir, sizeof(dir), "%s/%s", directory, name);
	if (mkdir(dir, 0700) == -1 || chown(dir, uid, 0) == -1 ||
	    chmod(dir, mode) == -1)
		err(1, "%s", dir);
	snprintf(conf->control_path, sizeof(conf->control_path), "%s/s", dir);
	conf->control_fd = -1;
	n = listeners_open(conf, NULL, why, sizeof(why));
	if (n == 0)
		close(conf->control_fd);
	free(conf);
	return n == 0 ? NULL : why;
}

static void
test_directories(void)
{
	const char	*why;

	tap_ok(control_in("root", 0, 0755) == NULL, "in a directory of root's");
	why = control_in("other", OTHER, 0755);
	tap_ok(why != NULL && strstr(why, "must belong to root") != NULL,
	    "in one of another: %s", why == NULL ? "bound" : why);
	tap_ok(control_in("group", 0, 0775) != NULL,
	    "in one that a group may write");
	tap_ok(control_in("all", 0, 0777) != NULL,
	    "in one that all may write");
	tap_ok(control_in("sticky", 0, 01777) == NULL,
	    "in a sticky one names stay their owner's");
}

/* Somebody has the socket and takes no more connections. */
static void
test_full(void)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct conf		*conf;
	char			 why[1024] = "";
	int			 fd, client, i;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		err(1, NULL);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/full", directory);
	strlcpy(conf->control_path, sun.sun_path, sizeof(conf->control_path));
	conf->control_fd = -1;
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 1) == -1)
		err(1, "%s", sun.sun_path);
	for (i = 0; i < 100; i++)
		if ((client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK,
		    0)) == -1 || connect(client, (struct sockaddr *)&sun,
		    sizeof(sun)) == -1)
			break;
	alarm(30);
	tap_ok(i < 100 && listeners_open(conf, NULL, why, sizeof(why)) == -1 &&
	    strstr(why, "answers on this socket") != NULL,
	    "behind a full backlog somebody is: %s", why);
	alarm(0);
	close(fd);
	tap_ok(listeners_open(conf, NULL, why, sizeof(why)) == 0,
	    "a dead one is replaced");
	free(conf);
}

int
main(void)
{
	char	command[100];

	if (geteuid() != 0) {
		tap_ok(1, "# skip: needs root");
		return tap_done();
	}
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) == -1)
		err(1, "%s", directory);
	test_directories();
	test_full();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command) != 0)
		warnx("%s", command);
	return tap_done();
}
