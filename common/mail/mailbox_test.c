/* What an address field yields: the addresses joined by blanks, or NULL. */
#include "mail/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"

static const struct {
	const char *name, *in;
	int flags;
	const char *want;
} fields[] = {
	{ "bare", " a@b.c", 0, "a@b.c" },
	{ "no space", "a@b.c", 0, "a@b.c" },
	{ "domain lower-cased", " A@B.C", 0, "A@b.c" },
	{ "angle", " <a@b.c>", 0, "a@b.c" },
	{ "name", " Jane Doe <a@b.c>", 0, "a@b.c" },
	{ "name with dots", " John Q. Public <a@b.c>", 0, "a@b.c" },
	{ "name with a dotted first word", " J.R. <a@b.c>", 0, "a@b.c" },
	{ "quoted name", " \"Doe, \\\"Jane\\\" <x@y.z>\" <a@b.c>", 0,
	    "a@b.c" },
	{ "quoted name glued", "\"x@y.z\"<a@b.c>", 0, "a@b.c" },
	{ "encoded word", " =?utf-8?Q?J=C3=A4ne?= <a@b.c>", 0, "a@b.c" },
	{ "list", " a@b.c, D <d@e.f>,\"g\" <h@i.j>", 0, "a@b.c d@e.f h@i.j" },
	{ "folded", " Jane\r\n Doe\r\n\t<a@b.c>", 0, "a@b.c" },
	{ "folded at once", "\r\n a@b.c", 0, "a@b.c" },
	{ "fold in a quoted name", " \"Jane\r\n Doe\" <a@b.c>", 0, "a@b.c" },
	{ "comment behind", " a@b.c (Jane <x@y.z>)", 0, "a@b.c" },
	{ "comment before", " (x@y.z) a@b.c", 0, "a@b.c" },
	{ "comments around @", " a(1)@(2)b.c(3)", 0, "a@b.c" },
	{ "comments inside angle", " x<(1)a@b.c(2)>(3)", 0, "a@b.c" },
	{ "nested comment", " (a(b\\)(c))d) a@b.c", 0, "a@b.c" },
	{ "folded comment", " a@b.c (x\r\n y)\r\n (z)", 0, "a@b.c" },
	{ "quoted local part", " \"a b\"@c.d", 0, "\"a b\"@c.d" },
	{ "needless quotes", " \"a\"@c.d", 0, "a@c.d" },
	{ "needless backslash", " <\"\\a\"@c.d>", 0, "a@c.d" },
	{ "@ in a quoted local part", " \"a@b.c\"@d.e", 0,
	    "\"a@b.c\"@d.e" },
	{ "literal", " a@[192.0.2.1]", 0, "a@[192.0.2.1]" },
	{ "empty group", " undisclosed:;", 0, "" },
	{ "group", " team: a@b.c, D <d@e.f>; (x)", 0, "a@b.c d@e.f" },
	{ "group and others", " a@b.c, t:d@e.f;,g@h.i", 0,
	    "a@b.c d@e.f g@h.i" },
	{ "UTF-8 name, allowed", " J\xc3\xa4ne <a@b.c>", MAILBOX_UTF8,
	    "a@b.c" },
	{ "UTF-8 address, allowed", " <j\xc3\xa4@b\xc3\xbc.c>", MAILBOX_UTF8,
	    "j\xc3\xa4@b\xc3\xbc.c" },
	{ "UTF-8 in comment and quotes", " \"\xc3\xa4\" (\xc3\xa4) <a@b.c>",
	    MAILBOX_UTF8, "a@b.c" },

	{ "empty", "", 0, NULL },
	{ "blank", " ", 0, NULL },
	{ "only a comment", " (a@b.c)", 0, NULL },
	{ "only a name", " Jane", 0, NULL },
	{ "null path", " <>", 0, NULL },
	{ "local part only", " <a>", 0, NULL },
	{ "two angles", " <x@y.z> <a@b.c>", 0, NULL },
	{ "angle in angle", " <<a@b.c>>", 0, NULL },
	{ "address as a name", " x@y.z <a@b.c>", 0, NULL },
	{ "address behind an address", " a@b.c d@e.f", 0, NULL },
	{ "two @", " a@b@c.d", 0, NULL },
	{ "route", " <@x.y:a@b.c>", 0, NULL },
	{ "routes", " <@x.y,@z.w:a@b.c>", 0, NULL },
	{ "encoded word as an address", " =?utf-8?Q?a=40b.c?=", 0, NULL },
	{ "encoded word as a domain", " a@=?utf-8?Q?b.c?=", 0, NULL },
	{ "encoded word in angle", " <=?utf-8?Q?a=40b.c?=>", 0, NULL },
	{ "comma in an encoded word", " =?utf-8?Q?a,b?= <a@b.c>", 0, NULL },
	{ "no end of comment", " a@b.c (x", 0, NULL },
	{ "no begin of comment", " a@b.c )", 0, NULL },
	{ "end of comment escaped", " a@b.c (x\\)", 0, NULL },
	{ "no end of quote", " \"a <a@b.c>", 0, NULL },
	{ "no end of angle", " <a@b.c", 0, NULL },
	{ "no begin of angle", " a@b.c>", 0, NULL },
	{ "empty member", " a@b.c,,d@e.f", 0, NULL },
	{ "empty first member", " ,a@b.c", 0, NULL },
	{ "empty last member", " a@b.c,", 0, NULL },
	{ "empty last member of a group", " t:a@b.c,;", 0, NULL },
	{ "semicolon list", " a@b.c; d@e.f", 0, NULL },
	{ "group without an end", " t:a@b.c", 0, NULL },
	{ "group in a group", " t:u:a@b.c;;", 0, NULL },
	{ "group without a name", " :a@b.c;", 0, NULL },
	{ "space around a dot", " a .b@c.d", 0, NULL },
	{ "space in a domain", " a@b .c", 0, NULL },
	{ "space in a literal", " a@[192.0.2.1 ]", 0, NULL },
	{ "literal without an end", " a@[192.0.2.1", 0, NULL },
	{ "dot at the end of the local part", " a.@b.c", 0, NULL },
	{ "two dots", " a..b@c.d", 0, NULL },
	{ "name begins with a dot", " . a <a@b.c>", 0, NULL },
	{ "fold in a quoted local part", " \"a\r\n b\"@c.d", 0, NULL },
	{ "bare CR", " a@b.c\r", 0, NULL },
	{ "bare LF", " a@b.c\n d@e.f", 0, NULL },
	{ "CR in a name", " a\rb <a@b.c>", 0, NULL },
	{ "CRLF that is no fold", " a@b.c\r\nd@e.f", 0, NULL },
	{ "a line of only space", " a@b.c,\r\n \r\n d@e.f", 0, NULL },
	{ "a last line of only space", " a@b.c\r\n ", 0, NULL },
	{ "control", " a\001 <a@b.c>", 0, NULL },
	{ "DEL in a quote", " \"\177\" <a@b.c>", 0, NULL },
	{ "8bit name", " J\xe4ne <a@b.c>", MAILBOX_UTF8, NULL },
	{ "UTF-8 name, not allowed", " J\xc3\xa4ne <a@b.c>", 0, NULL },
	{ "UTF-8 address, not allowed", " j\xc3\xa4@b.c", 0, NULL },
	{ "overlong UTF-8", " \xc0\xbc" "a@b.c>", MAILBOX_UTF8, NULL },
	{ "UTF-8 cut off", " a@b.c (\xc3", MAILBOX_UTF8, NULL },
};

