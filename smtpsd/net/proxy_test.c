/* Tests of the PROXY header: exact bytes, and every way to cut them. */
#include <sys/types.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include <string.h>

#include "base/tap.h"
#include "proxy.h"

#define SIGNATURE	"\r\n\r\n\0\r\nQUIT\n"
#define V4		"\xc0\x00\x02\x01\xc6\x33\x64\x01\x30\x39\x00\x19"
#define V6		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
			"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08" \
			"\x30\x39\x00\x19"
#define B(s)		s, sizeof(s) - 1

struct test {
	const char		*name;
	int			 version;
	const char		*in;
	size_t			 size;
	enum proxy_result	 want;
	const char		*address;	/* "": the socket's */
	size_t			 left;		/* bytes behind it */
};

static const struct test tests[] = {
	{ "v1 IPv4", 1, B("PROXY TCP4 192.0.2.1 198.51.100.1 12345 25\r\n"),
	    PROXY_OK, "192.0.2.1", 0 },
	{ "v1 IPv6 and what follows", 1,
	    B("PROXY TCP6 2001:db8::7 2001:db8::8 1 0\r\nEHLO x\r\n"),
	    PROXY_OK, "2001:db8::7", 8 },
	{ "v1 the longest", 1, B("PROXY UNKNOWN "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    PROXY_OK, "", 0 },
	{ "v1 unknown", 1, B("PROXY UNKNOWN\r\n"), PROXY_OK, "", 0 },
	{ "v1 unknown word", 1, B("PROXY UNKNOWNS\r\n"), PROXY_BAD, "", 0 },
	{ "v1 address of another family", 1,
	    B("PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n"), PROXY_BAD, "", 0 },
	{ "v1 host name", 1, B("PROXY TCP4 localhost 192.0.2.1 1 2\r\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 octal", 1, B("PROXY TCP4 192.0.2.010 192.0.2.1 1 2\r\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 port too large", 1,
	    B("PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n"), PROXY_BAD, "",
	    0 },
	{ "v1 port with a sign", 1,
	    B("PROXY TCP4 192.0.2.1 192.0.2.2 +1 25\r\n"), PROXY_BAD, "", 0 },
	{ "v1 port with a zero", 1,
	    B("PROXY TCP4 192.0.2.1 192.0.2.2 01 25\r\n"), PROXY_BAD, "", 0 },
	{ "v1 two blanks", 1, B("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 one word more", 1, B("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 one word less", 1, B("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 bare LF", 1, B("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
	    PROXY_BAD, "", 0 },
	{ "v1 bare CR", 1, B("PROXY UNKNOWN\r \r\n"), PROXY_BAD, "", 0 },
	{ "v1 NUL", 1, B("PROXY UNKNOWN\0\r\n"), PROXY_BAD, "", 0 },
	{ "v1 nothing in it", 1, B("PROXY \r\n"), PROXY_BAD, "", 0 },
	{ "v1 only a start", 1, B("PROXY\r\n"), PROXY_BAD, "", 0 },
	{ "v1 lower case", 1, B("proxy UNKNOWN\r\n"), PROXY_BAD, "", 0 },
	{ "v1 wanted, v2 sent", 1, B(SIGNATURE "\x20\0\0\0"), PROXY_BAD, "",
	    0 },
	{ "v1 wanted, SMTP sent", 1, B("EHLO x\r\n"), PROXY_BAD, "", 0 },
	{ "v2 IPv4", 2, B(SIGNATURE "\x21\x11\0\x0c" V4), PROXY_OK,
	    "192.0.2.1", 0 },
	{ "v2 IPv4, something more in it, more behind it", 2,
	    B(SIGNATURE "\x21\x11\0\x10" V4 "\x04\0\x01x" "EHLO"), PROXY_OK,
	    "192.0.2.1", 4 },
	{ "v2 IPv6", 2, B(SIGNATURE "\x21\x21\0\x24" V6), PROXY_OK,
	    "2001:db8::7", 0 },
	{ "v2 local", 2, B(SIGNATURE "\x20\0\0\0"), PROXY_OK, "", 0 },
	{ "v2 local with an address", 2, B(SIGNATURE "\x20\x11\0\x0c" V4),
	    PROXY_OK, "", 0 },
	{ "v2 unspecified", 2, B(SIGNATURE "\x21\0\0\0"), PROXY_OK, "", 0 },
	{ "v2 too short for IPv4", 2, B(SIGNATURE "\x21\x11\0\x0b" V4),
	    PROXY_BAD, "", 0 },
	{ "v2 too short for IPv6", 2, B(SIGNATURE "\x21\x21\0\x0c" V4),
	    PROXY_BAD, "", 0 },
	{ "v2 UDP", 2, B(SIGNATURE "\x21\x12\0\x0c" V4), PROXY_BAD, "", 0 },
	{ "v2 unknown family", 2, B(SIGNATURE "\x21\x41\0\x0c" V4), PROXY_BAD,
	    "", 0 },
	{ "v2 version 1", 2, B(SIGNATURE "\x11\x11\0\x0c" V4), PROXY_BAD, "",
	    0 },
	{ "v2 unknown command", 2, B(SIGNATURE "\x22\x11\0\x0c" V4),
	    PROXY_BAD, "", 0 },
	{ "v2 one byte too long", 2, B(SIGNATURE "\x21\x11\x02\x19" V4),
	    PROXY_BAD, "", 0 },
	{ "v2 the longest goes on", 2, B(SIGNATURE "\x21\x11\x02\x18" V4),
	    PROXY_MORE, "", 0 },
	{ "v2 far too long", 2, B(SIGNATURE "\x21\x11\xff\xff" V4), PROXY_BAD,
	    "", 0 },
	{ "v2 wanted, v1 sent", 2, B("PROXY UNKNOWN\r\n"), PROXY_BAD, "", 0 },
};

static void
one(const struct test *t)
{
	struct proxy_source	 source;
	enum proxy_result	 got;
	char			 address[64] = "";
	size_t			 used, n;
	int			 early = 0;

	got = proxy_parse(t->version, t->in, t->size, &used, &source);
	if (got == PROXY_OK && source.family != AF_UNSPEC)
		inet_ntop(source.family, source.address, address,
		    sizeof(address));
	tap_ok(got == t->want && strcmp(address, t->address) == 0,
	    "%s", t->name);
	if (got == PROXY_OK)
		tap_ok(used == t->size - t->left, "%s: its length", t->name);
	if (got != PROXY_OK)
		return;
	for (n = 0; n < t->size - t->left; n++)
		early += proxy_parse(t->version, t->in, n, &used, &source) !=
		    PROXY_MORE || used != 0;
	tap_ok(early == 0, "%s: every part of it goes on", t->name);
}

static void
limits(void)
{
	struct proxy_source	source;
	char			line[PROXY_V1_MAX + 1];
	size_t			used;

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	tap_ok(proxy_parse(1, line, PROXY_V1_MAX - 1, &used, &source) ==
	    PROXY_MORE, "v1 of 106 bytes goes on");
	tap_ok(proxy_parse(1, line, PROXY_V1_MAX, &used, &source) ==
	    PROXY_BAD, "v1 of 107 bytes without an end");
	memcpy(line + PROXY_V1_MAX - 2, "\r\n", 2);
	tap_ok(proxy_parse(1, line, PROXY_V1_MAX, &used, &source) ==
	    PROXY_OK && used == PROXY_V1_MAX, "v1 of 107 bytes");
	memcpy(line + PROXY_V1_MAX - 1, "\r\n", 2);
	tap_ok(proxy_parse(1, line, PROXY_V1_MAX + 1, &used, &source) ==
	    PROXY_BAD, "v1 of 108 bytes");
}

int
main(void)
{
	size_t	i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		one(&tests[i]);
	limits();
	return tap_done();
}
