/*
 * Headers in pieces of every size.
 */
#include <stdlib.h>

#include "base/tap.h"

#include "loop.h"

static const struct {
	const char	*name, *text, *want;
} tests[] = {
	{ "none", "A: b\r\nTo: x@y\r\n\r\nDelivered-To: a@b\r\n", "" },
	{ "one", "A: b\r\nDelivered-To: a@b\r\n\r\n", "a@b;" },
	{ "two", "DELIVERED-TO:a@b\r\ndelivered-to: \tc@d \r\n\r\n",
	    "a@b;c@d;" },
	{ "bare LF", "A: b\nDelivered-To: a@b\n\nDelivered-To: c@d\n", "a@b;" },
	{ "behind the header", "A: b\r\n\r\nx\r\nDelivered-To: a@b\r\n", "" },
	{ "another field", "X-Delivered-To: a@b\r\nDelivered-Too: c@d\r\n"
	    "\r\n", "" },
	{ "folded", "Subject: x\r\n Delivered-To: a@b\r\n\r\n", "" },
};

static void
on_found(void *arg, const char *address)
{
	strlcat(arg, address, 256);
	strlcat(arg, ";", 256);
}

static void
check_long(void)
{
	struct loop l;
	char got[256] = "", *text = malloc(100001);

	memset(&l, 0, sizeof(l));
	memset(text, 'x', 100000);
	strlcpy(text + 99000, "\r\nDelivered-To: a@b\r\n", 1000);
	loop_feed(&l, text, strlen(text), on_found, got);
	tap_is_str(got, "a@b;", "behind a long line");
	free(text);
}

int
main(void)
{
	struct loop l;
	char got[256];
	size_t i, step, at, size, n;
	int same;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		size = strlen(tests[i].text);
		for (same = 1, step = 1; step <= size; step++) {
			memset(&l, 0, sizeof(l));
			got[0] = '\0';
			for (at = 0; at < size; at += n) {
				n = size - at < step ? size - at : step;
				loop_feed(&l, tests[i].text + at, n, on_found,
				    got);
			}
			same = same && strcmp(got, tests[i].want) == 0;
		}
		tap_ok(same, "%s", tests[i].name);
	}
	check_long();
	return tap_done();
}
