/*
 * The reader of DATA: a state machine that goes byte by byte only around
 * line ends and dots and by words in between.
 *
 * Only CR LF "." CR LF ends a message (RFC 5321 4.1.1.4).  A bare CR, a bare
 * LF or a NUL anywhere is a fault: the rest is read and dropped up to the
 * true end, so that nothing inside can pass for the end here and for text
 * elsewhere, or the other way round (SMTP smuggling).  After a bare LF or CR
 * no line starts, so a dot behind it has no meaning.
 *
 * Chunks of BDAT come with their size, so dots mean nothing there, but the
 * message may go on by DATA: the same bytes are faults, unless MAIL said
 * BODY=BINARYMIME.  Then the body is free, and the header still is not:
 * nobody could say where a field of it ends.
 */
#include <stddef.h>
#include <string.h>

#include "data.h"

enum { LINE_START, TEXT, TEXT_CR, DOT, DOT_CR, BINARY };

void
data_init(struct data *d, uint64_t max,
    void (*put)(void *, const char *, size_t), void *arg)
{
	memset(d, 0, sizeof(*d));
	d->put = put;
	d->arg = arg;
	d->max = max;
	d->state = LINE_START;
}

static void
data_fault(struct data *d, enum data_fault fault)
{
	if (d->fault == DATA_FINE)
		d->fault = (uint8_t)fault;
}

#define EACH(byte)	(UINT64_C(0x0101010101010101) * (byte))

/*
 * The first CR, LF or NUL, or end.  Eight bytes are passed at a time if none
 * of them is below 0x0e: then taking that off borrows from no byte's top bit.
 */
static const char *
line_break(const char *p, const char *end)
{
	const char	*next;
	uint64_t	 word;

	while (p < end) {
		next = end;
		if (end - p >= (ptrdiff_t)sizeof(word)) {
			next = p + sizeof(word);
			memcpy(&word, p, sizeof(word));
			if (((word - EACH(0x0e)) & ~word & EACH(0x80)) == 0) {
				p = next;
				continue;
			}
		}
		for (; p < next; p++)
			if (*p == '\r' || *p == '\n' || *p == '\0')
				return p;
	}
	return end;
}

/* Eight at a time: it looks at every byte of every message. */
static int
is_8bit(const char *p, size_t n)
{
	uint64_t	word, bits = 0;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		bits |= word;
	}
	for (; n > 0; p++, n--)
		bits |= (uint8_t)*p;
	return (bits & EACH(0x80)) != 0;
}

static void
data_put(struct data *d, const char *from, const char *to)
{
	size_t	n = (size_t)(to - from);

	if (n == 0 || d->fault != DATA_FINE)
		return;
	if (n > d->max - d->size) {
		data_fault(d, DATA_TOO_BIG);
		return;
	}
	if (!d->has_8bit)
		d->has_8bit = is_8bit(from, n);
	d->size += n;
	d->put(d->arg, from, n);
}

/* From inside a line to its CR or to the end of the input. */
static const char *
data_text(struct data *d, const char *p, const char *end)
{
	const char	*stop;

	for (stop = line_break(p, end); stop < end && *stop != '\r';
	    stop = line_break(stop + 1, end))
		data_fault(d, DATA_LINE_END);
	if ((size_t)(stop - p) > DATA_LINE_MAX ||
	    (d->column += (uint32_t)(stop - p)) > DATA_LINE_MAX) {
		d->column = DATA_LINE_MAX + 1;	/* it must not wrap */
		data_fault(d, DATA_LONG_LINE);
	}
	if (stop == end)
		return end;
	d->state = TEXT_CR;
	return stop + 1;
}

int
data_feed(struct data *d, const char *in, size_t size, size_t *used)
{
	const char	*p = in, *end = in + size, *from = in;

	while (p < end) {
		switch (d->state) {
		case LINE_START:
			d->column = 0;
			d->state = TEXT;
			if (*p != '.')
				break;
			data_put(d, from, p);
			from = ++p;
			d->state = DOT;
			break;
		case TEXT:
			p = data_text(d, p, end);
			break;
		case TEXT_CR:
			if (*p == '\n') {
				p++;
				d->state = LINE_START;
				break;
			}
			data_fault(d, DATA_LINE_END);
			d->state = TEXT;
			break;
		case DOT:
			d->state = TEXT;
			if (*p == '\r') {
				from = ++p;
				d->state = DOT_CR;
			}
			break;
		default:	/* DOT_CR */
			if (*p == '\n') {
				*used = (size_t)(p + 1 - in);
				return 1;
			}
			data_fault(d, DATA_LINE_END);
			d->state = TEXT;
			break;
		}
	}
	data_put(d, from, end);
	*used = size;
	return 0;
}

static const char *
chunk_line_end(struct data *d, const char *p)
{
	if (*p != '\n') {
		data_fault(d, DATA_LINE_END);
		d->state = TEXT;
		return p;
	}
	d->state = d->is_binary && d->column == 0 ? BINARY : LINE_START;
	return p + 1;
}

void
data_chunk(struct data *d, const char *in, size_t size)
{
	const char	*p = in, *end = in + size;

	while (p < end) {
		switch (d->state) {
		case LINE_START:
			d->column = 0;
			d->state = TEXT;
			break;
		case TEXT:
			p = data_text(d, p, end);
			break;
		case TEXT_CR:
			p = chunk_line_end(d, p);
			break;
		default:	/* BINARY */
			p = end;
			break;
		}
	}
	data_put(d, in, end);
}

void
data_chunk_end(struct data *d)
{
	static const char	crlf[] = { '\r', '\n' };

	if (d->state == TEXT_CR)
		data_fault(d, DATA_LINE_END);
	else if (d->state == TEXT)
		data_put(d, crlf, crlf + sizeof(crlf));
}
