/*
 * The reply parser against good and hostile servers, in one piece and byte
 * by byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"

#include "reply.h"

#define L100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char	*name;
	const char	*input;
	size_t		 size;		/* 0: strlen */
	int		 want;		/* 1, 0, -1 */
	int		 code;
	const char	*enhanced;
	const char	*text;
} cases[] = {
	{ "one line", "250 2.0.0 Ok\r\n", 0, 1, 250, "2.0.0", "Ok" },
	{ "without enhanced code", "250 Ok\r\n", 0, 1, 250, "", "Ok" },
	{ "code alone", "250\r\n", 0, 1, 250, "", "" },
	{ "LF only", "250 Ok\n", 0, 1, 250, "", "Ok" },
	{ "two lines", "550-5.7.1 no\r\n550 5.7.1 way\r\n", 0, 1, 550,
	    "5.7.1", "no way" },
	{ "enhanced of another class", "550 2.1.5 odd\r\n", 0, 1, 550, "",
	    "2.1.5 odd" },
	{ "enhanced, long parts", "450 4.1000.1 x\r\n", 0, 1, 450, "",
	    "4.1000.1 x" },
	{ "enhanced, four parts", "450 4.1.1.1 x\r\n", 0, 1, 450, "",
	    "4.1.1.1 x" },
	{ "enhanced alone", "450 4.2.1\r\n", 0, 1, 450, "4.2.1", "" },
	{ "not whole", "250-Ok\r\n25", 0, 0, 0, NULL, NULL },
	{ "controls become ?", "550 a\033[2Jb\r\n", 0, 1, 550, "",
	    "a?[2Jb" },
	{ "bytes above 126 become ?", "550 a\377b\r\n", 0, 1, 550, "",
	    "a?b" },
	{ "bare CR", "250 a\rb\r\n", 0, 1, 250, "", "a?b" },
	{ "NUL", "250 a\0b\r\n", 10, -1, 0, NULL, NULL },
	{ "NUL in front of LF", "250 a\0\r\n", 8, -1, 0, NULL, NULL },
	{ "no code", "hello\r\n", 0, -1, 0, NULL, NULL },
	{ "empty line", "\r\n", 0, -1, 0, NULL, NULL },
	{ "two digits", "25 x\r\n", 0, -1, 0, NULL, NULL },
	{ "four digits", "2500 x\r\n", 0, -1, 0, NULL, NULL },
	{ "class 1", "150 x\r\n", 0, -1, 0, NULL, NULL },
	{ "class 6", "650 x\r\n", 0, -1, 0, NULL, NULL },
	{ "bad separator", "250_x\r\n", 0, -1, 0, NULL, NULL },
	{ "codes differ", "250-x\r\n251 y\r\n", 0, -1, 0, NULL, NULL },
	{ "line too long", "250 " L100 L100 L100 L100 L100 L100 "\r\n", 0, -1,
	    0, NULL, NULL },
	{ "endless line", "250 " L100 L100 L100 L100 L100 L100, 0, -1, 0,
	    NULL, NULL },
	{ "HTTP", "HTTP/1.1 400 Bad Request\r\n", 0, -1, 0, NULL, NULL },
};

static int
feed(struct smtp_reply *r, const char *data, size_t size, size_t step)
{
	const char *why = NULL;
	size_t used, part;
	int done = 0;

	reply_reset(r);
	while (size > 0 && done == 0) {
		part = step < size ? step : size;
		done = reply_feed(r, data, part, &used, NULL, NULL, &why);
		data += used;
		size -= used;
	}
	return done;
}

static void
check(size_t i, size_t step)
{
	struct smtp_reply *r = malloc(sizeof(*r));
	size_t size = cases[i].size ? cases[i].size : strlen(cases[i].input);
	int done;

	if (r == NULL)
		abort();
	done = feed(r, cases[i].input, size, step);
	tap_ok(done == cases[i].want && (done != 1 ||
	    (r->code == cases[i].code &&
	    strcmp(r->enhanced, cases[i].enhanced) == 0 &&
	    strcmp(r->text, cases[i].text) == 0)), "%s, step %zu",
	    cases[i].name, step);
	free(r);
}

static void
check_lines(int lines, int want)
{
	struct smtp_reply *r = malloc(sizeof(*r));
	const char *why = NULL;
	size_t used;
	int i, done = 0;

	if (r == NULL)
		abort();
	reply_reset(r);
	for (i = 1; i < lines && done == 0; i++)
		done = reply_feed(r, "250-" L100 "\r\n", 106, &used, NULL,
		    NULL, &why);
	if (done == 0)
		done = reply_feed(r, "250 end\r\n", 9, &used, NULL, NULL,
		    &why);
	tap_ok(done == want && strlen(r->text) < sizeof(r->text),
	    "%d lines", lines);
	free(r);
}

/* Only the first reply is taken, the rest is the next one's. */
static void
check_rest(void)
{
	struct smtp_reply r;
	const char *why = NULL;
	size_t used;

	reply_reset(&r);
	tap_ok(reply_feed(&r, "250 a\r\n354 b\r\n", 14, &used, NULL, NULL,
	    &why) == 1 && used == 7 && r.code == 250, "stops behind a reply");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check(i, 100000);
		check(i, 1);
	}
	check_lines(100, 1);
	check_lines(101, -1);
	check_lines(100000, -1);
	check_rest();
	return tap_done();
}
