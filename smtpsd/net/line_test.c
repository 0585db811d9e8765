/* Tests of line.c: what is a line, and that cutting the input changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"
#include "line.h"

static const struct {
	const char	*name;
	const char	*in;
	size_t		 size;		/* 0: strlen */
	const char	*want;		/* lines in [], ! bad, L long */
} tests[] = {
	{ "one line", "NOOP\r\n", 0, "[NOOP]" },
	{ "empty line", "\r\n", 0, "[]" },
	{ "two lines", "A\r\nB\r\n", 0, "[A][B]" },
	{ "unfinished", "A\r\nB", 0, "[A]" },
	{ "ends in CR", "A\r", 0, "" },
	{ "bare LF", "A\nB\r\nC\r\n", 0, "![C]" },
	{ "bare LF never runs what follows", "NOOP\nMAIL FROM:<>\r\n", 0, "!" },
	{ "every bare LF is answered", "A\nB\nC\r\nD\r\n", 0, "!![D]" },
	{ "LF first", "\nA\r\nB\r\n", 0, "![B]" },
	{ "bare CR", "A\rB\r\nC\r\n", 0, "![C]" },
	{ "CR CR LF", "A\r\r\nC\r\n", 0, "![C]" },
	{ "LF CR LF", "A\n\r\nC\r\n", 0, "![C]" },
	{ "NUL", "A\0B\r\nC\r\n", 8, "![C]" },
	{ "NUL first", "\0\r\nC\r\n", 6, "![C]" },
};

static void
collect(const char *in, size_t size, size_t step, char *out)
{
	struct line		 l = { 0 };
	static char		 buf[70000];
	size_t			 have = 0, n, used, length;
	enum line_result	 r;

	for (*out = '\0'; size > 0 || have > 0; ) {
		n = step < size ? step : size;
		memcpy(buf + have, in, n);
		in += n;
		size -= n;
		have += n;
		do {
			r = line_next(&l, buf, have, &used, &length);
			if (r == LINE_OK) {
				strcat(out, "[");
				strncat(out, buf, length);
				strcat(out, "]");
			} else if (r == LINE_BAD) {
				strcat(out, "!");
			} else if (r == LINE_LONG) {
				strcat(out, "L");
			}
			memmove(buf, buf + used, have - used);
			have -= used;
		} while (used > 0 && have > 0);
		if (n == 0)
			break;
	}
}

static void
test_long(void)
{
	static char	in[70000], out[70000];
	size_t		step;

	memset(in, 'A', sizeof(in));
	memcpy(in + 60000, "\r\nNOOP\r\n", 8);
	for (step = 1; step < 60010; step = step * 7 + 1) {
		collect(in, 60008, step, out);
		tap_is_str(out, "L[NOOP]", "60,000 bytes are one long line");
	}
	memcpy(in + 8190, "\r\nNOOP\r\n", 8);
	collect(in, 8198, 8198, out);
	tap_ok(strlen(out) == 8190 + 2 + 6, "8,190 bytes and CRLF are a line");
	memset(in, 'A', 9000);
	memcpy(in + 8191, "\r\nNOOP\r\n", 8);
	collect(in, 8199, 8199, out);
	tap_is_str(out, "L[NOOP]", "8,191 bytes are too many");
}

int
main(void)
{
	static char	out[70000];
	size_t	i, size;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		size = tests[i].size != 0 ? tests[i].size :
		    strlen(tests[i].in);
		collect(tests[i].in, size, size, out);
		tap_is_str(out, tests[i].want, tests[i].name);
		collect(tests[i].in, size, 1, out);
		tap_ok(strcmp(out, tests[i].want) == 0, "%s, byte by byte",
		    tests[i].name);
	}
	test_long();
	return tap_done();
}
