/*
 * Commands and their arguments.
 */
#include <stdlib.h>

#include "base/tap.h"
#include "mail/command.h"

static const struct {
	const char	*name, *text, *want;	/* arguments, each with | behind;
						 * NULL: refused */
} tests[] = {
	{ "one word", "/bin/x", "/bin/x|" },
	{ "blanks", "  /bin/x\t a  b ", "/bin/x|a|b|" },
	{ "quotes", "/bin/x \"a b\" \"\" c\"d e\"f", "/bin/x|a b||cd ef|" },
	{ "escapes", "/bin/x \"a\\\"b\\\\c\\d\" \\e", "/bin/x|a\"b\\c\\d|\\e|" },
	{ "values", "/bin/x %{sender} %{rcpt} %{user.username}",
	    "/bin/x|s p;$(id)@a.example|\"joe+a b\"@b.example|joe|" },
	{ "parts", "/bin/x -f%{dest.user} %{dest.domain} %{dest.extension}",
	    "/bin/x|-fjoe+a b|b.example|a b|" },
	{ "a value is not looked at again", "/bin/x \"%{sender}\"",
	    "/bin/x|s p;$(id)@a.example|" },
	{ "percent", "/bin/x 100% %d", "/bin/x|100%|%d|" },
	{ "empty", "  ", NULL },
	{ "no path", "x y", NULL },
	{ "not closed", "/bin/x \"a", NULL },
	{ "unknown", "/bin/x %{shell}", NULL },
	{ "brace not closed", "/bin/x %{sender", NULL },
};

static void
check(size_t i)
{
	static const struct command_values v = { "s p;$(id)@a.example",
	    "\"joe+a b\"@b.example", "joe" };
	static struct command c;
	const char *fault;
	char got[1024] = "";
	int n;

	fault = command_expand(&c, tests[i].text, &v);
	for (n = 0; fault == NULL && n < c.argc; n++) {
		strlcat(got, c.argv[n], sizeof(got));
		strlcat(got, "|", sizeof(got));
	}
	if (tests[i].want == NULL)
		tap_ok(fault != NULL && command_fault(tests[i].text) != NULL,
		    "%s: refused", tests[i].name);
	else {
		tap_is_str(fault == NULL ? got : fault, tests[i].want,
		    tests[i].name);
		tap_ok(command_fault(tests[i].text) == NULL &&
		    c.argv[c.argc] == NULL, "%s: no fault", tests[i].name);
	}
}

int
main(void)
{
	static struct command c;
	struct command_values v = { "", "a@b", "u" };
	char many[1024] = "/bin/x";
	char *longer;
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		check(i);
	for (i = 0; i < COMMAND_ARGS_MAX; i++)
		strlcat(many, " a", sizeof(many));
	tap_ok(command_expand(&c, many, &v) != NULL, "too many arguments");
	tap_ok(command_fault("%{sender} x") != NULL &&
	    command_fault("/bin/%{sender} x") != NULL &&
	    command_fault("\"/bin/a b\"%{dest.extension} x") != NULL,
	    "the program is not the sender's choice");
	tap_ok(command_expand(&c, "/bin/x %{sender} y", &v) == NULL &&
	    c.argc == 3 && c.argv[1][0] == '\0', "an empty value stays one");
	v.sender = "-x@a.example";
	v.recipient = "-y+-z@b.example";
	tap_ok(command_expand(&c, "/bin/x %{sender}", &v) ==
	    command_no_option && command_expand(&c, "/bin/x -a \"%{rcpt}\"",
	    &v) == command_no_option && command_expand(&c,
	    "/bin/x %{dest.extension}b", &v) == command_no_option,
	    "no address becomes an option");
	tap_ok(command_expand(&c, "/bin/x --from=%{sender} <%{rcpt}> -%{rcpt} "
	    "%{dest.domain}%{rcpt}", &v) == NULL && c.argc == 5,
	    "behind something else it may have a '-'");
	longer = malloc(2 * COMMAND_ROOM);
	memset(longer, '/', 2 * COMMAND_ROOM - 1);
	longer[2 * COMMAND_ROOM - 1] = '\0';
	tap_ok(command_expand(&c, longer, &v) != NULL, "too long");
	free(longer);
	return tap_done();
}
