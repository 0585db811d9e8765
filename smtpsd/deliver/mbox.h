/*
 * Appending messages to an mbox.  For deliver only.
 */
#ifndef DELIVER_MBOX_H
#define DELIVER_MBOX_H

#include <sys/types.h>

#include <stddef.h>

#include "outcome.h"
#include "stage.h"

struct mbox {
	int	fd;		/* -1: not open */
	int	dir_fd;
	int	dotlock_fd;	/* -1: none */
	off_t	start;		/* size before the first message of ours */
	char	name[256];
	char	lock[256 + 8];
};

struct mbox_message {
	const char		*sender;
	const char		*recipient;
	const struct stage	*body;
};

/*
 * Open and lock root_fd/path, made if it is missing.  It must be a plain
 * file of our own with one name.  Waits at most wait_ms for the locks.  On
 * -1 nothing is left open.
 */
int	mbox_open(struct mbox *, int root_fd, const char *path,
	    unsigned int wait_ms, struct outcome *);
/* On -1 the file has the size it had before. */
int	mbox_append(struct mbox *, const struct mbox_message *,
	    struct outcome *);
/*
 * Flush, unlock and close.  -1: what was appended since mbox_open() is gone
 * again.
 */
int	mbox_close(struct mbox *, struct outcome *);

#endif
