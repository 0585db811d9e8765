/* Unit test of table.c: the text form, lookups, and the speed of many. */
#include "mail/table.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/tap.h"

static const char text[] =
    "# a comment\n"
    "\n"
    "root: alice, bob\n"
    "   # a comment between\n"
    "\tcarol\n"
    "postmaster:root\n"
    "label user:p#ss # behind it\n"
    "Example.ORG\n"
    ".sub.example.net\n"
    "192.0.2.0/24\n"
    "2001:db8::/32\n"
    "2001:db9::1: with a value\n"
    "198.51.100.7\r\n"
    "203.0.113.0/28 7\n"
    "\"john doe\"@example.com: john\n"
    "pipe: \"|cmd # not a comment\"\n"
    "alice+*@tag.example\n"
    "bob@one.example\n"
    "@at.example\n"
    "all.example\n"
    "SHA256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef alice\n"
    "SHA256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\tbob\n"
    "\"/O=A b: c/CN=alice\" carol\n"
    "SHA256:12 x\n"
    "last";

static const struct {
	const char	*key;
	const char	*want;
} gets[] = {
	{ "root", "alice, bob carol" },
	{ "ROOT", "alice, bob carol" },
	{ "postmaster", "root" },
	{ "label", "user:p#ss" },
	{ "example.org", "" },
	{ "2001:db8::/32", "" },
	{ "2001:db9::1", "with a value" },
	{ "198.51.100.7", "" },
	{ "203.0.113.0/28", "7" },
	{ "\"john doe\"@example.com", "john" },
	{ "pipe", "\"|cmd # not a comment\"" },
	{ "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "alice" },
	{ "SHA256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
	    "bob" },
	{ "\"/O=A b: c/CN=alice\"", "carol" },
	{ "sha256", "12 x" },
	{ "last", "" },
	{ "carol", NULL },
	{ "roo", NULL },
	{ "roott", NULL },
	{ "", NULL },
	{ "#", NULL },
};

static const struct {
	int		(*has)(const struct table *, const char *);
	const char	*key;
	int		 want;
} has[] = {
	{ table_has_domain, "example.org", 1 },
	{ table_has_domain, "EXAMPLE.org", 1 },
	{ table_has_domain, "a.example.org", 0 },
	{ table_has_domain, "a.sub.example.net", 1 },
	{ table_has_domain, "a.b.sub.example.net", 1 },
	{ table_has_domain, "sub.example.net", 0 },
	{ table_has_domain, ".sub.example.net", 0 },
	{ table_has_domain, "xsub.example.net", 0 },
	{ table_has_domain, "", 0 },
	{ table_has_domain, "a.", 0 },
	{ table_has_address, "bob@one.example", 1 },
	{ table_has_address, "BOB@one.example", 1 },
	{ table_has_address, "al@one.example", 0 },
	{ table_has_address, "alice+x@tag.example", 1 },
	{ table_has_address, "alice+@tag.example", 1 },
	{ table_has_address, "alice+x+y@tag.example", 1 },
	{ table_has_address, "alice@tag.example", 1 },
	{ table_has_address, "\"alice+x y\"@tag.example", 1 },
	{ table_has_address, "\"alice +x\"@tag.example", 0 },
	{ table_has_address, "malice+x@tag.example", 0 },
	{ table_has_address, "+x@tag.example", 0 },
	{ table_has_address, "any@at.example", 1 },
	{ table_has_address, "any@all.example", 1 },
	{ table_has_address, "any@not.example", 0 },
	{ table_has_address, "@at.example", 0 },
	{ table_has_address, "", 0 },
	{ table_has_address, "\"x@all.example\"@evil.example", 0 },
	{ table_has_net, "192.0.2.200", 1 },
	{ table_has_net, "::ffff:192.0.2.200", 1 },
	{ table_has_net, "192.0.3.1", 0 },
	{ table_has_net, "2001:db8:1::5", 1 },
	{ table_has_net, "2001:db9::1", 1 },
	{ table_has_net, "2001:db9::2", 0 },
	{ table_has_net, "198.51.100.7", 1 },
	{ table_has_net, "198.51.100.8", 0 },
	{ table_has_net, "203.0.113.15", 1 },
	{ table_has_net, "203.0.113.16", 0 },
	{ table_has_net, "2001:db8:1::5%3", 1 },
	{ table_has_net, "2001:db9::2%2001:db9::1", 0 },
	{ table_has_net, "%", 0 },
	{ table_has_net, "nonsense", 0 },
	{ table_has_net, "", 0 },
};

static const struct {
	const char	*name;
	const char	*text;
	const char	*err;		/* NULL: it is fine */
	size_t		 count;
} forms[] = {
	{ "empty", "", NULL, 0 },
	{ "comments", "#\n # x\n\n\t\n", NULL, 0 },
	{ "continues nothing", " x\n", "line 1: ", 0 },
	{ "continues nothing behind a comment", "#\n x\n", "line 2: ", 0 },
	{ "same twice", "a\nA\n", NULL, 1 },
	{ "two values", "a: b\n\na: c\n", "line 3: ", 0 },
	{ "two values behind a continuation", "a: b\n c\nd\na: c\n",
	    "line 4: ", 0 },
	{ "empty line between", "a: b\n\n c\n", NULL, 1 },
	{ "colon and space", "a : b\n", NULL, 1 },
	{ "one byte lines", "a\nb\nc\nd\ne", NULL, 5 },
	{ "lines end with CR LF", "root a\r\n b\r\n# c\r\nd\r", NULL, 2 },
	{ "lines end with CR", "a\nb\rc\n", "line 2: ", 0 },
	{ "a comment ends with CR", "# a\rb\r\n", "line 1: ", 0 },
	{ "two CR", "a\r\r\n", "line 1: ", 0 },
	{ "only a mark of UTF-8", "\357\273\277", NULL, 0 },
	{ "default route", "0.0.0.0/0\n::/0\n", NULL, 2 },
};

static void
count_items(const char *key, const char *value, void *arg)
{
	size_t *n = arg;

	(void)value;
	if (*n == 0 && strcmp(key, "root") != 0)
		*n += 1000;
	++*n;
}

static void
test_forms(void)
{
	struct table *t;
	char err[256];
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		err[0] = '\0';
		t = table_parse(forms[i].text, strlen(forms[i].text), err,
		    sizeof(err));
		if (forms[i].err != NULL)
			tap_ok(t == NULL && strncmp(err, forms[i].err,
			    strlen(forms[i].err)) == 0, "%s", forms[i].name);
		else
			tap_ok(t != NULL && table_size(t) == forms[i].count,
			    "%s", forms[i].name);
		table_free(t);
	}
	t = table_parse("\357\273\277bad.example\nb\n", 17, err, sizeof(err));
	tap_ok(t != NULL && table_size(t) == 2 &&
	    table_has_domain(t, "bad.example"),
	    "a mark of UTF-8 is not of the first key");
	table_free(t);
	tap_ok(table_parse("a\0b", 3, err, sizeof(err)) == NULL, "NUL");
	t = table_parse("0.0.0.0/0\n*\n", 12, err, sizeof(err));
	tap_ok(t != NULL && table_has_net(t, "9.9.9.9") &&
	    !table_has_net(t, "2001:db8::1"), "all of one family");
	tap_ok(t != NULL && table_has_address(t, "x@y") &&
	    table_has_address(t, ""), "any address");
	table_free(t);
}

