/*
 * Makes the mbox of a user who may not make it himself.
 */
#ifndef PARENT_MBOXFILE_H
#define PARENT_MBOXFILE_H

#include "userdb.h"

/*
 * rest is the mailbox's path below root, with variables.  Does something only
 * if root belongs to root and rest is one name.  0, or -1 and a reason.
 */
int	mboxfile_make(const char *root, const char *rest, const char *user,
	    const struct account *, char *err, size_t errsize);

#endif
