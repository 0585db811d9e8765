/*
 * fork and exec of the other programs.
 *
 * Called by child.c and deliver.c.  The new program gets descriptors 0-2 on
 * /dev/null, 3 (log), 4 (parent link), nothing else, and an empty
 * environment.  The path is fixed at compile time: nothing in the
 * environment or the configuration can make root run another program.
 * Built with SAN=1 it keeps descriptor 2, for the sanitizers' reports.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "spawn.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/local/libexec/smtpsd"
#endif

static uint32_t	last_id;

uint32_t
spawn_next_id(void)
{
	return ++last_id;
}

int
spawn_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

/* Only async-signal-safe calls: runs between fork and exec. */
static void
become(const char *path, const char *name, int log_fd, int link_fd)
{
	char *const	 argv[] = { (char *)(uintptr_t)name, NULL };
	char *const	 envp[] = { NULL };
	sigset_t	 none;
	int		 null_fd, high_log, high_link;

	/* Above 4 first, so that neither dup2 hits the other's source. */
	if ((high_log = fcntl(log_fd, F_DUPFD_CLOEXEC, 10)) == -1 ||
	    (high_link = fcntl(link_fd, F_DUPFD_CLOEXEC, 10)) == -1 ||
	    (null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		_exit(126);
	if (dup2(null_fd, 0) == -1 || dup2(null_fd, 1) == -1 ||
	    dup2(high_log, 3) == -1 || dup2(high_link, 4) == -1)
		_exit(126);
#ifndef SANITIZED
	if (dup2(null_fd, 2) == -1)
		_exit(126);
#endif
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A terminal's ^C is for the parent, which then stops in order. */
	(void)setpgid(0, 0);
	closefrom(5);
	execve(path, argv, envp);
	_exit(127);
}

int
spawn(const char *name, struct spawned *out)
{
	char	 path[1024];
	int	 log_fds[2] = { -1, -1 }, link_fds[2] = { -1, -1 };
	pid_t	 pid;
	int	 n, saved;

	n = snprintf(path, sizeof(path), "%s/%s", LIBEXECDIR, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		goto fail;
	}
	if (spawn_pair(log_fds) == -1 || spawn_pair(link_fds) == -1)
		goto fail;
	if ((pid = fork()) == -1)
		goto fail;
	if (pid == 0)
		become(path, name, log_fds[1], link_fds[1]);
	close(log_fds[1]);
	close(link_fds[1]);
	out->pid = pid;
	out->log_fd = log_fds[0];
	out->link_fd = link_fds[0];
	return 0;
 fail:
	saved = errno;
	for (n = 0; n < 2; n++) {
		if (log_fds[n] != -1)
			close(log_fds[n]);
		if (link_fds[n] != -1)
			close(link_fds[n]);
	}
	errno = saved;
	log_warn("cannot start %s", name);
	return -1;
}
