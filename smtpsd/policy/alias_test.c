/* Unit test of alias.c: expansions, loops, limits, local users. */
#include <stdio.h>
#include <string.h>

#include "base/tap.h"
#include "alias.h"
#include "bounce.h"
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
	{ "cannot be known now", "away+x@example.org", REPLY_TRY_LATER,
	    NULL },
	{ "one of a list", "some@example.org", REPLY_TRY_LATER, NULL },
	{ "no catch-all gets that", "away@catch.example", REPLY_TRY_LATER,
	    NULL },
	{ "a user without a home", "daemon@example.org", REPLY_NO_MAILBOX,
	    NULL },
	{ "behind an alias", "task@example.org", REPLY_NO_MAILBOX, NULL },
	{ "who needs none", "daemon@spool.example", REPLY_OK,
	    "spool/daemon@spool.example/daemon " },
	{ "an alias for a user without a home", "www@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "a catch-all for one", "daemon@catch.example", REPLY_OK,
	    "local/alice@catch.example/alice " },
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
	{ "local name with a tag that needs quotes",
	    "\"Info+a b\"@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "with an owner and such a tag", "\"list+..\"@example.org", REPLY_OK,
	    "local/alice@example.org/alice!owner-list@example.org "
	    "out/eve@far.example/!owner-list@example.org " },
	{ "keeps a copy, with a tag", "bob+x@example.org", REPLY_OK,
	    "local/bob@example.org/bob out/bob@far.example/ " },
	{ "backslash ends", "slash@example.org", REPLY_OK,
	    "local/info@example.org/info " },
	{ "loop of two", "ping@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "one bad target", "mixed@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "command", "pipe+x@example.org", REPLY_OK,
	    "cat/pipe+x@example.org/pipes " },
	{ "command unquoted", "pipe2@example.org", REPLY_NO_SUCH_USER, NULL },
	{ "command of another user", "pipe3@example.org", REPLY_NO_SUCH_USER,
	    NULL },
	{ "command beside a mailbox", "pipe4@example.org", REPLY_OK,
	    "local/alice@example.org/alice cat/pipe4@example.org/pipes "
	    "file/pipe4@example.org/pipes " },
	{ "command with an owner", "prog@example.org", REPLY_OK,
	    "cat/prog@example.org/pipes!owner-prog@example.org " },
	{ "file", "file@example.org", REPLY_OK,
	    "file/file@example.org/pipes " },
	{ "file that the parent does not know", "file2@example.org",
	    REPLY_NO_SUCH_USER, NULL },
	{ "a file is no command", "file3@example.org", REPLY_NO_SUCH_USER,
	    NULL },
	{ "command out of an included file", "evil@example.org",
	    REPLY_NO_SUCH_USER, NULL },
	{ "command of a relay", "pipe@relay.example", REPLY_NO_SUCH_USER,
	    NULL },
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
	{ "included", "crew@example.org", REPLY_OK,
	    "local/alice@example.org/alice local/bob@example.org/bob "
	    "out/eve@far.example/ " },
	{ "includes itself", "circle@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "with an owner", "list@example.org", REPLY_OK,
	    "local/alice@example.org/alice!owner-list@example.org "
	    "out/eve@far.example/!owner-list@example.org " },
	{ "with an owner, other case and a tag", "LIST+x@example.org",
	    REPLY_OK, "local/alice@example.org/alice!owner-list@example.org "
	    "out/eve@far.example/!owner-list@example.org " },
	{ "the inner owner, then the outer", "nest@example.org", REPLY_OK,
	    "local/alice@example.org/alice!owner-list@example.org "
	    "out/eve@far.example/!owner-list@example.org "
	    "local/bob@example.org/bob!owner-nest@example.org " },
	{ "the owner himself has none", "owner-list@example.org", REPLY_OK,
	    "local/bob@example.org/bob out/bob@far.example/ " },
	{ "one mailbox for both forms", "alice@b\303\274.example", REPLY_OK,
	    "local/alice@xn--b-eha.example/alice " },
	{ "elsewhere as it was written", "old@b\303\274.relay.example",
	    REPLY_OK, "outalias/old@b\303\274.relay.example/ " },
	{ "full address, A-label", "info@xn--b-eha.example", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "catch-all, U-label in other case", "who@B\303\234.example",
	    REPLY_OK, "local/info2@example.org/info2 " },
	{ "catch-all", "who.ever@catch.example", REPLY_OK,
	    "local/alice@catch.example/alice " },
	{ "an alias goes before the catch-all", "info@catch.example", REPLY_OK,
	    "local/alice@catch.example/alice " },
	{ "a mailbox goes before the catch-all", "info2+x@catch.example",
	    REPLY_OK, "local/info2+x@catch.example/info2 " },
	{ "it waits for the user", "wait@catch.example", REPLY_NONE, NULL },
	{ "the same elsewhere", "alice+x@v2.example", REPLY_OK,
	    "local/alice+x@example.org/alice " },
	{ "virtual, a name of this host", "a@v1.example", REPLY_OK,
	    "local/alice@mail.example.org/alice " },
	{ "virtual, an alias of this host", "b@v1.example", REPLY_OK,
	    "local/alice@mail.example.org/alice " },
	{ "virtual, of the same name", "bob@v1.example", REPLY_OK,
	    "local/bob@mail.example.org/bob out/bob@far.example/ " },
	{ "virtual, not in the table", "alice@v1.example",
	    REPLY_NO_SUCH_USER, NULL },
	{ "virtual, itself", "self@v1.example", REPLY_NO_SUCH_USER, NULL },
	{ "virtual, a loop over domains", "l@v1.example", REPLY_ALIAS_LOOP,
	    NULL },
	{ "virtual postmaster", "postmaster@v1.example", REPLY_OK,
	    "local/alice@mail.example.org/alice " },
	{ "virtual users have a catch-all", "x@vcatch.example", REPLY_OK,
	    "vcatch/boss@vcatch.example/vmail " },
	{ "alias of a relay", "old@relay.example", REPLY_OK,
	    "outalias/new@relay.example/ " },
	{ "a relay has no bare keys", "bare@relay.example", REPLY_OK,
	    "outalias/bare@relay.example/ " },
	{ "elsewhere", "a@far.example", REPLY_RELAY_DENIED, NULL },
	{ "too deep", "deep0@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "just deep enough", "deep7@example.org", REPLY_OK,
	    "local/alice@example.org/alice " },
	{ "too many", "many@example.org", REPLY_ALIAS_LOOP, NULL },
	{ "explodes, but to one", "bomb0@example.org", REPLY_ALIAS_LOOP, NULL },
};

