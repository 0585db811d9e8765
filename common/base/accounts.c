/*
 * getpwnam(3) and its kin return NULL for a name that nobody has and for a
 * server that does not answer; what tells the two is errno, which is easily
 * forgotten and, for getpwnam(3) itself, not reset by all systems.  The
 * functions with _r return it.
 *
 * Any error is an error, ENOENT too: glibc gives 0 for a name that its
 * services do not know, and hands on what a service that failed says, which
 * for a daemon of LDAP that is not there is ENOENT.
 *
 * A no is believed only if the file could have been read: where another
 * service stands behind "files", its no hides that there was no descriptor
 * for the file.  State owned: the memory of the last answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "accounts.h"

#define LEAST		4096			/* bytes */
#define MOST		(8 * 1024 * 1024)	/* a large group */
#define INTR_MAX	5

static char	*buffer;
static size_t	 size;

static int
grow(void)
{
	char	*more;
	size_t	 n = size == 0 ? LEAST : 2 * size;

	if (n > MOST || (more = realloc(buffer, n)) == NULL)
		return -1;
	buffer = more;
	size = n;
	return 0;
}

/*
 * Whether to call once more; *error: what the call before returned, or -1.
 * Leaves an error if there is no memory.
 */
static int
again(int *error, unsigned int *nintr)
{
	if (*error == EINTR)
		return ++*nintr < INTR_MAX;
	if (*error == -1 && size > 0)
		return 1;
	if (*error != -1 && *error != ERANGE)
		return 0;
	if (grow() == 0)
		return 1;
	*error = ENOMEM;
	return 0;
}

static enum accounts_answer
answer(int error, const void *found, const char *file)
{
	int	 fd;

	errno = error;
	if (error != 0)
		return ACCOUNTS_UNSURE;
	if (found != NULL)
		return ACCOUNTS_FOUND;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1)
		return ACCOUNTS_UNSURE;
	close(fd);
	return ACCOUNTS_NONE;
}

enum accounts_answer
accounts_user(const char *name, const struct passwd **out)
{
	static struct passwd	 pw;
	struct passwd		*found = NULL;
	unsigned int		 nintr = 0;
	int			 error = -1;

	*out = NULL;
	while (again(&error, &nintr)) {
		found = NULL;
		error = getpwnam_r(name, &pw, buffer, size, &found);
	}
	if (error == 0)
		*out = found;
	return answer(error, found, "/etc/passwd");
}

enum accounts_answer
accounts_uid(uid_t uid, const struct passwd **out)
{
	static struct passwd	 pw;
	struct passwd		*found = NULL;
	unsigned int		 nintr = 0;
	int			 error = -1;

	*out = NULL;
	while (again(&error, &nintr)) {
		found = NULL;
		error = getpwuid_r(uid, &pw, buffer, size, &found);
	}
	if (error == 0)
		*out = found;
	return answer(error, found, "/etc/passwd");
}

enum accounts_answer
accounts_group(const char *name, gid_t *gid)
{
	struct group	 gr, *found = NULL;
	unsigned int	 nintr = 0;
	int		 error = -1;

	while (again(&error, &nintr)) {
		found = NULL;
		error = getgrnam_r(name, &gr, buffer, size, &found);
	}
	if (error == 0 && found != NULL)
		*gid = found->gr_gid;
	return answer(error, found, "/etc/group");
}
