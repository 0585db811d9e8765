/*
 * A system call of the traced thread: which it is, the files that it is about
 * and the bytes that it writes.  For faultat.c; Linux on x86_64.
 */
#ifndef ABUSE_FAULTCALL_H
#define ABUSE_FAULTCALL_H

#include <sys/types.h>
#include <sys/user.h>

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_SIZE	(2 * PATH_MAX)

/* What the arguments are. */
enum shape {
	FD_BYTES,		/* fd, buffer, size; at the file's position */
	FD_BYTES_AT,		/* the same and an offset */
	FD_VECTOR,		/* fd, vector */
	FD_ONLY,
	FD_SIZE,		/* fd, new size */
	FD_RANGE,		/* fd, mode, offset, size */
	PATH_ONE, PATH_TWO,
	AT_ONE, AT_TWO,		/* with descriptors of directories */
	AT_OPEN			/* counts only if it may make a file */
};

struct call {
	const char	*name;
	long		 nr;
	enum shape	 shape;
};

/* One under way.  Paths as they are seen from here. */
struct passing {
	const struct call	*call;
	uint64_t		 offset;
	char			 path[PATH_SIZE], path2[PATH_SIZE];
	char			*data;		/* kept for the next one */
	size_t			 data_size, data_room;
};

/* NULL: none that writes. */
const struct call	*call_find(const struct user_regs_struct *);
/* Fills in the rest; the bytes only if wants_data, of paths below only. */
void	call_look(struct passing *, pid_t, const struct user_regs_struct *,
	    const char *only, int wants_data);

#endif
