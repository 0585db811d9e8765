/* Unit test of alias.c: expansions, loops, limits, local users. */
#include <stdio.h>
#include <string.h>

#include "base/tap.h"
#include "alias.h"
#include "testconf.h"

static const struct {
	const char	*name;
	const char	*rcpt;
	enum reply_id	 reply;
	const char	*want;	/* "action/recipient/user " for each */
} cases[] = {
	{ "a user", "alice@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "a user in other case", "ALICE@example.org", REPLY_OK,
	    "local/ALICE@example.org/alice " },
	{ "a user with a tag", "alice+x@example.org", REPLY_OK,
	    "local/alice+x@example.org/alice " },
	{ "no such user", "nobody@example.org", REPLY_NO_SUCH_USER, "" },
	{ "a name no user can have", "../../etc@example.org",
	    REPLY_NO_SUCH_USER, "" },
	{ "not known yet", "wait@example.org", REPLY_NONE, NULL },
	{ "local name", "info@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "local name with a tag", "info+tag@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "key in other case", "Info@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "full address wins", "sales@example.org", REPLY_OK,
	    "local/bob@example.org/bob " },
	{ "several, one elsewhere", "team@example.org", REPLY_OK,
	    "local/alice@example.org/alice local/bob@example.org/bob "
	    "out/eve@far.example/ " },
	{ "duplicates", "twice@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "two levels", "all@example.org", REPLY_OK,
	    "local/alice@example.org/alice local/bob@example.org/bob "
	    "out/eve@far.example/ " },
	{ "keeps a copy", "bob@example.org", REPLY_OK,
	    "local/bob@example.org/bob out/bob@far.example/ " },
	{ "keeps a copy, with a tag", "bob+x@example.org", REPLY_OK,
	    "local/bob@example.org/bob out/bob@far.example/ " },
	{ "backslash ends", "slash@example.org", REPLY_OK,
	    "local/info@example.org/info " },
	{ "loop of two", "ping@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "one bad target", "mixed@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "command", "pipe@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "command unquoted", "pipe2@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "file", "file@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "an included file that is not there", "include@example.org",
	    REPLY_TRY_LATER, NULL },
	{ "malformed target", "junk@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "empty", "empty@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "virtual users are not asked for", "x.y@virt.example", REPLY_OK,
	    "virt/x.y@virt.example/vmail " },
	{ "postmaster by alias", "postmaster@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "postmaster without a domain", "Postmaster", REPLY_OK,
	    "local/alice@mail.example.org/alice " },
	{ "elsewhere", "a@far.example", REPLY_RELAY_DENIED, NULL },
	{ "too deep", "deep0@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "just deep enough", "deep7@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "too many", "many@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "explodes, but to one", "bomb0@example.org", REPLY_ALIAS_LOOP, NULL },
};

static int
exists(const char *name, void *arg)
{
	(void)arg;
	if (strcmp(name, "wait") == 0)
		return -1;
	return strcmp(name, "alice") == 0 || strcmp(name, "bob") == 0 ||
	    strcmp(name, "info") == 0;
}

static const char *
aliases(void)
{
	static char	text[65536];
	size_t		n;
	int		i;

	n = (size_t)snprintf(text, sizeof(text), "%s",
	    "info: alice\n"
	    "sales: alice\n"
	    "sales@example.org: \\bob\n"
	    "team: alice, \\bob, eve@far.example\n"
	    "twice: alice, alice@example.org, info\n"
	    "all: team, info\n"
	    "bob: bob, bob@far.example\n"
	    "slash: \\info\n"
	    "ping: pong\n"
	    "pong: ping\n"
	    "mixed: alice, nobody\n"
	    "pipe: \"|/bin/cat -u\"\n"
	    "pipe2: |/bin/cat\n"
	    "file: /var/mail/x\n"
	    "include: :include:/etc/list\n"
	    "junk: a@b@c\n"
	    "empty:\n"
	    "postmaster: alice\n");
	for (i = 0; i < 25; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "deep%d: deep%d\n", i, i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "deep25: alice\n");
	for (i = 0; i < 15; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "bomb%d: bomb%d, bomb%d+x\n", i, i + 1, i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "bomb15: alice\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "many: x@far.example");
	for (i = 0; i < 1001; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",x%d@far.example", i);
	return text;
}

static struct alias_expansion	x;

static int
expansion_is(const char *want)
{
	static char	got[65536];
	size_t		i, n = 0;

	got[0] = '\0';
	for (i = 0; i < x.nresults; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s/%s/%s ",
		    x.results[i].action->is.name, x.results[i].recipient,
		    x.results[i].user);
	return strcmp(got, want) == 0;
}

int
main(void)
{
	enum reply_id	got;
	size_t		i;

	testconf_begin(0, 0);
	testconf_table(1, aliases());
	testconf_table(2, "example.org\n");
	testconf_table(3, "virt.example\n");
	testconf_action("local", 1, 1, "");
	testconf_action("virt", 1, 0, "vmail");
	testconf_action("out", 0, 0, "");
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 2, 0, "", "local");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 3, 0, "", "virt");
	x.conf = testconf_end();
	tap_ok(x.conf != NULL, "configuration");
	x.request.address = "192.0.2.1";
	x.request.tag = "";
	x.request.sender = "s@far.example";
	x.exists = exists;
	for (i = 0; x.conf != NULL && i < sizeof(cases) / sizeof(cases[0]);
	    i++) {
		got = alias_expand(&x, cases[i].rcpt);
		tap_ok(got == cases[i].reply && (cases[i].want == NULL ||
		    got != REPLY_OK || expansion_is(cases[i].want)), "%s",
		    cases[i].name);
	}
	return tap_done();
}
