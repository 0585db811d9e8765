/* Unit test of address.c: RFC 5321 4.1.2 forms, limits and attacks. */
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

#include "base/tap.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A62 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define U8	"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4" \
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
#define U40	U8 U8 U8 U8 U8

static const struct {
	const char	*name;
	const char	*in;
	int		 flags;
	const char	*want;		/* NULL: refused */
	const char	*rest;
} paths[] = {
	{ "plain", "<a@b.example>", 0, "a@b.example", "" },
	{ "parameters behind", "<a@b.example> SIZE=1", 0, "a@b.example",
	    " SIZE=1" },
	{ "domain lower-cased, local part not", "<A.b@B.Example>", 0,
	    "A.b@b.example", "" },
	{ "null", "<>", ADDRESS_NULL, "", "" },
	{ "null not allowed", "<>", 0, NULL, NULL },
	{ "source route", "<@x.example,@y.example:a@b.example>", 0,
	    "a@b.example", "" },
	{ "source route without colon", "<@x.example>", 0, NULL, NULL },
	{ "source route with bad comma", "<@x,y:a@b.example>", 0, NULL, NULL },
	{ "source route, nothing behind", "<@x.example:>", 0, NULL, NULL },
	{ "literal", "<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", "" },
	{ "literal v6, long", "<a@[ipv6:2001:DB8:0:0:0:0:0:1]>", 0,
	    "a@[IPv6:2001:db8::1]", "" },
	{ "literal v6, mapped", "<a@[IPv6:::ffff:192.0.2.1]>", 0,
	    "a@[192.0.2.1]", "" },
	{ "literal v6", "<a@[IPv6:2001:db8::1]>", 0, "a@[IPv6:2001:db8::1]",
	    "" },
	{ "literal untagged v6", "<a@[::1]>", 0, NULL, NULL },
	{ "literal of nonsense", "<a@[x]>", 0, NULL, NULL },
	{ "literal empty", "<a@[]>", 0, NULL, NULL },
	{ "literal open", "<a@[192.0.2.1>", 0, NULL, NULL },
	{ "quotes needed", "<\"a b\"@c.example>", 0, "\"a b\"@c.example", "" },
	{ "quotes not needed", "<\"a.b\"@c.example>", 0, "a.b@c.example", "" },
	{ "quoted pair not needed", "<\"\\a\"@c.example>", 0, "a@c.example",
	    "" },
	{ "quoted quote", "<\"a\\\"b\"@c.example>", 0,
	    "\"a\\\"b\"@c.example", "" },
	{ "quoted angle", "<\"a>\"@c.example>", 0, "\"a>\"@c.example", "" },
	{ "quoted at", "<\"a@x\"@c.example>", 0, "\"a@x\"@c.example", "" },
	{ "quoted empty", "<\"\"@c.example>", 0, "\"\"@c.example", "" },
	{ "quote open", "<\"a@c.example>", 0, NULL, NULL },
	{ "quote open, backslash last", "<\"a\\", 0, NULL, NULL },
	{ "quote then atom", "<\"a\"b@c.example>", 0, NULL, NULL },
	{ "control in quotes", "<\"a\001\"@c.example>", 0, NULL, NULL },
	{ "CR in quotes", "<\"a\\\r\"@c.example>", 0, NULL, NULL },
	{ "no local part", "<@b.example>", 0, NULL, NULL },
	{ "no domain", "<a@>", 0, NULL, NULL },
	{ "no at", "<postmaster>", 0, NULL, NULL },
	{ "no at, allowed", "<Postmaster>", ADDRESS_LOCAL, "Postmaster", "" },
	{ "dot first", "<.a@b.example>", 0, NULL, NULL },
	{ "dot last", "<a.@b.example>", 0, NULL, NULL },
	{ "dots", "<a..b@b.example>", 0, NULL, NULL },
	{ "two ats", "<a@b@c.example>", 0, NULL, NULL },
	{ "space", "<a b@c.example>", 0, NULL, NULL },
	{ "space behind bracket", "< a@c.example>", 0, NULL, NULL },
	{ "no brackets", "a@b.example", 0, NULL, NULL },
	{ "not closed", "<a@b.example", 0, NULL, NULL },
	{ "empty", "", 0, NULL, NULL },
	{ "bracket only", "<", 0, NULL, NULL },
	{ "newline", "<a@b.example\n>", 0, NULL, NULL },
	{ "domain dot last", "<a@b.>", 0, NULL, NULL },
	{ "domain dots", "<a@b..c>", 0, NULL, NULL },
	{ "hyphen first", "<a@-b.c>", 0, NULL, NULL },
	{ "hyphen last", "<a@b-.c>", 0, NULL, NULL },
	{ "hyphen inside", "<a@b--x.c>", 0, "a@b--x.c", "" },
	{ "underscore", "<a@b_c.d>", 0, NULL, NULL },
	{ "all atext", "<!#$%&'*+-/=?^_`{|}~@b.c>", 0,
	    "!#$%&'*+-/=?^_`{|}~@b.c", "" },
	{ "local of 64", "<" A64 "@b.c>", 0, A64 "@b.c", "" },
	{ "local of 65", "<" A64 "a@b.c>", 0, NULL, NULL },
	{ "quoted local of 64", "<\"" A62 "\"@b.c>", 0, A62 "@b.c", "" },
	{ "quoted too long", "<\"" A64 " \"@b.c>", 0, NULL, NULL },
	{ "quoted too long with its quotes", "<\"" A62 " \"@b.c>", 0, NULL,
	    NULL },
	{ "label of 63", "<a@" A63 ".c>", 0, "a@" A63 ".c", "" },
	{ "label of 64", "<a@" A64 ".c>", 0, NULL, NULL },
	{ "domain of 255", "<a@" A63 "." A63 "." A63 "." A63 ">", 0,
	    "a@" A63 "." A63 "." A63 "." A63, "" },
	{ "domain of 257", "<a@" A63 "." A63 "." A63 "." A63 ".c>", 0, NULL,
	    NULL },
	{ "UTF-8 refused", "<\xc3\xa4@b.c>", 0, NULL, NULL },
	{ "UTF-8", "<\xc3\xa4@\xc3\xb6.c>", ADDRESS_UTF8,
	    "\xc3\xa4@\xc3\xb6.c", "" },
	{ "UTF-8 label of 40 letters, 80 bytes", "<a@" U40 ".c>", ADDRESS_UTF8,
	    "a@" U40 ".c", "" },
	{ "UTF-8 label of 64 letters", "<a@" U40 "\xc3\xa4" A63 ".c>",
	    ADDRESS_UTF8, NULL, NULL },
	{ "UTF-8 quoted", "<\"\xc3\xa4 \"@b.c>", ADDRESS_UTF8,
	    "\"\xc3\xa4 \"@b.c", "" },
	{ "UTF-8 overlong", "<\xc0\xae@b.c>", ADDRESS_UTF8, NULL, NULL },
	{ "UTF-8 cut", "<\xe2\x82@b.c>", ADDRESS_UTF8, NULL, NULL },
	{ "UTF-8 cut by the end", "<\xf0\x9f", ADDRESS_UTF8, NULL, NULL },
	{ "UTF-8 surrogate", "<\xed\xa0\x80@b.c>", ADDRESS_UTF8, NULL, NULL },
	{ "UTF-8 C1 control", "<\xc2\x85@b.c>", ADDRESS_UTF8, NULL, NULL },
};

