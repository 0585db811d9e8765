/*
 * Where a deliver process is locked in: the fixed part of a mailbox's path;
 * and which homes may have mailboxes.
 */
#ifndef PARENT_MAILROOT_H
#define PARENT_MAILROOT_H

#include <stddef.h>

/*
 * "~/Maildir" gives home and "Maildir"; "/a/b/%{dest.user}/c" gives "/a/b"
 * and the rest; "/a/b" gives "/a" and "b".  0, or -1: the path has no such
 * form, leads upwards, or does not fit.
 */
int	mailroot_split(const char *path, const char *home, char *root,
	    size_t rootsize, char *rest, size_t restsize);

/*
 * 0: this home of an account is none: not an absolute path, "/", or a place
 * that belongs to the system, in which no user has a mailbox.  Only the path
 * counts: whether it is there is not looked at.
 */
int	mailroot_is_home(const char *home);

/* 1: the path is below such a home. */
int	mailroot_is_below(const char *path, const char *home);

#endif
