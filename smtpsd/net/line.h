/*
 * The strict reader of command lines: CRLF ends a line and nothing else
 * does.  No memory, no process; used by smtp.c and the fuzz target.
 */
#ifndef NET_LINE_H
#define NET_LINE_H

#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_BYTES	8192	/* room for AUTH with a token, RFC 4954 4 */

enum line_result {
	LINE_MORE,	/* no whole line yet */
	LINE_OK,	/* a line of *size bytes without its CRLF */
	LINE_LONG,	/* more than LINE_MAX_BYTES: answer it once */
	LINE_BAD,	/* bare CR, bare LF or NUL: answer it once */
	LINE_SKIPPED	/* the rest of a line that was answered already */
};

struct line {
	uint8_t	skip;	/* drop everything up to the next CRLF */
};

/*
 * Looks at the start of buf.  *used: bytes to drop from it (also for
 * LINE_MORE); *size: length of the line that starts at buf (LINE_OK).
 */
enum line_result	line_next(struct line *, const char *buf, size_t len,
			    size_t *used, size_t *size);

#endif
