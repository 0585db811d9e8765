/*
 * Finds mail that has been in this mailbox before, by its Delivered-To
 * fields.  For deliver only.
 */
#ifndef DELIVER_LOOP_H
#define DELIVER_LOOP_H

#include <stddef.h>

#include "proto/sizes.h"

#define LOOP_LINE_MAX	(MAILADDR_SIZE + 32)

/* Zeroed before the first byte of a message. */
struct loop {
	int	is_over;		/* the header is */
	size_t	used;
	char	line[LOOP_LINE_MAX];
};

/*
 * The next bytes of the body; found() is called for each address.  Costs
 * nothing more when the header is over.
 */
void	loop_feed(struct loop *, const char *data, size_t size,
	    void (*found)(void *arg, const char *address), void *arg);

#endif
