/*
 * The strict reader of command lines.  A line that holds a bare LF is
 * refused as soon as the LF is seen (a client that ends its lines so would
 * otherwise wait for ever), but what follows up to the next CRLF still
 * belongs to the refused line and is never run as a command: that is what
 * SMTP smuggling needs.  The same holds for the rest of an overlong line.
 */
#include <string.h>

#include "line.h"

/* Drop up to LF; the end of the skipped line only if it is a CRLF. */
static enum line_result
line_skip(struct line *l, const char *buf, size_t len, size_t *used)
{
	const char	*nl;

	if ((nl = memchr(buf, '\n', len)) == NULL) {
		/* Keep a last CR: its LF may come next. */
		*used = buf[len - 1] == '\r' ? len - 1 : len;
		return LINE_MORE;
	}
	*used = (size_t)(nl - buf) + 1;
	if (nl == buf || nl[-1] != '\r')
		return LINE_BAD;
	l->skip = 0;
	return LINE_SKIPPED;
}

enum line_result
line_next(struct line *l, const char *buf, size_t len, size_t *used,
    size_t *size)
{
	const char	*nl;
	size_t		 n;

	*used = *size = 0;
	if (len == 0)
		return LINE_MORE;
	if (l->skip)
		return line_skip(l, buf, len, used);
	n = len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES;
	if ((nl = memchr(buf, '\n', n)) == NULL) {
		if (n < LINE_MAX_BYTES)
			return LINE_MORE;
		l->skip = 1;
		*used = buf[n - 1] == '\r' ? n - 1 : n;
		return LINE_LONG;
	}
	n = (size_t)(nl - buf);
	*used = n + 1;
	if (n == 0 || buf[n - 1] != '\r') {
		l->skip = 1;
		return LINE_BAD;
	}
	if (memchr(buf, '\r', n - 1) != NULL || memchr(buf, '\0', n) != NULL)
		return LINE_BAD;
	*size = n - 1;
	return LINE_OK;
}
