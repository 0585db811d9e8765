/* Unit test of base64.c: RFC 4648 section 10 and what must be refused. */
#include "mail/base64.h"

#include <stdio.h>
#include <string.h>

#include "base/tap.h"

static const struct {
	const char	*plain;
	const char	*coded;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xfe\xfd?>", "//79Pz4=" },
};

static const struct {
	const char	*name;
	const char	*coded;
} bad[] = {
	{ "white space in front", " Zm9v" },
	{ "white space in front, whole quads", "    Zm9v" },
	{ "white space behind", "Zm9v    " },
	{ "newline", "Zm9v\r\n" },
	{ "newline, whole quads", "Zm9v\n\n\n\n" },
	{ "no padding", "Zg" },
	{ "half the padding", "Zg=" },
	{ "too much padding", "Z===" },
	{ "only padding", "====" },
	{ "padding inside", "Zg==Zg==" },
	{ "padding in a quad", "Z=g=" },
	{ "bits lost, one byte", "Zh==" },
	{ "bits lost, two bytes", "Zm9=" },
	{ "url alphabet", "-_-_" },
	{ "asterisk", "*" },
	{ "8 bit", "Zm9\xc3" },
	{ "tab", "Zm\t9" },
};

int
main(void)
{
	char buf[64];
	size_t i;
	int n, want;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		want = (int)strlen(pairs[i].coded);
		n = base64_encode(pairs[i].plain, strlen(pairs[i].plain), buf,
		    sizeof(buf));
		tap_ok(n == want && strcmp(buf, pairs[i].coded) == 0,
		    "encode %s", pairs[i].coded);
		n = base64_encode(pairs[i].plain, strlen(pairs[i].plain), buf,
		    (size_t)want);
		tap_ok(n == -1, "encode %s: no room for the NUL",
		    pairs[i].coded);
		want = (int)strlen(pairs[i].plain);
		memset(buf, 'x', sizeof(buf));
		n = base64_decode(pairs[i].coded, strlen(pairs[i].coded), buf,
		    (size_t)want);
		tap_ok(n == want && memcmp(buf, pairs[i].plain, (size_t)want)
		    == 0 && buf[want] == 'x', "decode %s, exact room",
		    pairs[i].coded);
		if (want == 0)
			continue;
		n = base64_decode(pairs[i].coded, strlen(pairs[i].coded), buf,
		    (size_t)want - 1);
		tap_ok(n == -1, "decode %s, no room", pairs[i].coded);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(base64_decode(bad[i].coded, strlen(bad[i].coded), buf,
		    sizeof(buf)) == -1, "refuse %s", bad[i].name);
	tap_ok(base64_decode("AA\0A", 4, buf, sizeof(buf)) == -1,
	    "refuse a NUL");
	n = base64_decode("AGEAYg==", 8, buf, sizeof(buf));
	tap_ok(n == 4 && memcmp(buf, "\0a\0b", 4) == 0, "NUL inside the data");
	return tap_done();
}
