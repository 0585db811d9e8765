/*
 * The header of a message: kept back until it is complete, because which
 * fields have to be added in front of it is known only then.  A first line
 * that is neither a field nor empty means that the message has no header.
 * State: the memory of all that are kept back, which has a limit, because
 * each session may have one.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "header.h"

static size_t	held, held_max = (size_t)256 << 20;

void
header_limit(size_t bytes)
{
	held_max = bytes;
}

static int
header_hold(struct header *h, const char *in, size_t size)
{
	size_t	 want;
	char	*p;

	if (h->size + size > h->capacity) {
		want = h->capacity == 0 ? 2048 : h->capacity;
		while (want < h->size + size)
			want *= 2;
		if (want - h->capacity > held_max - held ||
		    (p = realloc(h->buf, want)) == NULL)
			return -1;
		held += want - h->capacity;
		h->buf = p;
		h->capacity = want;
	}
	memcpy(h->buf + h->size, in, size);
	h->size += size;
	return 0;
}

static const char *const names[HEADER_NAMES] = {
	[HEADER_OTHER] = "",
	[HEADER_FROM] = "From",
	[HEADER_SENDER] = "Sender",
	[HEADER_RESENT_FROM] = "Resent-From",
	[HEADER_RESENT_SENDER] = "Resent-Sender",
	[HEADER_DATE] = "Date",
	[HEADER_MESSAGE_ID] = "Message-ID",
	[HEADER_RECEIVED] = "Received",
};

const char *
header_name(uint32_t name)
{
	return name < HEADER_NAMES ? names[name] : "";
}

static uint32_t
header_find(const char *name, size_t size)
{
	uint32_t	i;

	for (i = HEADER_FROM; i < HEADER_NAMES; i++)
		if (strlen(names[i]) == size &&
		    strncasecmp(name, names[i], size) == 0)
			return i;
	return HEADER_OTHER;
}

/* The field's body is the bytes from at to end. */
static void
header_author(struct header *h, uint32_t name, size_t at, size_t end)
{
	h->in_author = name >= HEADER_FROM && name <= HEADER_RESENT_SENDER;
	if (!h->in_author || h->nauthors++ >= HEADER_AUTHORS)
		return;
	h->author[h->nauthors - 1].name = name;
	h->author[h->nauthors - 1].start = (uint32_t)at;
	h->author[h->nauthors - 1].end = (uint32_t)end;
}

/* One whole line, CRLF included.  1: it is not part of the header. */
static int
header_line(struct header *h, const struct header_limits *limits,
    const char *line, size_t size)
{
	size_t		i, n, end = h->line + size - 2;
	uint32_t	name;

	/* data.c finds these in DATA, but nobody in a chunk. */
	if (line[size - 2] != '\r' || memchr(line, '\r', size - 2) != NULL ||
	    memchr(line, '\0', size - 2) != NULL) {
		h->fault = HEADER_LINE_END;
		return 1;
	}
	if (line[0] == ' ' || line[0] == '\t') {
		if (h->in_author && h->nauthors <= HEADER_AUTHORS)
			h->author[h->nauthors - 1].end = (uint32_t)end;
		return h->line == 0;
	}
	for (i = 0; i < size && line[i] > ' ' && line[i] < 127 &&
	    line[i] != ':'; i++)
		;
	n = i;
	while (i < size && (line[i] == ' ' || line[i] == '\t'))
		i++;	/* RFC 5322 4.5: obsolete space before the colon */
	if (n == 0 || i == size || line[i] != ':')
		return 1;
	if (++h->nfields > limits->fields)
		h->fault = HEADER_TOO_MANY;
	name = header_find(line, n);
	h->count[name]++;
	header_author(h, name, h->line + i + 1, end);
	return h->fault != HEADER_FINE;
}

int
header_feed(struct header *h, const struct header_limits *limits,
    const char *in, size_t size, size_t *used)
{
	const char	*nl;
	size_t		 n, line_size;

	*used = 0;
	while (*used < size) {
		nl = memchr(in + *used, '\n', size - *used);
		n = nl == NULL ? size - *used : (size_t)(nl + 1 - in) - *used;
		if (h->size + n > limits->bytes) {
			h->fault = HEADER_TOO_BIG;
			return 1;
		}
		if (header_hold(h, in + *used, n) == -1)
			return -1;
		*used += n;
		if (nl == NULL)
			return 0;
		line_size = h->size - h->line;
		if (line_size == 2 && h->buf[h->line] == '\r')
			return 1;	/* the empty line, held as well */
		if (line_size < 2) {
			h->fault = HEADER_LINE_END;
			return 1;
		}
		if (header_line(h, limits, h->buf + h->line, line_size)) {
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
	held -= h->capacity;
	free(h->buf);
	memset(h, 0, sizeof(*h));
}
