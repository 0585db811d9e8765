/*
 * Holds the header of a message that arrives in pieces until its end is
 * known, and notes which fields it has.
 */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define HEADER_MAX	(256U << 10)	/* bytes held; the rest counts as body */

struct header {
	char		*buf;
	size_t		 size;
	size_t		 capacity;
	size_t		 line;		/* where the unfinished line starts */
	uint32_t	 nreceived;
	uint8_t		 has_date;
	uint8_t		 has_message_id;
	uint8_t		 has_from;
	uint8_t		 no_blank;	/* a line that is no field ended it:
					 * an empty line has to go before */
};

/*
 * Takes bytes up to the end of the header; *used of them are held in buf.
 * 1: the header is complete, 0: more must come, -1: no memory.
 */
int	header_feed(struct header *, const char *in, size_t size, size_t *used);
void	header_free(struct header *);

#endif
