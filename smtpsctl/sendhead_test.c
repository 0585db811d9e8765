/* Headers as they come and go, and the recipients found in them. */
#include "sendhead.h"
#include "sendlist.h"

#include <stdlib.h>
#include <string.h>

#include "base/tap.h"

#define F	"From: a@b.c\r\n"
#define A2	"\xc3\xa4\xc3\xa4"
#define A10	A2 A2 A2 A2 A2
#define A100	A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

/* rcpts: sorted, joined by blanks; NULL: without -t.  want NULL: refused. */
static const struct {
	const char *name, *in, *want, *rcpts;
	int needs_utf8;
} heads[] = {
	{ "nothing", "", "From: \"Joe\" <joe@h.example>\r\n\r\n", NULL, 0 },
	{ "a From stays", F, F "\r\n", NULL, 0 },
	{ "and one that is broken", "From: a b c\r\n", "From: a b c\r\n\r\n",
	    NULL, 0 },
	{ "cron", "From: root (Cron Daemon)\r\nTo: root\r\nSubject: x\r\n",
	    "From: root@h.example (Cron Daemon)\r\nTo: root@h.example\r\n"
	    "Subject: x\r\n\r\n", NULL, 0 },
	{ "Bcc goes without -t", F "Bcc: x@y.z,\r\n q@y.z\r\nX: 1\r\n",
	    F "X: 1\r\n\r\n", NULL, 0 },
	{ "even a broken one", F "BCC : x y\r\n", F "\r\n", NULL, 0 },
	{ "a long one with a field in it",
	    F "Bcc: x@y.z\r\n To: v@y.z\r\nTo: w@y.z\r\n",
	    NULL, "", 0 },
	{ "-t", F "To: b@y.z, A <a@y.z>\r\ncc: c\r\nBcc: d@y.z\r\n",
	    F "To: b@y.z, A <a@y.z>\r\ncc: c@h.example\r\n\r\n",
	    "a@y.z b@y.z c@h.example d@y.z", 0 },
	{ "each once", F "To: a@y.z, a@Y.z\r\nTo: a@y.z\r\n",
	    F "To: a@y.z, a@Y.z\r\nTo: a@y.z\r\n\r\n", "a@y.z", 0 },
	{ "groups and empty members", F "To: u:;, t: a, b@y.z;,\r\n",
	    F "To: u:;, t: a@h.example, b@y.z;,\r\n\r\n",
	    "a@h.example b@y.z", 0 },
	{ "Resent counts", F "To: a@y.z\r\nResent-To: b@y.z\r\n"
	    "Resent-Bcc: c@y.z\r\nBcc: d@y.z\r\n",
	    F "To: a@y.z\r\nResent-To: b@y.z\r\n\r\n", "b@y.z c@y.z", 0 },
	{ "no recipients", F "Subject: To: a@y.z\r\nX-To: b@y.z\r\n",
	    F "Subject: To: a@y.z\r\nX-To: b@y.z\r\n\r\n", "", 0 },
	{ "folded Subject that looks like a field",
	    F "Subject: a\r\n Bcc: b@y.z\r\n",
	    F "Subject: a\r\n Bcc: b@y.z\r\n\r\n", "", 0 },
	{ "-t with a broken list", F "To: a b c\r\n", NULL, "", 0 },
	{ "an address as a name", F "To: x@y.z <a@y.z>,\r\n\t"
	    "\"J\" x@y.z (c) <b@y.z>, c\r\n",
	    F "To: \"x@y.z\" <a@y.z>,\r\n\t"
	    "\"\\\"J\\\" x@y.z (c)\" <b@y.z>, c@h.example\r\n\r\n",
	    "a@y.z b@y.z c@h.example", 0 },
	{ "in From", "From: a@b.c <a@b.c>\r\n",
	    "From: \"a@b.c\" <a@b.c>\r\n\r\n", NULL, 0 },
	{ "';' between addresses", F "To: a@y.z; B <b@y.z>;\r\nCc: c;d\r\n",
	    F "To: a@y.z, B <b@y.z>,\r\nCc: c@h.example,d@h.example\r\n"
	    "\r\n", "a@y.z b@y.z c@h.example d@h.example", 0 },
	{ "but not in groups", F "To: t: a@y.z; b@y.z\r\n", NULL, "", 0 },
	{ "names in Latin-1", "From: J\xfcrgen \xc3\xa4 <a@b.c>\r\n"
	    "To: \"M\xfcller, F\" <a@y.z>, b@y.z (\xfc)\r\n",
	    "From: =?UTF-8?B?Sj9yZ2VuIMOk?= <a@b.c>\r\n"
	    "To: \"M?ller, F\" <a@y.z>, b@y.z (?)\r\n\r\n",
	    "a@y.z b@y.z", 0 },
	{ "Latin-1 alone", "From: \xfc <a@b.c>\r\n",
	    "From: ? <a@b.c>\r\n\r\n", NULL, 0 },
	{ "but not in addresses", F "To: A <\xfc@y.z>\r\n", NULL, "", 0 },
	{ "nor without '<'", F "To: \xfc@y.z\r\n", NULL, "", 0 },
	{ "two addresses are none", F "To: x@y.z <a@y.z> <b@y.z>\r\n", NULL,
	    "", 0 },
	{ "no end of a quote", F "To: x@y.z \"<a@y.z>\r\n", NULL, "", 0 },
	{ "or a comment", F "To: x@y.z (<a@y.z>\r\n", NULL, "", 0 },
	{ "the least with '@' and '<'", F "To:@<\r\n", NULL, "", 0 },
	{ "-t with half an address", F "To: <a@y.z\r\n", NULL, "", 0 },
	{ "-t with a source route", F "To: <@x.y:a@y.z>\r\n", NULL, "", 0 },
	{ "a dot first", F ".Bcc: b@y.z\r\n..: x\r\n .\r\n",
	    F "..Bcc: b@y.z\r\n...: x\r\n .\r\n\r\n", "", 0 },
	{ "UTF-8 in a Subject", F "Subject: \xc3\xa4\r\n",
	    F "Subject: \xc3\xa4\r\n\r\n", NULL, 0 },
	{ "UTF-8 in From", "From: \xc3\xa4 <a@b.c>\r\n",
	    "From: =?UTF-8?B?w6Q=?= <a@b.c>\r\n\r\n", NULL, 0 },
	{ "with quotes and a fold",
	    "From:\r\n\t\"\xc3\xa4, \\\"b\r\n c\" <a@b.c>\r\n",
	    "From:\r\n\t=?UTF-8?B?w6QsICJiIGM=?= <a@b.c>\r\n\r\n", NULL, 0 },
	{ "long ones in words of whole characters",
	    "From: " A10 A10 A10 " <a@b.c>\r\n",
	    "From: =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOk"
	    "w6TDpMOkw6TDpMOkw6Q=?= =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpA==?="
	    " <a@b.c>\r\n\r\n", NULL, 0 },
	{ "not more than 200 bytes", "From: b" A100 " <a@b.c>\r\n",
	    "From: b" A100 " <a@b.c>\r\n\r\n", NULL, 1 },
	{ "an address in UTF-8", "From: \xc3\xa4 <\xc3\xa4@b.c>\r\n",
	    "From: \xc3\xa4 <\xc3\xa4@b.c>\r\n\r\n", NULL, 1 },
	{ "To is nobody's matter", F "To: \xc3\xa4 <a@y.z>\r\n",
	    F "To: \xc3\xa4 <a@y.z>\r\n\r\n", "a@y.z", 0 },
};

