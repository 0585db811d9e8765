/* Unit test of forward.c: what .forward may be and say. */
#include <sys/stat.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "mail/aliastext.h"

#include "forward.h"

#define ME	"bob@example.org"
#define UE	"\303\274"

static const struct {
	const char	*name, *text;
	int		 want;
} cases[] = {
	{ "nothing", "", 1 },
	{ "comments", "# bob\n\n", 1 },
	{ "the name", "bob", 1 },
	{ "the name, final", "\\Bob\n", 1 },
	{ "the address", "Bob@example.ORG", 1 },
	{ "a file", "/tmp/x", 0 },
	{ "a command", "\"|/bin/cat -u\"", 0 },
	{ "a command and the mailbox", "|/bin/cat, \\bob", 1 },
	{ "another name", "\\bob, alice", 1 },
	{ "another address", "bob@example.net", 0 },
	{ "an address that is none", "bob@-.example", -1 },
	{ "a name that is none", "\"a b\x01\"", -1 },
	{ "an address in UTF-8", "\xc3\xa4@example.net", 0 },
	{ "a name in UTF-8", "j\xc3\xb6rg", 0 },
	{ "an address with 8 bit", "\xe4@example.net", -1 },
	{ "a domain", "@example.net", -1 },
	{ "an included file", ":include:/etc/passwd", -1 },
	{ "a relative command", "\"|cat /etc/passwd\"", -1 },
	{ "a command out of the envelope", "\"|%{sender} x\"", -1 },
	{ "an open quote", "\"|/bin/cat \\\"x\"", -1 },
	{ "junk", "a@b@c", -1 },
};

static void
check_line(void)
{
	struct outcome	 outcome;

	tap_ok(forward_check("# bob\n\\bob, carol\n\nalice a@-.x\n", "bob", ME,
	    &outcome) == -1 && strcmp(outcome.text,
	    ".forward line 4: no target") == 0, "the line is named");
}

static void
check_addresses(void)
{
	const char	*list = "Bob, BOB@example.org, /tmp/x |/bin/a alice\n"
			    "\\carol@Example.NET # bob@b\n@no bob@example.com";
	char		 out[MAILADDR_SIZE];

	tap_ok(forward_address(&list, "bob", ME, out, sizeof(out)) == 1 &&
	    strcmp(out, "alice@example.org") == 0,
	    "a name is of the recipient's domain");
	tap_ok(forward_address(&list, "bob", ME, out, sizeof(out)) == 1 &&
	    strcmp(out, "carol@example.net") == 0, "the second address");
	tap_ok(forward_address(&list, "bob", ME, out, sizeof(out)) == 1 &&
	    strcmp(out, "bob@example.com") == 0, "another bob");
	tap_ok(forward_address(&list, "bob", ME, out, sizeof(out)) == 0,
	    "and no more");
}

/* The recipient comes in A-labels; its owner writes the name as it reads. */
static void
check_forms(void)
{
	static const char	 own[] = "bob@xn--b-eha.example";
	const char		*list = "Bob@B\303\234.example, "
				    "bob@c" UE ".example";
	struct outcome		 outcome;
	char			 out[MAILADDR_SIZE];

	tap_ok(forward_check("bob@b" UE ".example", "bob", own, &outcome) == 1,
	    "the address as U-label");
	tap_ok(forward_check("bob@xn--b-eha.example", "bob", "bob@b" UE
	    ".example", &outcome) == 1, "the address as A-label");
	tap_ok(forward_check("bob@b.example", "bob", own, &outcome) == 0,
	    "another name");
	tap_ok(forward_address(&list, "bob", own, out, sizeof(out)) == 1 &&
	    strcmp(out, "bob@c" UE ".example") == 0 &&
	    forward_address(&list, "bob", own, out, sizeof(out)) == 0,
	    "the own one is not sent on");
}

static void
check_modes(void)
{
	static const struct {
		const char	*name;
		mode_t		 home, file;
		int		 want;
	} modes[] = {
		{ "mode 0600", 0700, 0600, 1 },
		{ "mode 0644", 0755, 0644, 1 },
		{ "group may write", 0755, 0664, 0 },
		{ "others may write", 0755, 0646, 0 },
		{ "group may write to home", 0775, 0600, 0 },
		{ "others may write to home", 0757, 0600, 0 },
	};
	char		 home[] = "/tmp/smtpsd_forward.XXXXXXXXXX";
	char		 path[64], link[64], *text;
	struct outcome	 o = { 0 };
	size_t		 i;
	FILE		*f;

	if (mkdtemp(home) == NULL)
		err(1, "mkdtemp");
	snprintf(path, sizeof(path), "%s/.forward", home);
	snprintf(link, sizeof(link), "%s/other", home);
	text = forward_read(home, &o);
	tap_ok(text == NULL && o.class == AGENT_OK, "no file");
	if ((f = fopen(path, "w")) == NULL || fputs("\\bob\n", f) == EOF ||
	    fclose(f) == EOF)
		err(1, "%s", path);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (chmod(path, modes[i].file) == -1 ||
		    chmod(home, modes[i].home) == -1)
			err(1, "chmod");
		text = forward_read(home, &o);
		tap_ok(modes[i].want ? text != NULL && strcmp(text,
		    "\\bob\n") == 0 : text == NULL && o.class ==
		    AGENT_TEMPFAIL, "%s", modes[i].name);
		free(text);
	}
	if (chmod(home, 0700) == -1 || chmod(path, 0600) == -1 ||
	    rename(path, link) == -1 || symlink(link, path) == -1)
		err(1, "link");
	tap_ok(forward_read(home, &o) == NULL && o.class == AGENT_TEMPFAIL,
	    "a symbolic link");
	unlink(path);
	if (mkdir(path, 0700) == -1)
		err(1, "mkdir");
	tap_ok(forward_read(home, &o) == NULL && o.class == AGENT_TEMPFAIL,
	    "a directory");
	rmdir(path);
	unlink(link);
	rmdir(home);
	tap_ok(forward_read(home, &o) == NULL && o.class == AGENT_TEMPFAIL,
	    "no home");
}

int
main(void)
{
	struct outcome	 o = { 0 };
	const char	*list = "\\bob |/bin/a, /tmp/x\n\"|/bin/b c\"";
	char		 many[2 * 101 + 1] = "", command[ALIASTEXT_SIZE];
	size_t		 i;
	int		 got;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&o, 0, sizeof(o));
		got = forward_check(cases[i].text, "bob", ME, &o);
		tap_ok(got == cases[i].want && (got != -1 ||
		    (o.class == AGENT_TEMPFAIL && o.text[0] != '\0')), "%s",
		    cases[i].name);
	}
	for (i = 0; i < 100; i++)
		strlcat(many, "/a", sizeof(many));
	for (i = 0; i < 100; i++)
		memcpy(many + 2 * i, "b\n", 2);
	tap_ok(forward_check(many, "b", ME, &o) == 1, "100 targets");
	strlcat(many, "b", sizeof(many));
	tap_ok(forward_check(many, "b", ME, &o) == -1, "101 are too many");
	tap_ok(forward_command(&list, command) == 1 &&
	    strcmp(command, "/bin/a") == 0, "the first command");
	tap_ok(forward_command(&list, command) == 1 &&
	    strcmp(command, "/bin/b c") == 0, "the second");
	tap_ok(forward_command(&list, command) == 0, "no third");
	check_line();
	check_addresses();
	check_forms();
	check_modes();
	return tap_done();
}
