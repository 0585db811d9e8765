/*
 * The reader of what follows DATA: finds CRLF.CRLF, undoes dot-stuffing,
 * refuses what could be read differently elsewhere; and of the chunks of
 * BDAT, which have no dots but are else read the same.  No memory, no
 * process.
 */
#ifndef NET_DATA_H
#define NET_DATA_H

#include <stddef.h>
#include <stdint.h>

#define DATA_LINE_MAX	998	/* bytes without CRLF, RFC 5322 2.1.1 */

enum data_fault { DATA_FINE, DATA_LINE_END, DATA_LONG_LINE, DATA_TOO_BIG };

struct data {
	/* Gets the bytes of the message as long as there is no fault. */
	void		(*put)(void *, const char *, size_t);
	void		*arg;
	uint64_t	 max;		/* bytes of the message */
	uint64_t	 size;		/* bytes put */
	uint32_t	 column;	/* bytes of this line so far */
	uint8_t		 state;
	uint8_t		 fault;		/* enum data_fault: the first one */
	uint8_t		 has_8bit;
	uint8_t		 is_binary;	/* chunks: any bytes in the body */
};

void	data_init(struct data *, uint64_t max,
	    void (*put)(void *, const char *, size_t), void *arg);
/* 1: the end was found, *used bytes belong to the message; 0: all used. */
int	data_feed(struct data *, const char *in, size_t size, size_t *used);

/* All of in belongs to the message (RFC 3030). */
void	data_chunk(struct data *, const char *in, size_t size);
/* Behind the last chunk: a line without its end gets one. */
void	data_chunk_end(struct data *);

#endif
