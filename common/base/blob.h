/*
 * A text or file that is larger than one message and crosses a link in
 * pieces: {total, offset} + bytes, in order.  Used for certificates, tables,
 * CA bundles.  A zeroed struct is an empty blob; blob_free() wipes it.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#define BLOB_PIECE_MAX	15000
#define BLOB_TOTAL_MAX	(64U << 20)	/* bytes */

struct blob {
	char		*data;		/* NUL-terminated beyond size */
	uint32_t	 size;		/* bytes received so far */
	uint32_t	 total;		/* bytes announced */
};

/* 1: complete, 0: more to come, -1: out of order, too large, no memory. */
int	blob_add(struct blob *, uint32_t total, uint32_t offset,
	    const void *piece, size_t piece_size);
void	blob_free(struct blob *);

#endif
