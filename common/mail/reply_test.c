/* Unit test of reply.c. */
#include "mail/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/tap.h"

static const struct {
	const char	*name;
	unsigned int	 id;
	const char	*arg;
	size_t		 size;
	const char	*want;
} format[] = {
	{ "plain", REPLY_OK, NULL, 512, "250 2.0.0 Ok\r\n" },
	{ "no enhanced code", REPLY_GREETING, "mx.example.org", 512,
	    "220 mx.example.org ESMTP smtpsd\r\n" },
	{ "argument", REPLY_NO_SUCH_USER, "a@b.example", 512,
	    "550 5.1.1 <a@b.example>: no such user here\r\n" },
	{ "argument missing", REPLY_NO_SUCH_USER, NULL, 512,
	    "550 5.1.1 <>: no such user here\r\n" },
	{ "line end in argument", REPLY_NO_SUCH_USER, "a\r\n250 ok", 512,
	    "550 5.1.1 <a??250 ok>: no such user here\r\n" },
	{ "percent in argument", REPLY_NO_SUCH_USER, "%s%n", 512,
	    "550 5.1.1 <%s%n>: no such user here\r\n" },
	{ "8 bit in argument", REPLY_NO_SUCH_USER, "\xc3\xa4\x7f", 512,
	    "550 5.1.1 <?\?\?>: no such user here\r\n" },
	{ "challenge", REPLY_AUTH_GO, "VXNlcm5hbWU6", 512,
	    "334 VXNlcm5hbWU6\r\n" },
	{ "empty challenge", REPLY_AUTH_GO, "", 512, "334 \r\n" },
	{ "cut", REPLY_OK, NULL, 12, "250 2.0.0\r\n" },
	{ "cut argument", REPLY_QUEUED, "0123456789", 32,
	    "250 2.0.0 Queued as 012345678\r\n" },
	{ "no room", REPLY_OK, NULL, 4, "" },
	{ "unknown id", REPLY_MAX + 7, NULL, 512,
	    "451 4.3.0 Local trouble, try again later\r\n" },
	{ "none", REPLY_NONE, NULL, 512,
	    "451 4.3.0 Local trouble, try again later\r\n" },
};

static void
test_format(void)
{
	char buf[512];
	size_t i, n;

	for (i = 0; i < sizeof(format) / sizeof(format[0]); i++) {
		memset(buf, 'x', sizeof(buf));
		n = reply_format(buf, format[i].size, format[i].id,
		    format[i].arg);
		tap_is_str(buf, format[i].want, format[i].name);
		tap_ok(n == strlen(format[i].want), "%s: length",
		    format[i].name);
	}
}

/* RFC 2034: first digits agree; one %s at most; a line fits. */
static void
test_table(void)
{
	const struct reply *r;
	const char *mark;
	unsigned int i;
	int bad = 0;

	for (i = REPLY_NONE + 1; i < REPLY_MAX; i++) {
		r = reply_get(i);
		if (r->code < 200 || r->code > 599)
			bad++;
		if (r->enhanced[0] != '\0' &&
		    (r->enhanced[0] - '0' != r->code / 100 ||
		    r->enhanced[1] != '.'))
			bad++;
		if (strlen(r->text) > 100)
			bad++;
		mark = strchr(r->text, '%');
		if (mark != NULL && (mark[1] != 's' ||
		    strchr(mark + 1, '%') != NULL))
			bad++;
	}
	tap_ok(bad == 0, "all entries are well formed");
}

int
main(void)
{
	test_format();
	test_table();
	return tap_done();
}
