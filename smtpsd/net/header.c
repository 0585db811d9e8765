/*
 * The header of a message: kept back until it is complete, because which
 * fields have to be added in front of it is known only then.  A first line
 * that is neither a field nor empty means that the message has no header.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "header.h"

static int
header_hold(struct header *h, const char *in, size_t size)
{
	size_t	 want;
	char	*p;

	if (h->size + size > h->capacity) {
		want = h->capacity == 0 ? 2048 : h->capacity;
		while (want < h->size + size)
			want *= 2;
		if ((p = realloc(h->buf, want)) == NULL)
			return -1;
		h->buf = p;
		h->capacity = want;
	}
	memcpy(h->buf + h->size, in, size);
	h->size += size;
	return 0;
}

static int
header_is(const char *name, size_t size, const char *want)
{
	return strlen(want) == size && strncasecmp(name, want, size) == 0;
}

/* One whole line, CRLF included.  1: it is not part of the header. */
static int
header_line(struct header *h, const char *line, size_t size)
{
	size_t	i, n;

	if (line[0] == ' ' || line[0] == '\t')
		return h->line == 0;
	for (i = 0; i < size && line[i] > ' ' && line[i] < 127 &&
	    line[i] != ':'; i++)
		;
	n = i;
	while (i < size && (line[i] == ' ' || line[i] == '\t'))
		i++;	/* RFC 5322 4.5: obsolete space before the colon */
	if (n == 0 || i == size || line[i] != ':')
		return 1;
	if (header_is(line, n, "Received"))
		h->nreceived++;
	else if (header_is(line, n, "Date"))
		h->has_date = 1;
	else if (header_is(line, n, "Message-ID"))
		h->has_message_id = 1;
	else if (header_is(line, n, "From"))
		h->has_from = 1;
	return 0;
}

int
header_feed(struct header *h, const char *in, size_t size, size_t *used)
{
	const char	*nl;
	size_t		 n, line_size, before;

	*used = 0;
	while (*used < size) {
		nl = memchr(in + *used, '\n', size - *used);
		n = nl == NULL ? size - *used : (size_t)(nl + 1 - in) - *used;
		before = h->size;
		if (before + n > HEADER_MAX)
			return 1;
		if (header_hold(h, in + *used, n) == -1)
			return -1;
		*used += n;
		if (nl == NULL)
			return 0;
		line_size = h->size - h->line;
		if (line_size == 2)
			return 1;	/* the empty line, held as well */
		if (header_line(h, h->buf + h->line, line_size)) {
			/* The offending line stays where it is, at the end
			 * of buf; the caller puts an empty line before it. */
			h->no_blank = 1;
			return 1;
		}
		h->line = h->size;
	}
	return 0;
}

void
header_free(struct header *h)
{
	free(h->buf);
	memset(h, 0, sizeof(*h));
}