static const struct {
	const char	*in;
	const char	*local;		/* NULL: -1 */
	const char	*domain;	/* NULL: none */
} parts[] = {
	{ "a@b.c", "a", "b.c" },
	{ "\"a b\"@c.d", "a b", "c.d" },
	{ "\"a@x\"@c.d", "a@x", "c.d" },
	{ "\"a\\\"\"@c.d", "a\"", "c.d" },
	{ "\"a@x\"", "a@x", NULL },
	{ "root", "root", NULL },
	{ "@b.c", NULL, "b.c" },
	{ "", NULL, NULL },
	{ "a\001@b.c", NULL, "b.c" },
	{ "\"a\"b@c.d", NULL, "c.d" },
};

static const struct {
	const char	*in;
	int		 want;
} names[] = {
	{ "localhost", 1 }, { "a.example", 1 }, { "192.0.2.1", 1 },
	{ "A-b.Example", 1 }, { A63 ".c", 1 }, { A64 ".c", 0 },
	{ "", 0 }, { ".", 0 }, { "a.", 0 }, { ".a", 0 }, { "a b", 0 },
	{ "-a", 0 }, { "a-", 0 }, { "a_b", 0 }, { "a/b", 0 },
	{ A63 "." A63 "." A63 "." A63, 0 },
};