static int
find_user(const char *name, void *arg)
{
	static const char *const	users[] = { "alice", "bob", "info",
					    "info2" };
	size_t				i;

	(void)arg;
	if (strcmp(name, "wait") == 0)
		return -1;
	if (strcmp(name, "away") == 0)
		return POLICY_USER_LATER;
	if (strcmp(name, "daemon") == 0 || strcmp(name, "www") == 0)
		return POLICY_USER_HOMELESS;
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (strcmp(name, users[i]) == 0)
			return POLICY_USER_HOME;
	return POLICY_USER_NONE;
}

static struct alias_expansion	x;

/* The parent answers in the order of the questions, one at a time. */
static char	asked[128][16];
static int	nasked, nknown;

static int
find_asked(const char *name, void *arg)
{
	int	i;

	(void)arg;
	for (i = 0; i < nasked; i++)
		if (strcmp(asked[i], name) == 0)
			return i < nknown ? POLICY_USER_HOME : -1;
	if (nasked < 128)
		strlcpy(asked[nasked++], name, sizeof(asked[0]));
	return -1;
}

/* A long list of users of whom none is known yet. */
static void
test_long_list(void)
{
	enum reply_id	got;
	int		rounds = 0;

	x.find_user = find_asked;
	while ((got = alias_expand(&x, "users@example.org")) == REPLY_NONE &&
	    rounds++ < 128)
		while (nknown < nasked &&
		    strcmp(asked[nknown++], x.waits_for) != 0)
			;
	tap_ok(got == REPLY_OK && x.nresults == 100, "a long list of users");
	tap_ok(rounds <= 2, "is not expanded for each of them (%d)", rounds);
	x.find_user = find_user;
}

