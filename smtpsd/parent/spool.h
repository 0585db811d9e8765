/*
 * The directories that children are confined to: made and checked, all the
 * way down from "/", before anybody is locked into them.
 */
#ifndef PARENT_SPOOL_H
#define PARENT_SPOOL_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Opens path one component at a time without following links.  Each parent
 * must be root's and not writable by others (a sticky directory is fine).
 * What is missing is made: parents root's 0755, the last one for uid/gid
 * with mode.  The descriptor (close-on-exec), or -1 and a reason in err.
 */
int	spool_open_dir(const char *path, uid_t, gid_t, mode_t mode, char *err,
	    size_t errsize);
/*
 * The queue's directory: _smtpsq's own, 0700, and locked for as long as the
 * parent lives, so that there is one daemon on it.  -1 and a reason.
 */
int	spool_prepare(const char *path, uid_t, gid_t, char *err, size_t errsize);
/* The empty root directory for the others; NULL and a reason. */
const char *spool_empty_dir(char *err, size_t errsize);

#endif
