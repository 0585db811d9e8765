/*
 * Tests of data.c and header.c: dot-stuffing, every way to smuggle an end of
 * data, limits; all of it whole and byte by byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"
#include "data.h"
#include "header.h"

static char	got[400000];
static size_t	got_size;

static void
put(void *arg, const char *bytes, size_t size)
{
	(void)arg;
	memcpy(got + got_size, bytes, size);
	got_size += size;
	got[got_size] = '\0';
}

#define S(s)	s, sizeof(s) - 1

static const struct {
	const char	*name;
	const char	*in;
	size_t		 size;
	const char	*want;	/* NULL: whatever */
	int		 is_end;
	int		 fault;
	const char	*rest;	/* what follows the end */
} tests[] = {
	{ "empty", S(".\r\n"), "", 1, DATA_FINE, "" },
	{ "one line", S("a\r\n.\r\n"), "a\r\n", 1, DATA_FINE, "" },
	{ "rest", S("a\r\n.\r\nQUIT\r\n"), "a\r\n", 1, DATA_FINE, "QUIT\r\n" },
	{ "NUL behind the end", S("a\r\n.\r\n\0\r\n"), "a\r\n", 1, DATA_FINE,
	    NULL },
	{ "dot-stuffed", S("..\r\n..a\r\n.b\r\n.\r\n"), ".\r\n.a\r\nb\r\n", 1,
	    DATA_FINE, "" },
	{ "dot inside", S("a.\r\n.\r\n"), "a.\r\n", 1, DATA_FINE, "" },
	{ "no end", S("a\r\n."), "a\r\n", 0, DATA_FINE, NULL },
	{ "end cut", S("a\r\n.\r"), "a\r\n", 0, DATA_FINE, NULL },
	{ "LF.LF", S("a\n.\nMAIL FROM:<>\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "LF.CRLF", S("a\n.\r\nMAIL\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF.LF", S("a\r\n.\nMAIL\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CR.CR", S("a\r.\rMAIL\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CR.CRLF", S("a\r.\r\nMAIL\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF.CR", S("a\r\n.\rMAIL\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF.CR.CRLF", S("a\r\n.\r.\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF.CRCRLF", S("a\r\n.\r\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRCRLF.CRLF", S("a\r\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF NUL.CRLF", S("a\r\n\0.\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "CRLF.NULCRLF", S("a\r\n.\0\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "LF..CRLF", S("a\n..\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "LFCR.CRLF", S("a\n\r.\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "LFCRLF.LF", S("a\n\r\n.\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "LF at once", S("\n.\r\nM\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "NUL in text", S("a\0b\r\n.\r\n"), NULL, 1, DATA_LINE_END, "" },
	{ "dot dot CRLF is text", S("..\r\n.\r\n"), ".\r\n", 1, DATA_FINE, "" },
	{ "too big", S("0123456789012345678901234567890123456789\r\n.\r\n"),
	    NULL, 1, DATA_TOO_BIG, "" },
	{ "as big as allowed", S("0123456789012345678901234567890123456\r\n.\r\n"),
	    "0123456789012345678901234567890123456\r\n", 1, DATA_FINE, "" },
};

/* Returns whether the end was found; *rest is behind it. */
static int
feed(struct data *d, const char *in, size_t size, size_t step, size_t *rest)
{
	size_t	n, used, at = 0;
	int	is_end = 0;

	got_size = 0;
	got[0] = '\0';
	while (at < size && !is_end) {
		n = step < size - at ? step : size - at;
		is_end = data_feed(d, in + at, n, &used);
		at += used;
	}
	*rest = at;
	return is_end;
}

static void
test_one(size_t i, size_t step)
{
	struct data	 d;
	size_t		 rest;
	int		 is_end, fine;

	data_init(&d, 39, put, NULL);
	is_end = feed(&d, tests[i].in, tests[i].size, step, &rest);
	fine = is_end == tests[i].is_end && d.fault == tests[i].fault &&
	    (tests[i].want == NULL || strcmp(got, tests[i].want) == 0) &&
	    (tests[i].rest == NULL ||
	    strcmp(tests[i].in + rest, tests[i].rest) == 0);
	tap_ok(fine, "%s, in pieces of %zu", tests[i].name, step);
	if (!fine)
		printf("# end %d fault %d got \"%s\"\n", is_end, d.fault, got);
}

static void
test_lines(void)
{
	static char	in[300100];
	struct data	d;
	size_t		rest, step, n;

	for (n = 997; n <= 1000; n++) {
		memset(in, 'x', sizeof(in));
		memcpy(in + n, "\r\n.\r\n", 5);
		for (step = 1; step < 3000; step = step * 3) {
			data_init(&d, 1 << 20, put, NULL);
			tap_ok(feed(&d, in, n + 5, step, &rest) == 1 &&
			    d.fault == (n > 998 ? DATA_LONG_LINE : DATA_FINE),
			    "line of %zu, pieces of %zu", n, step);
		}
	}
	/* The dot that is removed does not count. */
	memset(in, 'x', sizeof(in));
	in[0] = in[1] = '.';
	memcpy(in + 999, "\r\n.\r\n", 5);
	data_init(&d, 1 << 20, put, NULL);
	tap_ok(feed(&d, in, 1004, 1004, &rest) == 1 && d.fault == DATA_FINE,
	    "stuffed line of 998");
	memset(in, 'x', sizeof(in));
	memcpy(in + 300000, "\r\n.\r\n", 5);
	data_init(&d, 1 << 20, put, NULL);
	tap_ok(feed(&d, in, 300005, 777, &rest) == 1 &&
	    d.fault == DATA_LONG_LINE && got_size < 2000,
	    "a line of 300,000 ends in bounded memory");
}

/* Each byte at each place of a word and of what is left of one. */
static void
test_bytes(void)
{
	static const char	around[] = { 'x', '\t', '\x7f', '\x80', '\xff' };
	char			in[32];
	struct data		d;
	size_t			i, at, rest;
	int			byte, want, is_8bit, wrong = 0;

	for (i = 0; i < sizeof(around); i++) {
		for (byte = 0; byte < 256; byte++) {
			want = byte == 0 || byte == '\r' || byte == '\n' ?
			    DATA_LINE_END : DATA_FINE;
			is_8bit = byte >= 0x80 || (around[i] & 0x80) != 0;
			for (at = 0; at < 21; at++) {
				memset(in, around[i], 21);
				in[at] = (char)byte;
				memcpy(in + 21, "\r\n.\r\n", 5);
				data_init(&d, 1 << 20, put, NULL);
				wrong += feed(&d, in, 26, 26, &rest) != 1 ||
				    d.fault != want || (want == DATA_FINE &&
				    d.has_8bit != is_8bit);
			}
		}
	}
	tap_ok(wrong == 0, "every byte at every place: %d wrong", wrong);
}

static const struct {
	const char	*name;
	const char	*in;
	size_t		 size;
	const char	*want;
	size_t		 want_size;
	int		 is_binary;
	int		 fault;
} chunks[] = {
	{ "nothing", S(""), S(""), 0, DATA_FINE },
	{ "dots stay", S("..\r\n.\r\n"), S("..\r\n.\r\n"), 0, DATA_FINE },
	{ "no line end", S("a\r\nb"), S("a\r\nb\r\n"), 0, DATA_FINE },
	{ "bare LF", S("a\nb\r\n"), S(""), 0, DATA_LINE_END },
	{ "bare CR", S("a\rb\r\n"), S(""), 0, DATA_LINE_END },
	{ "CR last", S("a\r\nb\r"), S(""), 0, DATA_LINE_END },
	{ "NUL", S("a\0b\r\n"), S(""), 0, DATA_LINE_END },
	{ "binary body", S("A: b\r\n\r\n\n\r\0x"), S("A: b\r\n\r\n\n\r\0x"), 1,
	    DATA_FINE },
	{ "binary body ends in CR", S("\r\n\r"), S("\r\n\r"), 1, DATA_FINE },
	{ "binary, LF in the header", S("A: b\nC: d\r\n\r\n"), S(""), 1,
	    DATA_LINE_END },
	{ "binary, NUL in the header", S("A: \0b\r\n\r\n"), S(""), 1,
	    DATA_LINE_END },
	{ "binary without a body", S("A: b"), S("A: b\r\n"), 1, DATA_FINE },
	{ "too big", S("0123456789012345678901234567890123456789\r\n"), S(""),
	    0, DATA_TOO_BIG },
};

static void
test_chunk(size_t i, size_t step)
{
	struct data	 d;
	size_t		 n, at;

	got_size = 0;
	data_init(&d, 39, put, NULL);
	d.is_binary = (uint8_t)chunks[i].is_binary;
	for (at = 0; at < chunks[i].size; at += n) {
		n = step < chunks[i].size - at ? step : chunks[i].size - at;
		data_chunk(&d, chunks[i].in + at, n);
	}
	data_chunk_end(&d);
	tap_ok(d.fault == chunks[i].fault && (d.fault != DATA_FINE ||
	    (got_size == chunks[i].want_size &&
	    memcmp(got, chunks[i].want, got_size) == 0)),
	    "chunk: %s, in pieces of %zu", chunks[i].name, step);
}

static const struct {
	const char	*name;
	const char	*in;
	int		 is_end;
	size_t		 used;
	uint32_t	 nreceived;
	const char	*has;	/* d, m, f */
	int		 no_blank;
} headers[] = {
	{ "plain", "From: a\r\nDate: x\r\n\r\nbody\r\n", 1, 20, 0, "df", 0 },
	{ "case", "mEsSaGe-Id : x\r\n\r\n", 1, 18, 0, "m", 0 },
	{ "folded", "Subject: a\r\n Date: b\r\n\r\n", 1, 24, 0, "", 0 },
	{ "received", "Received: a\r\nreceived: b\r\n\r\n", 1, 28, 2, "", 0 },
	{ "in the body", "A: b\r\n\r\nDate: x\r\n", 1, 8, 0, "", 0 },
	{ "no header", "hello you\r\nDate: x\r\n", 1, 11, 0, "", 1 },
	{ "space first", " a: b\r\nDate: x\r\n", 1, 7, 0, "", 1 },
	{ "empty first", "\r\nDate: x\r\n", 1, 2, 0, "", 0 },
	{ "broken later", "Date: x\r\nnonsense\r\n", 1, 19, 0, "d", 1 },
	{ "longer name", "Dates: x\r\nXFrom: y\r\n\r\n", 1, 22, 0, "", 0 },
	{ "unfinished", "Date: x\r\nFr", 0, 11, 0, "d", 0 },
};

static void
test_header(size_t i, size_t step)
{
	const struct header_limits limits = { 262144, 1000 };
	struct header	 h;
	size_t		 n, at = 0, used, size = strlen(headers[i].in);
	char		 has[4] = "";
	int		 is_end = 0;

	memset(&h, 0, sizeof(h));
	while (at < size && is_end == 0) {
		n = step < size - at ? step : size - at;
		is_end = header_feed(&h, &limits, headers[i].in + at, n, &used);
		at += used;
	}
	if (h.count[HEADER_DATE] > 0)
		strcat(has, "d");
	if (h.count[HEADER_MESSAGE_ID] > 0)
		strcat(has, "m");
	if (h.count[HEADER_FROM] > 0)
		strcat(has, "f");
	tap_ok(is_end == headers[i].is_end && at == headers[i].used &&
	    h.count[HEADER_RECEIVED] == headers[i].nreceived &&
	    strcmp(has, headers[i].has) == 0 &&
	    h.no_blank == headers[i].no_blank && h.size == at &&
	    memcmp(h.buf, headers[i].in, at) == 0,
	    "header: %s, in pieces of %zu", headers[i].name, step);
	header_free(&h);
}

/* The same line until it is too much. */
static void
test_header_bound(const char *line, uint32_t bytes, uint32_t fields,
    int fault)
{
	const struct header_limits limits = { bytes, fields };
	struct header	 h;
	size_t		 used, i;
	int		 n = 0;

	memset(&h, 0, sizeof(h));
	n = header_feed(&h, &limits, "X: y\r\n", 6, &used);
	for (i = 0; i < 1000000 && n == 0; i++)
		n = header_feed(&h, &limits, line, strlen(line), &used);
	tap_ok(n == 1 && h.fault == fault && h.size <= bytes,
	    "header: bounded after %zu lines", i);
	header_free(&h);
}

static const struct {
	const char	*name;
	const char	*in;
	const char	*want;	/* name=body, | between */
} authors[] = {
	{ "one", "A: b\r\nFrom: x\r\nC: d\r\n\r\n", "From= x" },
	{ "folded", "From: x\r\n\ty\r\nC: d\r\n\r\n", "From= x\r\n\ty" },
	{ "next is folded", "From:x\r\nC: d\r\n y\r\n\r\n", "From=x" },
	{ "all", "resent-from :a\r\nRESENT-SENDER\t: b\r\nSender:\r\n"
	    "From:c\r\nResent-From:d\r\n\r\n",
	    "Resent-From=a|Resent-Sender= b|Sender=|From=c|Resent-From=d" },
	{ "two", "From: a\r\nfrom: b\r\n\r\n", "From= a|From= b" },
	{ "in the body", "A: b\r\n\r\nFrom: x\r\n", "" },
	{ "bare CR", "A: b\r From: x\r\n\r\n", "!" },
	{ "bare LF", "A: b\nFrom: x\r\n\r\n", "!" },
	{ "LF alone", "A: b\r\n\nFrom: x\r\n\r\n", "!" },
};

static void
test_author(size_t i)
{
	const struct header_limits limits = { 262144, 1000 };
	struct header	 h;
	char		 text[256] = "";
	size_t		 used, at, n = 0;
	uint32_t	 j;

	memset(&h, 0, sizeof(h));
	for (at = 0; authors[i].in[at] != '\0' && n == 0; at++)
		n = (size_t)header_feed(&h, &limits, authors[i].in + at, 1,
		    &used);
	for (j = 0; j < h.nauthors; j++) {
		n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "%s%s=%.*s",
		    j > 0 ? "|" : "", header_name(h.author[j].name),
		    (int)(h.author[j].end - h.author[j].start),
		    h.buf + h.author[j].start);
	}
	tap_is_str(h.fault == HEADER_LINE_END ? "!" : text, authors[i].want,
	    authors[i].name);
	header_free(&h);
}

/* All that are kept back together have a limit. */
static void
test_header_memory(void)
{
	const struct header_limits limits = { 262144, 1000 };
	static struct header	 h[20];
	size_t			 i, used, nfit = 0;

	header_limit(20000);
	for (i = 0; i < 20; i++)
		nfit += header_feed(&h[i], &limits, "X: y\r\n", 6, &used) == 0;
	tap_ok(nfit > 5 && nfit < 15, "headers that fit: %zu of 20", nfit);
	for (i = 0; i < 20; i++)
		header_free(&h[i]);
	tap_ok(header_feed(&h[19], &limits, "X: y\r\n", 6, &used) == 0,
	    "and there is room again");
	header_free(&h[19]);
	header_limit(1 << 20);
}

int
main(void)
{
	size_t	i, step;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		for (step = 1; step < 100; step = step * 4 - 1)
			test_one(i, step);
	test_lines();
	test_bytes();
	for (i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		for (step = 1; step < 100; step = step * 4 - 1)
			test_chunk(i, step);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		for (step = 1; step < 100; step = step * 4 - 1)
			test_header(i, step);
	test_header_bound("X: y\r\n", 262144, 1000000, HEADER_TOO_BIG);
	test_header_bound("X: y\r\n", 262144, 1000, HEADER_TOO_MANY);
	test_header_bound(" y\r\n", 262144, 1000, HEADER_TOO_BIG);
	test_header_bound("From: y\r\n", 262144, 1000, HEADER_TOO_MANY);
	test_header_bound("y", 262144, 1000, HEADER_TOO_BIG);
	for (i = 0; i < sizeof(authors) / sizeof(authors[0]); i++)
		test_author(i);
	test_header_memory();
	return tap_done();
}
