/*
 * Writing one message into one Maildir: expanding the mailbox's path,
 * making what is missing, tmp, fsync, new.  For deliver only.  Paths are
 * always below a directory descriptor and no symbolic link is followed.
 */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include <stddef.h>

/* Why it failed, in the words of agent_queue_result. */
struct maildir_error {
	int	class;		/* enum agent_class */
	char	status[12];	/* RFC 3463 */
	char	text[256];
};

struct maildir_file;

/* Host part of file names, read before the chroot. */
void	maildir_set_host(const char *);

/*
 * Expand %{dest.user}, %{dest.domain} and %{user.username}, lower-case.
 * MAILDIR_BAD_ADDRESS: the value cannot be the name of a directory;
 * MAILDIR_BAD_PATTERN: the configuration is wrong.
 */
#define MAILDIR_BAD_ADDRESS	(-1)
#define MAILDIR_BAD_PATTERN	(-2)
int	maildir_expand(const char *pattern, const char *recipient,
	    const char *user, char *out, size_t outsize);

/* A new file below root_fd/path/tmp with its first two header lines. */
struct maildir_file *maildir_open(int root_fd, const char *path,
	    const char *sender, const char *recipient, struct maildir_error *);
/* Bytes of the body, CRLF becomes LF. -1: failed, only discard is left. */
int	maildir_write(struct maildir_file *, const char *, size_t,
	    struct maildir_error *);
/* fsync and move to new.  Frees the file whatever happens. */
int	maildir_commit(struct maildir_file *, struct maildir_error *);
/* Remove the temporary file and free.  NULL is ok. */
void	maildir_discard(struct maildir_file *);

#endif
