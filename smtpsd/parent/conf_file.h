/*
 * Reading the files that the configuration names, with the refusals that
 * their content asks for.  For conf_*.c only.
 */
#ifndef PARENT_CONF_FILE_H
#define PARENT_CONF_FILE_H

#include <sys/stat.h>

#include <stddef.h>

enum file_kind {
	FILE_CONFIG,	/* others may read, only the owner may write */
	FILE_PUBLIC,	/* others may read, nobody but owner/group writes */
	FILE_SECRET	/* owner alone, no symbolic link */
};

#define CONF_FILE_MAX	(32U << 20)	/* bytes */

/*
 * The whole file, NUL-terminated beyond *size; free it with freezero().
 * NULL and a reason that names the file, with a hint, in err.  st may be NULL.
 */
char	*conf_file_read(const char *path, enum file_kind, size_t *size,
	    struct stat *st, char *err, size_t errsize);

#endif
