/*
 * What usersfile.c and userschange.c share.  For these two only.
 */
#ifndef MAIL_USERSFILE_IMPL_H
#define MAIL_USERSFILE_IMPL_H

#include <sys/types.h>

#include <stddef.h>

#define USERS_KEY_TEXT	"#scram-key:"
#define USERS_HASH_SIZE	256	/* what crosses to a worker */

/* Always -1. */
int	 users_complain(char *err, size_t errsize, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
int	 users_check_file(int fd, const char *path, off_t *size, char *err,
	    size_t errsize);
char	*users_read_all(int fd, size_t size, size_t *got, char *err,
	    size_t errsize);

#endif
