/*
 * Holds the header of a message that arrives in pieces until its end is
 * known, and notes which fields it has and where those stand that say whom
 * it is from.
 */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum header_fault { HEADER_FINE, HEADER_TOO_BIG, HEADER_TOO_MANY,
	HEADER_LINE_END };

enum header_name {
	HEADER_OTHER,
	HEADER_FROM,		/* the first four are kept in author[] */
	HEADER_SENDER,
	HEADER_RESENT_FROM,
	HEADER_RESENT_SENDER,
	HEADER_DATE,
	HEADER_MESSAGE_ID,
	HEADER_RECEIVED,
	HEADER_NAMES
};
#define HEADER_AUTHORS	16	/* From, Sender and Resent- forms kept */

struct header_author {
	uint32_t	 name;		/* enum header_name */
	uint32_t	 start;		/* in buf, behind the colon */
	uint32_t	 end;		/* before the last line end */
};

struct header {
	char			*buf;
	size_t			 size;
	size_t			 capacity;
	size_t			 line;	/* where the unfinished line starts */
	uint32_t		 nfields;
	uint32_t		 count[HEADER_NAMES];
	uint32_t		 nauthors;	/* seen; the first ones kept */
	struct header_author	 author[HEADER_AUTHORS];
	uint8_t			 in_author;	/* of the last field */
	uint8_t			 fault;		/* enum header_fault */
	uint8_t			 no_blank;	/* a line that is no field ended
						 * it: an empty line has to go
						 * before */
};

struct header_limits {
	uint32_t	 bytes;
	uint32_t	 fields;
};

/*
 * Takes bytes up to the end of the header; *used of them are held in buf.
 * 1: the header is complete, or fault says what is wrong with it; 0: more
 * must come; -1: no memory, or that of all headers is used up.
 */
int		 header_feed(struct header *, const struct header_limits *,
		    const char *in, size_t size, size_t *used);
/* "From" */
const char	*header_name(uint32_t name);
void		 header_free(struct header *);
/* For tests: bytes of all headers that are held. */
void		 header_limit(size_t bytes);

#endif