/* What the sender is told. */
static const struct {
	const char *in;
	int flags;
	const char *why;
} reasons[] = {
	{ " J\xc3\xa4ne <a@b.c>", 0, "bytes beyond ASCII without SMTPUTF8" },
	{ " J \xc3\xa4 <a@b.c>", 0, "bytes beyond ASCII without SMTPUTF8" },
	{ " \"\xc3\xa4\" <a@b.c>", 0, "bytes beyond ASCII without SMTPUTF8" },
	{ " \xe4 <a@b.c>", MAILBOX_UTF8, "bytes that are no UTF-8" },
	{ " ", 0, "no address at its end" },
	{ " <>", 0, "an empty address" },
	{ " a b", 0, "a name without an address" },
	{ " \001@b.c", 0, "a byte that is not allowed" },
};

struct found {
	char text[512];
	int n;
};

static void
found(void *arg, const char *address)
{
	struct found *f = arg;

	if (f->n++ > 0)
		strlcat(f->text, " ", sizeof(f->text));
	strlcat(f->text, address, sizeof(f->text));
}

/* From memory of exactly that size, so that a sanitizer sees one too far. */
static int
parse(const char *in, size_t size, int flags, struct found *f,
    const char **why)
{
	char *copy = malloc(size + 1);
	int n;

	memset(f, 0, sizeof(*f));
	*why = NULL;
	if (copy == NULL)
		abort();
	copy = realloc(copy, size == 0 ? 1 : size);
	memcpy(copy, in, size);
	n = mailbox_parse(copy, size, flags, found, f, why);
	free(copy);
	return n;
}