static void
test_head(size_t i)
{
	struct recipients r = { 0 };
	struct head head = { .host = "h.example", .from = "joe@h.example",
	    .name = "Joe", .rcpts = heads[i].rcpts != NULL ? &r : NULL };
	char err[512] = "", list[1024] = "";
	size_t size = 0, j;
	int status;
	char *out;

	out = head_make(&head, heads[i].in, strlen(heads[i].in), &size,
	    &status, err, sizeof(err));
	tap_is_str(out, heads[i].want, heads[i].name);
	recipients_sort(&r);
	for (j = 0; j < r.n; j++) {
		strlcat(list, j == 0 ? "" : " ", sizeof(list));
		strlcat(list, r.list[j], sizeof(list));
	}
	if (out == NULL)
		tap_ok(status != 0 && err[0] != '\0', "%s: %s",
		    heads[i].name, err);
	else if (heads[i].rcpts != NULL)
		tap_is_str(list, heads[i].rcpts, "its recipients");
	tap_ok(head.needs_utf8 == heads[i].needs_utf8, "its SMTPUTF8");
	recipients_free(&r);
	free(out);
}

static char *
from_named(const char *name)
{
	struct head head = { .host = "h", .from = "j@h.i", .name = name };
	char err[512] = "";
	size_t size;
	int status;

	return head_make(&head, "", 0, &size, &status, err, sizeof(err));
}

