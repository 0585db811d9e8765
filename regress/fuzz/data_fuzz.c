/*
 * The reader of DATA: however the bytes are cut, it finds the same end and
 * passes on the same message; the end is the first CRLF.CRLF; a message that
 * is passed on without a fault has no bare CR, bare LF, NUL or long line.
 */
#include <string.h>

#include "data.h"
#include "fuzz.h"

#define MAX	4000	/* bytes of a message */

struct sink {
	char	buf[MAX];
	size_t	size;
};

struct outcome {
	struct sink	sink;
	size_t		end;	/* bytes used, 0: no end */
	int		fault;
};

static void
put(void *arg, const char *bytes, size_t size)
{
	struct sink *s = arg;

	MUST(size <= sizeof(s->buf) - s->size);
	memcpy(s->buf + s->size, bytes, size);
	s->size += size;
}

static void
feed(const uint8_t *in, size_t size, size_t step, struct outcome *o)
{
	struct data d;
	size_t at = 0, n, used;

	memset(o, 0, sizeof(*o));
	data_init(&d, MAX, put, &o->sink);
	while (at < size && o->end == 0) {
		n = size - at < step ? size - at : step;
		if (data_feed(&d, (const char *)in + at, n, &used))
			o->end = at + used;
		MUST(used <= n && (used == n || o->end != 0));
		at += used;
	}
	o->fault = d.fault;
	MUST(o->fault != DATA_FINE || d.size == o->sink.size);
}

/* Byte behind the first CRLF.CRLF, with a CRLF thought before the start. */
static size_t
true_end(const uint8_t *in, size_t size)
{
	size_t i;

	if (size >= 3 && memcmp(in, ".\r\n", 3) == 0)
		return 3;
	for (i = 0; i + 5 <= size; i++)
		if (memcmp(in + i, "\r\n.\r\n", 5) == 0)
			return i + 5;
	return 0;
}

static void
check_clean(const struct sink *s)
{
	size_t i, column = 0;

	for (i = 0; i < s->size; i++) {
		MUST(s->buf[i] != '\0' && s->buf[i] != '\n');
		if (s->buf[i] != '\r') {
			MUST(++column <= DATA_LINE_MAX);
			continue;
		}
		MUST(i + 1 < s->size && s->buf[i + 1] == '\n');
		i++;
		column = 0;
	}
	MUST(column == 0);
}

static void
feed_chunks(const uint8_t *in, size_t size, size_t step, int is_binary,
    struct outcome *o)
{
	struct data d;
	size_t at, n;

	memset(o, 0, sizeof(*o));
	data_init(&d, MAX, put, &o->sink);
	d.is_binary = (uint8_t)is_binary;
	for (at = 0; at < size; at += n) {
		n = size - at < step ? size - at : step;
		data_chunk(&d, (const char *)in + at, n);
	}
	data_chunk_end(&d);
	o->fault = d.fault;
	MUST(o->fault != DATA_FINE || d.size == o->sink.size);
}

static void
check_chunks(const uint8_t *data, size_t size, int is_binary)
{
	static struct outcome whole, other;
	struct sink header;
	char *end;

	feed_chunks(data, size, size == 0 ? 1 : size, is_binary, &whole);
	feed_chunks(data, size, 3, is_binary, &other);
	MUST((other.fault == DATA_FINE) == (whole.fault == DATA_FINE));
	if (whole.fault != DATA_FINE)
		return;
	MUST(other.sink.size == whole.sink.size);
	MUST(memcmp(other.sink.buf, whole.sink.buf, whole.sink.size) == 0);
	MUST(whole.sink.size == size || whole.sink.size == size + 2);
	MUST(memcmp(whole.sink.buf, data, size) == 0);
	header = whole.sink;
	if (is_binary && size >= 2 && memcmp(data, "\r\n", 2) == 0)
		header.size = 2;
	else if (is_binary && (end = memmem(header.buf, header.size,
	    "\r\n\r\n", 4)) != NULL)
		header.size = (size_t)(end + 4 - header.buf);
	check_clean(&header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, other;
	static const size_t steps[] = { 1, 2, 3, 7, 64 };
	size_t i;

	check_chunks(data, size, 0);
	check_chunks(data, size, 1);
	feed(data, size, size == 0 ? 1 : size, &whole);
	MUST(whole.end == true_end(data, size));
	if (whole.end != 0 && whole.fault == DATA_FINE)
		check_clean(&whole.sink);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		feed(data, size, steps[i], &other);
		MUST(other.end == whole.end);
		MUST((other.fault == DATA_FINE) == (whole.fault == DATA_FINE));
		if (whole.end == 0 || whole.fault != DATA_FINE)
			continue;
		MUST(other.sink.size == whole.sink.size);
		MUST(memcmp(other.sink.buf, whole.sink.buf,
		    whole.sink.size) == 0);
	}
	return 0;
}
