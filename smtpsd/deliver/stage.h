/*
 * A body in memory, with LF at the ends of lines.  For deliver only.
 */
#ifndef DELIVER_STAGE_H
#define DELIVER_STAGE_H

#include <stddef.h>

/* Zeroed is empty; stage_free() makes it so again. */
struct stage {
	char	*data;
	size_t	 used;
	size_t	 room;
	int	 raw;		/* keep every byte */
	int	 has_cr;	/* last byte, not yet in data */
};

int	stage_add(struct stage *, const char *, size_t);	/* -1: no memory */
int	stage_end(struct stage *);
void	stage_free(struct stage *);

#endif