static void
test_names(void)
{
	static const struct { const char *name, *want; } names[] = {
		{ "", "From: <j@h.i>\r\n\r\n" },
		{ "A \"B\" \\ <x@y.z>",
		    "From: \"A \\\"B\\\" \\\\ <x@y.z>\" <j@h.i>\r\n\r\n" },
		{ "J\xc3\xbcrgen",
		    "From: =?UTF-8?B?SsO8cmdlbg==?= <j@h.i>\r\n\r\n" },
		{ "J\xfcrgen", "From: <j@h.i>\r\n\r\n" },
	};
	char big[200], *out;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		out = from_named(names[i].name);
		tap_is_str(out, names[i].want, names[i].name);
		free(out);
	}
	memset(big, '"', sizeof(big) - 1);
	big[199] = '\0';
	out = from_named(big);
	tap_is_str(out, names[0].want, "a name too long");
	free(out);
	out = from_named(big + 199 - 120);
	tap_ok(out != NULL && strlen(out) > 240, "the longest name");
	free(out);
}

/* A field of n units; 1: all lines of the result are short enough. */
static int
folds(const char *name, const char *unit, size_t n)
{
	struct head head = { .host = "h.example", .from = "a@b.c",
	    .name = "" };
	size_t size = strlen(name) + n * strlen(unit) + 3, i, outsize = 0;
	char *in = malloc(size), *out, *p, *eol, err[512];
	int status, good = 1;

	if (in == NULL)
		abort();
	strlcpy(in, name, size);
	for (i = 0; i < n; i++)
		memcpy(in + strlen(name) + i * strlen(unit), unit,
		    strlen(unit));
	memcpy(in + size - 3, "\r\n", 3);
	out = head_make(&head, in, size - 1, &outsize, &status, err,
	    sizeof(err));
	free(in);
	if (out == NULL)
		return 0;
	for (p = out; (eol = strstr(p, "\r\n")) != NULL; p = eol + 2)
		if (eol - p > 998 || (eol > p &&
		    strspn(p, " \t") >= (size_t)(eol - p)))
			good = 0;
	free(out);
	return good && outsize > n * strlen(unit);
}

static void
test_sizes(void)
{
	tap_ok(folds("To:", " a@b.c,", 500), "a long list is folded");
	tap_ok(folds("To:", " a,", 80000), "a very long one");
	tap_ok(folds("X:", "  \tw", 60000), "runs of space");
	tap_ok(!folds("X:", "w", 1000), "nothing to fold at");
	tap_ok(folds("X:", "w", 996), "998 bytes");
	tap_ok(folds("X: ", "w", 996), "only behind the name");
	tap_ok(!folds("X:", " ", 1500), "only space");
	tap_ok(folds("Bcc:", "(", 100000) == 0, "comments without end");
}

/* Nobody has to have looked at the bytes before. */
static void
test_encode(void)
{
	char in[208], *out;
	size_t size = 0;

	memset(in, 0x80, 200);
	memcpy(in + 200, " <a@b.c>", 8);
	out = list_encode(in, sizeof(in), &size);
	tap_ok(out != NULL && size < 3 * sizeof(in),
	    "bytes that begin no character make no word each");
	free(out);
}

static void
test_arguments(void)
{
	static const char *const good[] = { "root", "a@b.c", "a, B <b@c.d>",
	    "\"a b\"@c.d", "j\xc3\xb6@b.c" };
	static const char *const bad[] = { "a b", "<>", "a@b@c", "<a@b.c",
	    "a@-", ".a", "a..b", "(a" };
	struct recipients r = { 0 };
	char err[512];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		tap_ok(recipients_add(&r, good[i], "h.example", err,
		    sizeof(err)) == 0, "%s", good[i]);
	tap_ok(r.n == 6, "six of them");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(recipients_add(&r, bad[i], "h.example", err,
		    sizeof(err)) != 0, "refused: %s", bad[i]);
	recipients_sort(&r);
	recipients_free(&r);
	recipients_sort(&r);
	tap_ok(r.n == 0, "none");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		test_head(i);
	test_names();
	test_sizes();
	test_encode();
	test_arguments();
	return tap_done();
}
