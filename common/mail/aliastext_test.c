/* Unit test of aliastext.c: lists of targets and what each of them is. */
#include <stdio.h>
#include <string.h>

#include "base/tap.h"
#include "mail/aliastext.h"

static const struct {
	const char	*name;
	const char	*list;
	const char	*want;		/* kind, text for each */
} cases[] = {
	{ "nothing", "", "" },
	{ "separators only", " ,\t, \n,", "" },
	{ "a name", "alice", "name=alice;" },
	{ "an address, domain in lower case", "Bob@Example.ORG",
	    "address=Bob@example.org;" },
	{ "several", "alice, bob@x.example\tcarol,,dave\n",
	    "name=alice;address=bob@x.example;name=carol;name=dave;" },
	{ "final", "\\alice, \\bob@x.example",
	    "\\name=alice;\\address=bob@x.example;" },
	{ "a name in quotes", "\"alice\"", "name=alice;" },
	{ "a local part in quotes", "\"a, b\"@x.example, c",
	    "address=\"a, b\"@x.example;name=c;" },
	{ "a name of two words", "\"a b\"", "bad=\"a b\";" },
	{ "a quote inside quotes", "\"a\\\"b\"@x.example",
	    "address=\"a\\\"b\"@x.example;" },
	{ "an open quote ends with its line", "\"a b\nc", "bad=\"a b;name=c;" },
	{ "domain", "@Other.example", "domain=@other.example;" },
	{ "domain that is none", "@", "bad=@;" },
	{ "command", "\"|/bin/cat -u, x\", a", "command=/bin/cat -u, x;"
	    "name=a;" },
	{ "command without quotes", "|/bin/cat -u",
	    "command=/bin/cat;name=-u;" },
	{ "command, its words in quotes", "|\"/bin/cat -u\"; a",
	    "command=\"/bin/cat -u\";;name=a;" },
	{ "command, quotes behind the bar", "|\"/bin/cat -u\", a",
	    "command=/bin/cat -u;name=a;" },
	{ "command with quotes of its own", "\"|/bin/x \\\"a b\\\" \\\\c\"",
	    "command=/bin/x \"a b\" \\c;" },
	{ "command that is empty", "\"|\" a", "bad=\"|\";name=a;" },
	{ "file", "/var/mail/x", "file=/var/mail/x;" },
	{ "include", ":include:/etc/list", "include=/etc/list;" },
	{ "include in quotes, any case", "\":Include:/etc/a list\"",
	    "include=/etc/a list;" },
	{ "include of a relative path", ":include:list",
	    "bad=:include:list;" },
	{ "include of nothing", ":include:", "bad=:include:;" },
	{ "something with a colon", ":fail: no", "bad=:fail:;name=no;" },
	{ "two @", "a@b@c", "bad=a@b@c;" },
	{ "comments", "# all of us\nalice # at home\n  #bob\ncarol#x",
	    "name=alice;name=carol#x;" },
	{ "comment at the end", "alice\n#", "name=alice;" },
	{ "backslash alone", "\\", "bad=\\;" },
	{ "a control character", "a\001b", "bad=a\001b;" },
};

int
main(void)
{
	static const char *const kinds[] = { "bad", "address", "name",
	    "domain", "include", "command", "file" };
	static char	 long_list[5000], got[8192];
	struct alias_target t;
	const char	*list;
	size_t		 i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got[0] = '\0';
		list = cases[i].list;
		for (n = 0; aliastext_next(&list, &t);)
			n += (size_t)snprintf(got + n, sizeof(got) - n,
			    "%s%s=%s;", t.is_final ? "\\" : "",
			    kinds[t.kind], t.text);
		tap_ok(strcmp(got, cases[i].want) == 0, "%s: %s",
		    cases[i].name, got);
	}
	memset(long_list, 'a', sizeof(long_list) - 1);
	list = long_list;
	tap_ok(aliastext_next(&list, &t) == 1 && t.kind == ALIAS_BAD &&
	    strlen(t.text) == 300 && !aliastext_next(&list, &t),
	    "a target that is too long is one bad target");
	long_list[0] = '/';
	list = long_list;
	tap_ok(aliastext_next(&list, &t) == 1 && t.kind == ALIAS_BAD,
	    "and so is such a path");
	return tap_done();
}
