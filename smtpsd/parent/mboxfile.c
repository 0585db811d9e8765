/*
 * Called by deliver.c.  In /var/mail only root and a group may make files.
 * deliver never has that group: with it, it could rename and remove the
 * mailboxes of others.  So root makes the file, empty, before deliver looks
 * for it; members of the group may play with the names meanwhile, but what
 * is given away is always a file that was made here just now.
 */
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mboxfile.h"
#include "spool.h"

static int
make(int dir_fd, const char *name, const struct account *who)
{
	int	 fd, saved;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return errno == EEXIST ? 0 : -1;
	/* The directory's set-group-id bit may have chosen the group. */
	if (fchmod(fd, 0600) == -1 || fchown(fd, who->uid, (gid_t)-1) == -1 ||
	    fsync(dir_fd) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return close(fd);
}

int
mboxfile_make(const char *root, const char *rest, const char *user,
    const struct account *who, char *err, size_t errsize)
{
	char		 name[256];
	struct stat	 st;
	size_t		 i;
	int		 fd, rc = 0;

	if (strcmp(rest, "%{user.username}") == 0) {
		if (strlcpy(name, user, sizeof(name)) >= sizeof(name))
			return 0;
		for (i = 0; name[i] != '\0'; i++)
			name[i] = (char)tolower((unsigned char)name[i]);
	} else if (strlcpy(name, rest, sizeof(name)) >= sizeof(name) ||
	    strchr(rest, '%') != NULL)
		return 0;
	if (strchr(name, '/') != NULL || name[0] == '.')
		return 0;
	if ((fd = spool_open_dir(root, 0, 0, 0755, err, errsize)) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == 0 &&
	    (rc = make(fd, name, who)) == -1)
		snprintf(err, errsize, "%s/%s: %s", root, name,
		    strerror(errno));
	close(fd);
	return rc;
}
