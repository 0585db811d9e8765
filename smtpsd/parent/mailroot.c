/*
 * Splits a mailbox path of the configuration into the root directory of the
 * deliver process and what it sees below it; tells homes from what only
 * stands in their place.  Pure.
 */
#include <stdio.h>
#include <string.h>

#include "mailroot.h"

static int
has_dotdot(const char *path)
{
	size_t	 n;

	for (; *path != '\0'; path += n) {
		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return 1;
	}
	return 0;
}

int
mailroot_split(const char *path, const char *home, char *root, size_t rootsize,
    char *rest, size_t restsize)
{
	char		 copy[2048];
	const char	*cut;
	size_t		 n;

	if (has_dotdot(path) ||
	    strlcpy(copy, path, sizeof(copy)) >= sizeof(copy))
		return -1;
	for (n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	if (copy[0] == '~' && copy[1] == '/') {
		cut = copy + 2 + strspn(copy + 2, "/");
		if (home[0] != '/' || home[1] == '\0' || cut[0] == '\0')
			return -1;
		return strlcpy(root, home, rootsize) >= rootsize ||
		    strlcpy(rest, cut, restsize) >= restsize ? -1 : 0;
	}
	if (copy[0] != '/')
		return -1;
	/* The last '/' before the first variable, or before the last name. */
	if ((cut = strstr(copy, "%{")) == NULL)
		cut = copy + strlen(copy);
	while (cut > copy && cut[-1] != '/')
		cut--;
	n = cut - copy;
	while (n > 1 && copy[n - 1] == '/')
		n--;
	/* "/" itself as a root would confine nothing. */
	if (n <= 1 || cut[0] == '\0' || n >= rootsize)
		return -1;
	memcpy(root, copy, n);
	root[n] = '\0';
	return strlcpy(rest, cut, restsize) >= restsize ? -1 : 0;
}

int
mailroot_is_home(const char *home)
{
	static const char *const systems[] = { "/bin", "/boot", "/dev",
	    "/etc", "/nonexistent", "/proc", "/sbin", "/sys", "/usr/bin",
	    "/usr/games", "/usr/sbin", "/var/empty" };
	size_t		 i, n;

	for (i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		n = strlen(systems[i]);
		if (strncmp(home, systems[i], n) == 0 &&
		    (home[n] == '\0' || home[n] == '/'))
			return 0;
	}
	return home[0] == '/' && home[strspn(home, "/")] != '\0';
}

/* As they are written: another way to the same place is not seen here. */
int
mailroot_is_below(const char *path, const char *home)
{
	size_t	 n = strlen(home);

	while (n > 1 && home[n - 1] == '/')
		n--;
	return mailroot_is_home(home) && strncmp(path, home, n) == 0 &&
	    path[n] == '/';
}
