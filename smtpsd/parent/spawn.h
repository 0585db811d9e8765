/*
 * Starts a program of LIBEXECDIR with its log link and its parent link.
 */
#ifndef PARENT_SPAWN_H
#define PARENT_SPAWN_H

#include <sys/types.h>

#include <stdint.h>

struct spawned {
	pid_t	pid;
	int	link_fd;	/* the parent's ends, owned by the caller */
	int	log_fd;
};

/* name is of LIBEXECDIR.  -1 and a line in the log: nothing was started. */
int		 spawn(const char *name, struct spawned *);
/* A connected pair, close-on-exec.  -1 and errno. */
int		 spawn_pair(int fds[2]);
/* Process ids of boot.h, never used twice in the parent's life. */
uint32_t	 spawn_next_id(void);

#endif
