/* Domains beyond ASCII, as they come and as somebody would like them. */
#include "mail/domain.h"

#include <string.h>

#include "base/tap.h"
#include "mail/table.h"

#define UE	"\303\274"		/* u with dots */
#define HAN	"\344\270\255"

static const struct {
	const char	*name, *in;
	const char	*want;	/* NULL: refused */
} domains[] = {
	{ "ASCII", "example.org", "example.org" },
	{ "an address", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]" },
	{ "A-label", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
	{ "an A-label of nothing is kept", "xn--a.example", "xn--a.example" },
	{ "U-label", "m" UE "nchen.example", "xn--mnchen-3ya.example" },
	{ "upper case", "M\303\234NCHEN.Example", "xn--mnchen-3ya.example" },
	{ "decomposed", "mu\314\210nchen.example", "xn--mnchen-3ya.example" },
	{ "both forms", "xn--mnchen-3ya.m" UE "nchen.example",
	    "xn--mnchen-3ya.xn--mnchen-3ya.example" },
	{ "ideographic dots", "m" UE "nchen\343\200\202example",
	    "xn--mnchen-3ya.example" },
	{ "full width", "\357\275\205xample.org", "example.org" },
	{ "sharp s is a letter", "fa\303\237.example",
	    "xn--fa-hia.example" },
	{ "also as a capital", "FA\341\272\236.example",
	    "xn--fa-hia.example" },
	{ "two of them", "\341\272\236\341\272\236", "xn--zcaa" },
	{ "Hebrew", "\327\220\327\221.example", "xn--4dbc.example" },
	{ "a code point of four bytes", "\360\240\200\200.example",
	    "xn--j50i.example" },
	{ "long in UTF-8, short enough", HAN HAN HAN HAN HAN HAN HAN HAN HAN
	    HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN HAN ".x",
	    "xn--fiqaaaaaaaaaaaaaaaaaaaaaaa.x" },
	{ "bidi: letters of both directions", "a\327\220b.example", NULL },
	{ "bidi: an override", "a\342\200\256" UE ".example", NULL },
	{ "a fraction that becomes a slash", "\302\275.example", NULL },
	{ "full width @", "a\357\274\240b.example", NULL },
	{ "full width brackets", "\357\274\273127.0.0.1\357\274\275", NULL },
	{ "emoji", "\360\237\230\200.example", NULL },
	{ "emoji with selector", "\342\235\244\357\270\217.example", NULL },
	{ "zero width joiner", "a\342\200\215b.example", NULL },
	{ "soft hyphen", "ex\302\255ample.org", "example.org" },
	{ "a sign", "\342\202\254_" UE ".example", NULL },
	{ "leading mark", "\314\210a.example", NULL },
	{ "leading hyphen", "-" UE ".example", NULL },
	{ "trailing hyphen", UE "-.example", NULL },
	{ "empty label", UE "..example", NULL },
	{ "last dot", UE ".example.", NULL },
	{ "a dot alone", "\343\200\202", NULL },
	{ "an A-label of nothing beside it", "xn--a." UE ".example", NULL },
	{ "blank", "a b." UE, NULL },
	{ "line end", "a\r\nb." UE, NULL },
	{ "no-break space", "a\302\240b." UE, NULL },
	{ "overlong", "\300\257.example", NULL },
	{ "overlong letter", "\301\241.example", NULL },
	{ "surrogate", "\355\240\200.example", NULL },
	{ "too high", "\364\220\200\200.example", NULL },
	{ "cut", "a\303", NULL },
	{ "a lone byte", "\274.example", NULL },
	{ "Latin-1", "m\374nchen.example", NULL },
	{ "control", "\302\205.example", NULL },
	{ "private use", "\356\200\200.example", NULL },
	{ "unassigned", "\315\270.example", NULL },
};

static const struct {
	const char	*in, *canonical, *key;	/* NULL: none */
	int		 can_be_ascii;
} addresses[] = {
	{ "a@example.org", "a@example.org", NULL, 1 },
	{ "a@B" UE ".example", "a@xn--b-eha.example", "a@xn--b-eha.example",
	    1 },
	{ UE "@b" UE ".example", UE "@xn--b-eha.example",
	    UE "@xn--b-eha.example", 0 },
	{ UE "@example.org", UE "@example.org", NULL, 0 },
	{ "\"a@" UE "\"@b.example", "\"a@" UE "\"@b.example", NULL, 0 },
	{ "a@\300\257.example", "a@\300\257.example", NULL, 0 },
	{ "a+*@b" UE ".example", "a+*@xn--b-eha.example",
	    "a+*@xn--b-eha.example", 1 },
	{ "a@[IPv6:2001:DB8::0:1]", "a@[IPv6:2001:DB8::0:1]",
	    "a@[IPv6:2001:db8::1]", 1 },
	{ "[ipv6:::ffff:192.0.2.1]", "[ipv6:::ffff:192.0.2.1]", "[192.0.2.1]",
	    1 },
	{ "@[IPv6:2001:DB8::1]", "@[IPv6:2001:DB8::1]", NULL, 1 },
	{ "[192.0.2.1]", "[192.0.2.1]", NULL, 1 },
	{ "[::1]", "[::1]", NULL, 1 },
	{ "@b" UE ".example", "@xn--b-eha.example", "@xn--b-eha.example", 1 },
	{ ".b" UE ".example", ".xn--b-eha.example", ".xn--b-eha.example", 1 },
	{ "b" UE ".example", "xn--b-eha.example", "xn--b-eha.example", 1 },
	{ "j" UE "rgen", "xn--jrgen-kva", NULL, 1 },
	{ "", "", NULL, 1 },
};

static void
fill(char *out, const char *piece, size_t n)
{
	*out = '\0';
	while (n-- > 0)
		strcat(out, piece);
}

static void
check_sizes(void)
{
	char in[4096], out[256], small[22];

	fill(in, UE, 64);
	tap_ok(domain_to_ascii(in, out, sizeof(out)) == DOMAIN_BAD &&
	    out[0] == '\0', "64 letters in a label");
	fill(in, "\360\240\200\200\343\201\202" HAN UE, 16);
	tap_ok(domain_to_ascii(in, out, sizeof(out)) == DOMAIN_BAD,
	    "a label whose A-label is too long");
	fill(in, UE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", 9);
	strlcat(in, "example", sizeof(in));
	tap_ok(domain_to_ascii(in, out, sizeof(out)) == DOMAIN_BAD,
	    "more than 253 bytes");
	fill(in, UE ".", 127);
	strlcat(in, "x", sizeof(in));
	tap_ok(domain_to_ascii(in, out, sizeof(out)) == DOMAIN_BAD,
	    "127 labels");
	fill(in, UE, 2000);
	tap_ok(domain_to_ascii(in, out, sizeof(out)) == DOMAIN_BAD, "4000 bytes");
	tap_ok(domain_to_ascii("m" UE "nchen.example", small, sizeof(small)) ==
	    DOMAIN_BAD && small[0] == '\0', "no room");
	tap_ok(domain_to_ascii("example.org", small, 11) == DOMAIN_BAD &&
	    small[0] == '\0', "no room for ASCII");
	tap_ok(domain_address_to_ascii("aaaaaaaaaaaaaaaaaaaaaaaa@" UE, small,
	    sizeof(small)) == DOMAIN_BAD && small[0] == '\0',
	    "no room for the local part");
}

static void
check_table(void)
{
	static const char text[] = "m" UE "nchen.example: 1\n"
	    "a@B\303\234.example: 2\nxn--b-eha.example: 3\nb" UE
	    ".example: 4\nj" UE "rgen: 5\n\300\257.example: 6\n"
	    ".c" UE ".example: 7\n";
	char err[128];
	const char *unused;
	struct table *t = table_parse(text, sizeof(text) - 1, err,
	    sizeof(err));

	if (!tap_ok(t != NULL && table_add_forms(t, domain_key_form,
	    &unused) == 0, "a table"))
		return;
	tap_is_str(table_get(t, "XN--mnchen-3ya.example"), "1",
	    "by its other form");
	tap_is_str(table_get(t, "m" UE "nchen.example"), "1", "by its own");
	tap_is_str(table_get(t, "a@xn--b-eha.example"), "2", "an address");
	tap_is_str(table_get(t, "xn--b-eha.example"), "3",
	    "what is there stays");
	tap_ok(table_get(t, "xn--jrgen-kva") == NULL, "a login has no other");
	tap_ok(table_has_domain(t, "x.xn--c-eha.example") ||
	    table_has_domain(t, "x.xn--c-xha.example") ||
	    table_has_domain(t, "x.xn--c-fha.example"), "below a domain");
	tap_is_str(unused, "b" UE ".example", "whose other form is there");
	tap_ok(table_add_forms(t, domain_key_form, &unused) == 0 && unused ==
	    NULL, "twice");
	table_free(t);
}

int
main(void)
{
	char out[512];
	int result;
	size_t i;

	for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		result = domain_to_ascii(domains[i].in, out, 256);
		tap_is_str(result == 0 ? out : NULL, domains[i].want,
		    domains[i].name);
		if (result != 0)
			tap_ok(out[0] == '\0', "and nothing is left");
	}
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		tap_is_str(domain_canonical(addresses[i].in, out, sizeof(out)),
		    addresses[i].canonical, addresses[i].in);
		result = domain_key_form(addresses[i].in, out, sizeof(out));
		tap_is_str(result == 0 ? out : NULL, addresses[i].key,
		    "as a key");
		tap_ok(domain_can_be_ascii(addresses[i].in) ==
		    addresses[i].can_be_ascii, "in ASCII");
	}
	check_sizes();
	check_table();
	return tap_done();
}