static void
test_many(void)
{
	const size_t n = 100000;
	struct timespec a, b;
	struct table *t;
	char *many, err[256], key[64];
	size_t i, used = 0, found = 0;
	double s;

	if ((many = malloc(n * 64)) == NULL)
		return;
	for (i = 0; i < n; i++)
		used += (size_t)snprintf(many + used, 64,
		    "user%zu@d%zu.example: 10.%zu.%zu.%zu\n", i, i % 100,
		    i >> 16, i >> 8 & 255, i & 255);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	t = table_parse(many, used, err, sizeof(err));
	tap_ok(t != NULL && table_size(t) == n, "100,000 items");
	for (i = 0; t != NULL && i < n; i++) {
		snprintf(key, sizeof(key), "USER%zu@d%zu.example", i, i % 100);
		found += table_get(t, key) != NULL &&
		    table_has_address(t, key);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	tap_ok(found == n, "all found");
	tap_ok(s < 5, "parsed and searched in %.3f s", s);
	table_free(t);
	free(many);
}

/* Attack 4: a lookup keeps nothing, whatever comes of it. */
static void
test_lookups(void)
{
	struct rusage before, after;
	struct table *t;
	char err[256], key[600];
	size_t i, n = 0;

	t = table_parse(text, sizeof(text) - 1, err, sizeof(err));
	memset(key, 'a', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	key[300] = '@';
	getrusage(RUSAGE_SELF, &before);
	for (i = 0; t != NULL && i < 100000; i++) {
		key[i % 300] ^= 1;
		n += (size_t)table_has_address(t, key);
		n += (size_t)table_has_domain(t, key + 301);
		n += (size_t)table_has_net(t, "fe80::1%em0");
		n += table_get(t, key) != NULL;
	}
	getrusage(RUSAGE_SELF, &after);
	tap_ok(n < 400000 && after.ru_maxrss - before.ru_maxrss < 1024,
	    "400000 lookups take no memory");
	table_free(t);
}

int
main(void)
{
	struct table *t;
	char err[256];
	const char *got;
	size_t i, n = 0;

	t = table_parse(text, sizeof(text) - 1, err, sizeof(err));
	tap_ok(t != NULL, "parse");
	if (t == NULL) {
		printf("# %s\n", err);
		return tap_done();
	}
	for (i = 0; i < sizeof(gets) / sizeof(gets[0]); i++) {
		got = table_get(t, gets[i].key);
		tap_ok(gets[i].want == NULL ? got == NULL : got != NULL &&
		    strcmp(got, gets[i].want) == 0, "get \"%s\"", gets[i].key);
	}
	for (i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		tap_ok(has[i].has(t, has[i].key) == has[i].want,
		    "%s \"%s\"", has[i].has == table_has_net ? "net" :
		    has[i].has == table_has_domain ? "domain" : "address",
		    has[i].key);
	table_each(t, count_items, &n);
	tap_ok(n == table_size(t), "each, in order");
	table_free(t);
	table_free(NULL);
	test_lookups();		/* before others have left room */
	test_forms();
	test_many();
	return tap_done();
}
