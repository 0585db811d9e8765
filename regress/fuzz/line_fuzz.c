/*
 * The reader of command lines: no crash, no byte used that is not there, a
 * line never holds CR, LF or NUL and is never longer than promised, and what
 * it says does not depend on how the bytes were cut into pieces.
 */
#include <string.h>

#include "fuzz.h"
#include "line.h"

/* One event per result, so that two ways of cutting can be compared. */
struct events {
	uint32_t	sum;
	uint32_t	n;
};

static void
note(struct events *e, enum line_result r, const char *s, size_t size)
{
	size_t i;

	if (r == LINE_SKIPPED)
		return;
	e->n++;
	e->sum = e->sum * 31 + (uint32_t)r;
	for (i = 0; i < size; i++)
		e->sum = e->sum * 31 + (unsigned char)s[i];
}

/* The bytes in pieces of step, as from a socket. */
static struct events
feed(const uint8_t *data, size_t size, size_t step)
{
	struct line line = { 0 };
	struct events e = { 0, 0 };
	char buf[2 * LINE_MAX_BYTES + 16];
	size_t have = 0, at = 0, n, used, len;
	enum line_result r;

	while (at < size) {
		n = size - at < step ? size - at : step;
		if (n > sizeof(buf) - have)
			n = sizeof(buf) - have;
		MUST(n > 0);
		memcpy(buf + have, data + at, n);
		have += n;
		at += n;
		do {
			used = len = 0;
			r = line_next(&line, buf, have, &used, &len);
			MUST(used <= have);
			if (r == LINE_OK) {
				MUST(len + 2 == used && len <= LINE_MAX_BYTES);
				MUST(memchr(buf, '\r', len) == NULL);
				MUST(memchr(buf, '\n', len) == NULL);
				MUST(memchr(buf, '\0', len) == NULL);
			}
			if (r != LINE_MORE)
				note(&e, r, buf, r == LINE_OK ? len : 0);
			memmove(buf, buf + used, have - used);
			have -= used;
			MUST(r == LINE_MORE || used > 0 || have == 0 ||
			    line.skip);
		} while (r != LINE_MORE && have > 0);
	}
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct events whole, bytes, some;

	whole = feed(data, size, LINE_MAX_BYTES);
	bytes = feed(data, size, 1);
	some = feed(data, size, 7);
	MUST(whole.n == bytes.n && whole.sum == bytes.sum);
	MUST(whole.n == some.n && whole.sum == some.sum);
	return 0;
}
