/*
 * Writing messages into Maildirs: making what is missing, tmp, fsync, new.
 * For deliver only.  Paths are always below a directory descriptor and no
 * symbolic link is followed.
 */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include <stddef.h>

#include "outcome.h"

struct maildir_file;

/* Host part of file names, read before the chroot. */
void	maildir_set_host(const char *);

/*
 * A new file below root_fd/path/tmp with its first two header lines.  raw:
 * the body is BINARYMIME, no byte of it is changed.
 */
struct maildir_file *maildir_open(int root_fd, const char *path, int raw,
	    const char *sender, const char *recipient, struct outcome *);
/* Bytes of the body, CRLF becomes LF. -1: failed, only discard is left. */
int	maildir_write(struct maildir_file *, const char *, size_t,
	    struct outcome *);
/*
 * Flush n files and move them to new; an outcome for each.  Frees the files
 * whatever happens.  They are flushed together: that is what makes a batch
 * cheaper than its messages.
 */
void	maildir_commit(struct maildir_file *const *, struct outcome *const *,
	    size_t n);
/* Remove the temporary file and free.  NULL is ok. */
void	maildir_discard(struct maildir_file *);

#endif
