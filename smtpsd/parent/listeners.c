/*
 * The listening sockets.
 *
 * Called by parent.c at start and in a reload, which keeps the sockets whose
 * address stays: connections that wait in their backlog are not lost.  All
 * sockets of a new configuration are bound before anything of the old one is
 * given up, so a failure changes nothing.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "listeners.h"
#include "spool.h"

#define BACKLOG		1024
#define CONTROL_BACKLOG	64

static const struct listener_addr *
find_addr(const struct conf *conf, uint32_t id)
{
	size_t	 i, k;

	if (conf == NULL)
		return NULL;
	for (i = 0; i < conf->nlisteners; i++) {
		for (k = 0; k < conf->listeners[i]->naddrs; k++) {
			if (conf->listeners[i]->addrs[k].id == id)
				return &conf->listeners[i]->addrs[k];
		}
	}
	return NULL;
}

static int
bind_addr(const struct listener_addr *a)
{
	int	 fd, on = 1, saved;

	fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (a->ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (const struct sockaddr *)&a->ss, a->ss_len) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static const char *
bind_hint(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "address in use: another smtpsd or mail server listens "
		    "there";
	case EADDRNOTAVAIL:
		return "this machine does not have the address";
	case EACCES:
		return "permission denied: ports below 1024 need root";
	default:
		return strerror(error);
	}
}

/* A stale socket of ours may go; anything else stays and is an error. */
static int
clear_socket(int dir_fd, const char *path, const char *name, char *err,
    size_t errsize)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct stat		 st;
	int			 fd, n;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode) || st.st_uid != 0) {
		snprintf(err, errsize, "%s: is in the way and not a socket of "
		    "root's", path);
		return -1;
	}
	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return -1;
	}
	/* A full backlog is an answer: others would keep root waiting here. */
	n = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN;
	close(fd);
	if (n) {
		snprintf(err, errsize, "%s: somebody, another smtpsd maybe, "
		    "answers on this socket", path);
		return -1;
	}
	if (unlinkat(dir_fd, name, 0) == -1) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

/*
 * A Unix socket that everybody may connect to: who did is asked of each
 * connection.
 */
static int
bind_unix(const char *path, int backlog, char *err, size_t errsize)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct stat		 st;
	char			 dir[PATHNAME_SIZE];
	const char		*name;
	int			 dir_fd, fd = -1;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path) || path[0] != '/' ||
	    (name = strrchr(path, '/'))[1] == '\0') {
		snprintf(err, errsize, "%s: not a usable path for a socket",
		    path);
		return -1;
	}
	name++;
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	if ((dir_fd = spool_open_dir(dir, 0, 0, 0755, err, errsize)) == -1)
		return -1;
	/* Else the name could become a link between bind and chmod. */
	if (fstat(dir_fd, &st) == -1 || st.st_uid != 0 ||
	    ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))) {
		snprintf(err, errsize, "%s: must belong to root and be writable "
		    "by nobody else", dir);
		goto out;
	}
	if (clear_socket(dir_fd, path, name, err, errsize) == -1)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    fchmodat(dir_fd, name, 0666, 0) == -1 || listen(fd, backlog) == -1) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		fd = -1;
	}
 out:
	close(dir_fd);
	return fd;
}

static int
has_same_control(const struct conf *conf, const struct conf *old)
{
	return old != NULL && old->control_fd != -1 &&
	    strcmp(conf->control_path, old->control_path) == 0;
}

static int
bind_one(const struct conf_listener *l, struct listener_addr *a, char *err,
    size_t errsize)
{
	char	 why[1024];

	if (l->kind == LISTENER_LOCAL)
		a->fd = bind_unix(l->path, BACKLOG, why, sizeof(why));
	else if ((a->fd = bind_addr(a)) == -1)
		snprintf(why, sizeof(why), "listen on %s port %u: %s", a->text,
		    l->port, bind_hint(errno));
	if (a->fd == -1)
		snprintf(err, errsize, "%s:%u: %s", l->where.file,
		    l->where.line, why);
	return a->fd == -1 ? -1 : 0;
}

static void
unlink_socket(const char *path)
{
	struct stat	 st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

/* The names of the Unix sockets that a configuration still has. */
static void
unlink_local(const struct conf *conf)
{
	const struct conf_listener	*l;
	size_t				 i;

	for (i = 0; i < conf->nlisteners; i++) {
		l = conf->listeners[i];
		if (l->kind == LISTENER_LOCAL && l->naddrs > 0 &&
		    l->addrs[0].fd != -1)
			unlink_socket(l->path);
	}
}

int
listeners_open(struct conf *conf, const struct conf *old, char *err,
    size_t errsize)
{
	const struct listener_addr	*was;
	struct conf_listener		*l;
	size_t				 i, k;

	for (i = 0; i < conf->nlisteners; i++) {
		l = conf->listeners[i];
		for (k = 0; k < l->naddrs; k++) {
			was = find_addr(old, l->addrs[k].id);
			if (was != NULL && was->fd != -1)
				continue;
			if (bind_one(l, &l->addrs[k], err, errsize) == -1)
				return -1;
		}
	}
	if (conf->control_path[0] == '\0' || has_same_control(conf, old))
		return 0;
	conf->control_fd = bind_unix(conf->control_path, CONTROL_BACKLOG, err,
	    errsize);
	return conf->control_fd == -1 ? -1 : 0;
}

void
listeners_move(struct conf *conf, struct conf *old)
{
	struct conf_listener	*l;
	struct listener_addr	*was;
	size_t			 i, k;

	for (i = 0; i < conf->nlisteners; i++) {
		l = conf->listeners[i];
		for (k = 0; k < l->naddrs; k++) {
			was = (struct listener_addr *)(uintptr_t)
			    find_addr(old, l->addrs[k].id);
			if (l->addrs[k].fd != -1 || was == NULL)
				continue;
			l->addrs[k].fd = was->fd;
			was->fd = -1;
		}
	}
	if (conf->control_fd == -1 && has_same_control(conf, old)) {
		conf->control_fd = old->control_fd;
		old->control_fd = -1;
	} else if (old->control_fd != -1)
		unlink_socket(old->control_path);
	unlink_local(old);
}

void
listeners_unlink(const struct conf *conf)
{
	if (conf == NULL)
		return;
	if (conf->control_fd != -1)
		unlink_socket(conf->control_path);
	unlink_local(conf);
}