static void
test_paths(void)
{
	char out[328];
	const char *end;
	size_t i;
	int r;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		end = NULL;
		r = address_parse_path(paths[i].in, paths[i].flags, out,
		    sizeof(out), &end);
		if (paths[i].want == NULL)
			tap_ok(r == -1 && out[0] == '\0', "path: %s",
			    paths[i].name);
		else
			tap_ok(r == 0 && strcmp(out, paths[i].want) == 0 &&
			    strcmp(end, paths[i].rest) == 0, "path: %s",
			    paths[i].name);
	}
	tap_ok(address_parse_path("<abc@d.e>", 0, out, 7, &end) == -1,
	    "path: does not fit");
	tap_ok(address_parse_path("<abc@d.e>", 0, out, 8, &end) == 0,
	    "path: just fits");
}

static void
test_bare(void)
{
	char out[328];

	tap_ok(address_parse("a@B.c", 0, out, sizeof(out)) == 0 &&
	    strcmp(out, "a@b.c") == 0, "bare");
	tap_ok(address_parse("a@b.c ", 0, out, sizeof(out)) == -1,
	    "bare: space behind");
	tap_ok(address_parse("<a@b.c>", 0, out, sizeof(out)) == -1,
	    "bare: brackets");
	tap_ok(address_parse("@x:a@b.c", 0, out, sizeof(out)) == -1,
	    "bare: source route");
	tap_ok(address_parse("root", ADDRESS_LOCAL, out, sizeof(out)) == 0,
	    "bare: local");
	tap_ok(address_parse("", 0, out, sizeof(out)) == -1, "bare: empty");
}

static void
test_tagless(void)
{
	static const struct { const char *in, *want; } tags[] = {
		{ "bob+x@a.b", "bob@a.b" },
		{ "bob+x+y@a.b", "bob@a.b" },
		{ "bob+@a.b", "bob@a.b" },
		{ "\"bob+x y\"@a.b", "bob@a.b" },
		{ "\"b.ob+..\"@a.b", "b.ob@a.b" },
		{ "\"bob.+x\"@a.b", "\"bob.\"@a.b" },
		{ "bob.+x@a.b", "\"bob.\"@a.b" },
		{ "\"b b+x@y\"@a.b", "\"b b\"@a.b" },
		{ "\"b\\\"+x\"@a.b", "\"b\\\"\"@a.b" },
		{ "\"b@c+x y\"@a.b", "\"b@c\"@a.b" },
		{ "b\303\274+x@a.b", "b\303\274@a.b" },
		{ "bob@a.b", NULL },
		{ "+x@a.b", NULL },
		{ "\"+x y\"@a.b", NULL },
		{ "bob@a+b", NULL },
		{ "\"", NULL },
		{ "", NULL },
	};
	char out[328];
	size_t i;
	int r;

	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		r = address_tagless(tags[i].in, out, sizeof(out));
		tap_ok(tags[i].want == NULL ? r == -1 : r == 0 &&
		    strcmp(out, tags[i].want) == 0, "without tag: %s",
		    tags[i].in);
	}
	tap_ok(address_tagless("bob+x@a.b", out, 7) == -1 &&
	    address_tagless("bob+x@a.b", out, 8) == 0,
	    "without tag: does not fit, and just fits");
}

int
main(void)
{
	char out[328];
	const char *domain;
	size_t i;
	int r;

	test_paths();
	test_bare();
	test_tagless();
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		domain = address_domain(parts[i].in);
		tap_ok(parts[i].domain == NULL ? domain == NULL :
		    domain != NULL && strcmp(domain, parts[i].domain) == 0,
		    "domain of entry %zu", i);
		r = address_local(parts[i].in, out, sizeof(out));
		tap_ok(parts[i].local == NULL ? r == -1 :
		    r == 0 && strcmp(out, parts[i].local) == 0,
		    "local part of entry %zu", i);
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tap_ok(address_is_hostname(names[i].in) == names[i].want,
		    "host name \"%.20s\"", names[i].in);
	tap_ok(address_is_dns_name("_dc-mx.0a1b.example.org") &&
	    address_is_dns_name("a_b") && address_is_dns_name("plain") &&
	    !address_is_hostname("a_b"), "'_' in names of DNS");
	tap_ok(!address_is_dns_name("") && !address_is_dns_name("_;x") &&
	    !address_is_dns_name("_..x") && !address_is_dns_name("a b"),
	    "and nothing else");
	return tap_done();
}
