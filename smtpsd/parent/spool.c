/*
 * Makes, checks and locks directories.
 *
 * Called by parent.c at start and by deliver.c for mailboxes of a virtual
 * user.  A directory to be chrooted into by root must not be replaceable by
 * anybody else, so every parent of it is looked at, from the root down,
 * through descriptors.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/sizes.h"
#include "spool.h"

#define DIR_FLAGS	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int	spool_fd = -1;	/* holds the lock */

/* Root's, and nobody else may replace what is in it. */
static const char *
parent_fault(int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (st.st_uid != 0)
		return "does not belong to root";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return "is writable by others than root";
	return NULL;
}

static int
open_or_make(int at, const char *name, mode_t mode, uid_t uid, gid_t gid,
    int *made)
{
	int	 fd;

	*made = 0;
	if ((fd = openat(at, name, DIR_FLAGS)) != -1 || errno != ENOENT)
		return fd;
	if (mkdirat(at, name, 0700) == -1) {
		/* Somebody else's, made just now: never to be given away. */
		return errno == EEXIST ? openat(at, name, DIR_FLAGS) : -1;
	}
	if ((fd = openat(at, name, DIR_FLAGS)) == -1)
		return -1;
	*made = 1;
	if (fchown(fd, uid, gid) == -1 || fchmod(fd, mode) == -1 ||
	    fsync(at) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
say(char *err, size_t errsize, const char *path, const char *end,
    const char *what)
{
	snprintf(err, errsize, "%.*s: %s", (int)(end - path), path, what);
}

int
spool_open_dir(const char *path, uid_t uid, gid_t gid, mode_t mode, char *err,
    size_t errsize)
{
	char		 name[256];
	const char	*p = path, *fault;
	size_t		 n;
	int		 fd, next, made, is_last;

	if (path[0] != '/') {
		snprintf(err, errsize, "%s: must begin with /", path);
		return -1;
	}
	if ((fd = open("/", DIR_FLAGS)) == -1) {
		snprintf(err, errsize, "/: %s", strerror(errno));
		return -1;
	}
	for (;;) {
		while (*p == '/')
			p++;
		if (*p == '\0')
			return fd;
		n = strcspn(p, "/");
		is_last = p[n + strspn(p + n, "/")] == '\0';
		if (n >= sizeof(name) || (n == 2 && p[0] == '.' && p[1] == '.')) {
			say(err, errsize, path, p + n, "bad name");
			break;
		}
		memcpy(name, p, n);
		name[n] = '\0';
		if ((fault = parent_fault(fd)) != NULL) {
			say(err, errsize, path, p, fault);
			break;
		}
		next = is_last ? open_or_make(fd, name, mode, uid, gid, &made) :
		    open_or_make(fd, name, 0755, 0, 0, &made);
		if (next == -1) {
			say(err, errsize, path, p + n, errno == ELOOP ||
			    errno == ENOTDIR ? "not a directory (symbolic links "
			    "are not followed here)" : strerror(errno));
			break;
		}
		close(fd);
		fd = next;
		p += n;
	}
	close(fd);
	return -1;
}

/* What others could have planted while the directory was open to them. */
static const char *
file_fault(int dir_fd, const char *name, uid_t uid)
{
	struct stat	 st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? NULL : strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a file (links are not followed here): look at "
		    "it and move it away";
	if (st.st_nlink != 1)
		return "has a second name: look for it and move this one away";
	if (st.st_uid != uid)
		return "does not belong to _smtpsq: if it is an old queue of "
		    "smtpsd, chown it";
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return "is writable by others: if it was not changed, chmod it "
		    "600";
	return NULL;
}

/* -1 and err if a file of the queue is not the queue's alone. */
static int
check_files(int fd, const char *path, uid_t uid, char *err, size_t errsize)
{
	static const char *const	 names[] = {
		"queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal"
	};
	const char			*fault;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((fault = file_fault(fd, names[i], uid)) == NULL)
			continue;
		snprintf(err, errsize, "%s/%s: %s", path, names[i], fault);
		return -1;
	}
	return 0;
}

static int
check_spool(int fd, const char *path, uid_t uid, char *err, size_t errsize)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
	else if (st.st_uid != uid)
		snprintf(err, errsize, "%s: must belong to _smtpsq (chown -R "
		    "_smtpsq it if it is an old spool)", path);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		snprintf(err, errsize, "%s: is writable by others: look what "
		    "they have put there, then chmod it 700", path);
	else if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) == -1)
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
	else if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		snprintf(err, errsize, "%s: %s", path, errno == EWOULDBLOCK ?
		    "another smtpsd runs on this spool" : strerror(errno));
	else
		return check_files(fd, path, uid, err, errsize);
	return -1;
}

int
spool_prepare(const char *path, uid_t uid, gid_t gid, char *err,
    size_t errsize)
{
	int	 fd;

	if ((fd = spool_open_dir(path, uid, gid, 0700, err, errsize)) == -1)
		return -1;
	if (check_spool(fd, path, uid, err, errsize) == -1) {
		close(fd);
		return -1;
	}
	spool_fd = fd;
	return 0;
}

static int
is_empty(int fd)
{
	struct dirent	*d;
	DIR		*dir;
	int		 copy, n = 0;

	if ((copy = dup(fd)) == -1)
		return 0;
	if ((dir = fdopendir(copy)) == NULL) {
		close(copy);
		return 0;
	}
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			n++;
	}
	closedir(dir);
	return n == 0;
}

const char *
spool_empty_dir(char *err, size_t errsize)
{
	static const char *const	 paths[] = {
		"/var/empty/smtpsd", "/run/smtpsd/empty"
	};
	struct stat			 st;
	size_t				 i;
	int				 fd, good;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if ((fd = spool_open_dir(paths[i], 0, 0, 0755, err,
		    errsize)) == -1)
			continue;
		good = fstat(fd, &st) == 0 && st.st_uid == 0 &&
		    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 && is_empty(fd);
		close(fd);
		if (good)
			return paths[i];
		snprintf(err, errsize, "%s: must be empty, root's and writable "
		    "by nobody else", paths[i]);
	}
	return NULL;
}
