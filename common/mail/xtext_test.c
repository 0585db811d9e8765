/* Tests of xtext.c. */
#include "mail/xtext.h"

#include <stdio.h>
#include <string.h>

#include "base/tap.h"

static const struct {
	const char	*in;
	int		 is_utf8;
	const char	*want;	/* NULL: refused */
} decodings[] = {
	{ "", 0, "" },
	{ "abc", 0, "abc" },
	{ "a+2Bb", 0, "a+b" },
	{ "a+3Db+20c", 0, "a=b c" },
	{ "a=b", 0, NULL },
	{ "a b", 0, NULL },
	{ "+", 0, NULL },
	{ "+4", 0, NULL },
	{ "+4g", 0, NULL },
	{ "+2b", 0, NULL },
	{ "a+0Ab", 0, NULL },
	{ "a+0Db", 0, NULL },
	{ "a+00b", 0, NULL },
	{ "a+7Fb", 0, NULL },
	{ "a+80b", 0, NULL },
	{ "+C3+A9", 0, NULL },
	{ "+C3+A9", 1, "\303\251" },
	{ "\303\251", 0, NULL },
	{ "\303\251", 1, "\303\251" },
	{ "\303", 1, NULL },
	{ "\300\200", 1, NULL },
	{ "\355\240\200", 1, NULL },
	{ "+C2+85", 1, NULL },
	{ "0123456789abcde", 0, "0123456789abcde" },
	{ "0123456789abcdef", 0, NULL },
};

static const struct {
	const char	*in;
	int		 is_valid;
} orcpts[] = {
	{ "rfc822;a@b", 1 },
	{ "X-400;/C=de/", 1 },
	{ "utf-8;\303\251@b", 1 },
	{ "UTF-8;a@b", 1 },
	{ "rfc822;\303\251@b", 0 },
	{ "rfc822;", 0 },
	{ ";a@b", 0 },
	{ "a@b", 0 },
	{ "rfc 822;a@b", 0 },
	{ "rfc(822;a@b", 0 },
	{ "rfc822;a\nb", 0 },
	{ "utf-8;\300\200@b", 0 },
	{ "rfc822;a b;c", 1 },
	{ "", 0 },
};

int
main(void)
{
	char	out[16], big[502];
	size_t	i;
	int	n;

	for (i = 0; i < sizeof(decodings) / sizeof(decodings[0]); i++) {
		n = xtext_decode(decodings[i].in, decodings[i].is_utf8, out,
		    sizeof(out));
		if (decodings[i].want == NULL)
			tap_ok(n == -1, "xtext %zu is refused", i);
		else
			tap_ok(n == (int)strlen(decodings[i].want) &&
			    strcmp(out, decodings[i].want) == 0,
			    "xtext %zu", i);
	}
	for (i = 0; i < sizeof(orcpts) / sizeof(orcpts[0]); i++)
		tap_ok(xtext_orcpt_is_valid(orcpts[i].in,
		    strlen(orcpts[i].in)) == orcpts[i].is_valid,
		    "orcpt %zu", i);
	memset(big, 'x', sizeof(big));
	memcpy(big, "rfc822;", 7);
	tap_ok(xtext_orcpt_is_valid(big, 500), "orcpt of 500");
	tap_ok(!xtext_orcpt_is_valid(big, 501), "orcpt of 501");
	tap_ok(xtext_envid_is_valid(big, 100), "envid of 100");
	tap_ok(!xtext_envid_is_valid(big, 101), "envid of 101");
	tap_ok(!xtext_envid_is_valid("", 0), "empty envid");
	tap_ok(!xtext_envid_is_valid("a\0b", 3), "envid with NUL");
	tap_ok(!xtext_envid_is_valid("a\nb", 3), "envid with LF");
	tap_ok(!xtext_envid_is_valid("\303\251", 2), "envid beyond ASCII");
	return tap_done();
}
