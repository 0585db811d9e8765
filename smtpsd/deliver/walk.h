/*
 * Directories below a descriptor, without symbolic links.  For deliver only.
 */
#ifndef DELIVER_WALK_H
#define DELIVER_WALK_H

/* Open a directory in dir_fd, make it if it is missing.  -1 and errno. */
int	walk_enter(int dir_fd, const char *name);
/* The same for a path of several names; ".." is EPERM. */
int	walk_path(int root_fd, const char *path);

#endif