static void
test_fields(void)
{
	struct found f;
	const char *why;
	size_t i;
	int n;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		n = parse(fields[i].in, strlen(fields[i].in), fields[i].flags,
		    &f, &why);
		if (fields[i].want == NULL) {
			if (!tap_ok(n == -1 && why != NULL, "refused: %s",
			    fields[i].name))
				printf("# got %d, %s\n", n, f.text);
		} else if (!tap_ok(n == f.n &&
		    strcmp(f.text, fields[i].want) == 0, "%s",
		    fields[i].name))
			printf("# got %d, %s, %s\n", n, f.text,
			    why == NULL ? "" : why);
	}
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		why = NULL;
		parse(reasons[i].in, strlen(reasons[i].in), reasons[i].flags,
		    &f, &why);
		tap_is_str(why, reasons[i].why, "why not");
	}
	tap_ok(parse(" a\0b@c.d", 8, 0, &f, &why) == -1, "refused: NUL");
	tap_ok(parse(" a@[1\0]", 7, 0, &f, &why) == -1,
	    "refused: NUL in a literal");
	tap_ok(parse(" (\0)a@b.c", 9, 0, &f, &why) == -1,
	    "refused: NUL in a comment");
}

/* n times unit between before and after. */
static int
many(const char *before, const char *unit, size_t n, const char *after)
{
	size_t size = strlen(before) + n * strlen(unit) + strlen(after) + 1;
	char *s = malloc(size), *p;
	struct found f;
	const char *why;
	size_t i;
	int r;

	if (s == NULL)
		abort();
	p = s + strlcpy(s, before, size);
	for (i = 0; i < n; i++, p += strlen(unit))
		memcpy(p, unit, strlen(unit));
	memcpy(p, after, strlen(after) + 1);
	r = parse(s, strlen(s), 0, &f, &why);
	free(s);
	return r;
}

static void
test_sizes(void)
{
	tap_ok(many("", "a@b.c,", 99, "d@e.f") == 100, "100 addresses");
	tap_ok(many("", "a@b.c,", 100, "d@e.f") == -1, "101 addresses");
	tap_ok(many("(", "(", 31, "") == -1, "open comments");
	tap_ok(many("((((((((((((((((", "((x))", 1000000,
	    "))))))))))))))))a@b.c") == 1, "a million comments in comments");
	tap_ok(many("", "(", 10000000, "") == -1, "ten million deep");
	tap_ok(many("", "a ", 10000000, "<a@b.c>") == 1,
	    "ten million words");
	tap_ok(many("", "x\r\n ", 1000000, "<a@b.c>") == 1,
	    "a million folds");
	tap_ok(many("", "a", 10000000, "@b.c") == -1,
	    "a local part of ten million bytes");
	tap_ok(many("a@", "b.", 1000000, "c") == -1,
	    "a domain of a million labels");
	tap_ok(many("\"", "\\\"", 1000000, "\" <a@b.c>") == 1,
	    "a million quoted quotes");
}

/* What a program of this host writes, and that with "@h" put in. */
static const struct {
	const char *in, *want;
} locals[] = {
	{ " root", " root@h" },
	{ " root (Cron Daemon)", " root@h (Cron Daemon)" },
	{ " Cron <root>", " Cron <root@h>" },
	{ "<root (x)>", "<root@h (x)>" },
	{ "a,b@c.d, \"e f\" ,", "a@h,b@c.d, \"e f\"@h ," },
	{ ",, a@b.c,", ",, a@b.c," },
	{ " t: a, <b>;, c", " t: a@h, <b@h>;, c@h" },
	{ " t: ,;", " t: ,;" },
	{ "", "" },
	{ " \r\n root", " \r\n root@h" },
	{ " Cron Daemon", NULL },
	{ " root>", NULL },
	{ " <root", NULL },
	{ " <root,>", NULL },
	{ " <>", NULL },
	{ " a;b", NULL },
	{ " a\r\nb", NULL },
};

struct rewritten {
	const char *in;
	size_t used;
	char text[200];
};

static void
on_bare(void *arg, size_t end)
{
	struct rewritten *r = arg;

	strncat(r->text, r->in + r->used, end - r->used);
	strcat(r->text, "@h");
	r->used = end;
}

static void
on_full(void *arg, const char *address)
{
	(void)arg;
	(void)address;
}

static void
test_local(void)
{
	struct rewritten r;
	const char *why;
	char name[40];
	size_t i;
	int n;

	for (i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
		memset(&r, 0, sizeof(r));
		r.in = locals[i].in;
		n = mailbox_parse_local(r.in, strlen(r.in), 0, on_full,
		    on_bare, &r, &why);
		strcat(r.text, r.in + r.used);
		snprintf(name, sizeof(name), "of this host, %zu", i);
		tap_is_str(n == -1 ? NULL : r.text, locals[i].want, name);
	}
	tap_ok(mailbox_parse_local("a\0b", 3, 0, on_full, on_bare, &r,
	    &why) == -1, "NUL behind a local part");
}

int
main(void)
{
	test_fields();
	test_local();
	test_sizes();
	return tap_done();
}
