/*
 * Opens directories of a mailbox whose owner may be an attacker: component
 * after component, each with O_NOFOLLOW.  Called by maildir.c and mbox.c.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/sizes.h"

#include "walk.h"

int
walk_enter(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd, saved;

	fd = openat(dir_fd, name, flags);
	if (fd != -1 || errno != ENOENT)
		return fd;
	if (mkdirat(dir_fd, name, 0700) == -1) {
		if (errno != EEXIST)
			return -1;
	} else if (fsync(dir_fd) == -1) {
		/* the next to come would take it for safe */
		saved = errno;
		unlinkat(dir_fd, name, AT_REMOVEDIR);
		errno = saved;
		return -1;
	}
	return openat(dir_fd, name, flags);
}

int
walk_path(int root_fd, const char *path)
{
	char copy[PATHNAME_SIZE], *name, *rest = copy;
	int fd, next;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = dup(root_fd)) == -1)
		return -1;
	while ((name = strsep(&rest, "/")) != NULL) {
		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			close(fd);
			errno = EPERM;
			return -1;
		}
		next = walk_enter(fd, name);
		if (next == -1) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		close(fd);
		fd = next;
	}
	return fd;
}