static const char *
aliases(void)
{
	static char	text[65536];
	size_t		n;
	int		i;

	n = (size_t)snprintf(text, sizeof(text), "%s",
	    "info: alice\n"
	    "www: alice\n"
	    "task: daemon\n"
	    "some: alice, away\n"
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
	    "pipe3: |/bin/id\n"
	    "pipe4: alice, \"|/bin/cat -u\", /var/mail/x\n"
	    "prog: |\"/bin/cat -u\"\n"
	    "owner-prog: alice\n"
	    "file: /var/mail/x\n"
	    "file2: /var/mail/y\n"
	    "file3: \"|/var/mail/x\"\n"
	    "evil: :include:/etc/evil\n"
	    "include: :include:/etc/list\n"
	    "junk: a@b@c\n"
	    "empty:\n"
	    "crew: :include:/etc/crew\n"
	    "circle: :include:/etc/circle\n"
	    "list: alice, eve@far.example\n"
	    "owner-list: bob\n"
	    "nest: list, \\bob\n"
	    "owner-nest: alice\n"
	    "@catch.example: alice\n"
	    "info@b\303\274.example: alice@example.org\n"
	    "@b\303\274.example: info2@example.org\n"
	    "postmaster: alice\n");
	for (i = 0; i < 25; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "deep%d: deep%d\n", i, i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "deep25: alice\n");
	for (i = 0; i < 15; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "bomb%d: bomb%d, bomb%d+x\n", i, i + 1, i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "bomb15: alice\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "users: user0");
	for (i = 1; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",user%d", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n,
	    "\nmany: x@far.example");
	for (i = 0; i < 1001; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",x%d@far.example", i);
	return text;
}

static struct bounce_route	way;

static int
expansion_is(const char *want)
{
	static char	got[65536];
	size_t		i, n = 0;

	got[0] = '\0';
	for (i = 0; i < x.nresults; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n,
		    "%s/%s/%s%s%s ", x.results[i].action->is.name,
		    x.results[i].recipient, x.results[i].user,
		    x.results[i].owner != 0 ? "!" : "",
		    x.results[i].owner != 0 ?
		    x.owners[x.results[i].owner - 1] : "");
	if (strcmp(got, want) != 0)
		printf("# got %s\n", got);
	return strcmp(got, want) == 0;
}

static void
configure(void)
{
	testconf_begin(0, 0);
	testconf_table(1, aliases());
	testconf_table(2, "example.org\ncatch.example\nb\303\274.example\n");
	testconf_table(3, "virt.example\n");
	testconf_table(4, "v1.example\nv2.example\n");
	testconf_table(5, "a@v1.example: alice\nb@v1.example: info\n"
	    "bob@v1.example: bob\nself@v1.example: self@v1.example\n"
	    "l@v1.example: l@v2.example\nl@v2.example: l@v1.example\n"
	    "@v2.example: @example.org\n");
	testconf_table(6, "old@relay.example: new\nbare: alice\n"
	    "pipe@relay.example: \"|/bin/nothing\"\n");
	testconf_table(7, "relay.example\nb\303\274.relay.example\n");
	testconf_table(8, "@vcatch.example: boss\n");
	testconf_table(9, "vcatch.example\n");
	testconf_table(14, "spool.example\n");
	testconf_table(15, "@b\303\266se.example\n");
	testconf_include(10, "/etc/crew", "# we\nalice, \\bob\n"
	    ":include:/etc/rest\n");
	testconf_include(11, "/etc/rest", "eve@far.example # far\n");
	testconf_include(13, "/etc/evil", "alice, \"|/bin/cat -u\"\n");
	testconf_target("cat", TARGET_COMMAND, "pipes", "/bin/cat -u");
	testconf_target("id", TARGET_COMMAND, "vmail", "/bin/id");
	testconf_target("file", TARGET_FILE, "pipes", "/var/mail/x");
	testconf_include(12, "/etc/circle", "alice :include:/etc/circle");
	testconf_expand_only("v", 5);
	testconf_action("vcatch", 1, 8, "vmail");
	testconf_action("outalias", 0, 6, "");
	testconf_action("local", 1, 1, "");
	testconf_action("virt", 1, 0, "vmail");
	testconf_spool("spool");
	testconf_action("out", 0, 0, "");
	testconf_rule(FROM_ANY, 0, FOR_ANY, 0, 15, "", NULL);
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 2, 0, "", "local");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 3, 0, "", "virt");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 14, 0, "", "spool");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 4, 0, "", "v");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 7, 0, "", "outalias");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 9, 0, "", "vcatch");
	x.conf = testconf_end();
}

int
main(void)
{
	enum reply_id	got;
	size_t		i;

	configure();
	tap_ok(x.conf != NULL, "configuration");
	x.request.address = "192.0.2.1";
	x.request.tag = "";
	x.request.sender = "s@far.example";
	x.find_user = find_user;
	for (i = 0; x.conf != NULL && i < sizeof(cases) / sizeof(cases[0]);
	    i++) {
		got = alias_expand(&x, cases[i].rcpt);
		tap_ok(got == cases[i].reply && (cases[i].want == NULL ||
		    got != REPLY_OK || expansion_is(cases[i].want)), "%s",
		    cases[i].name);
	}
	if (x.conf != NULL)
		test_long_list();
	x.request.sender = "s@B\303\226SE.example";
	tap_ok(x.conf != NULL && alias_expand(&x, "alice@example.org") ==
	    REPLY_REJECTED && strstr(x.request.sender, "\303\226SE") != NULL,
	    "a sender in either form, which stays as it came");
	x.request.sender = "";
	tap_ok(x.conf != NULL && alias_expand(&x, "list@example.org") ==
	    REPLY_OK && x.results[0].owner == 0, "a bounce keeps no owner");
	x.is_bounce = 1;
	tap_ok(x.conf != NULL && alias_expand(&x, "nobody@example.org") ==
	    REPLY_OK && alias_expand(&x, "wait@example.org") == REPLY_OK,
	    "the way of a bounce asks for no user");
	tap_ok(x.conf != NULL && alias_expand(&x, "wait@catch.example") ==
	    REPLY_NONE && strcmp(x.waits_for, "wait") == 0,
	    "but where a catch-all stands against it");
	tap_ok(x.conf != NULL && bounce_find(&x, "away@catch.example", &way) ==
	    REPLY_TRY_LATER, "no guess which of the two");
	tap_ok(x.conf != NULL && bounce_find(&x, "away@example.org", &way) ==
	    REPLY_OK && strcmp(way.user, "away") == 0, "which is not needed "
	    "without one");
	tap_ok(x.conf != NULL && bounce_find(&x, "ping@example.org", &way) ==
	    REPLY_OK && way.action[0] == '\0', "no way");
	return tap_done();
}
