/* Unit test of sender.c: the sender map, and what holds without one. */
#include <string.h>

#include "base/tap.h"
#include "sender.h"
#include "testconf.h"

#define WITH	1	/* listener with a senders table */
#define WITHOUT	2
#define UE	"\303\274"

static const struct {
	const char	*name;
	uint32_t	 listener;
	const char	*user, *sender;
	int		 want;
} cases[] = {
	{ "address", WITH, "alice", "alice@example.org", 1 },
	{ "other case", WITH, "alice", "Alice@Example.ORG", 1 },
	{ "login in other case", WITH, "ALICE", "alice@example.org", 1 },
	{ "second of a list", WITH, "alice", "info@example.org", 1 },
	{ "somebody else", WITH, "alice", "bob@example.org", 0 },
	{ "same local part elsewhere", WITH, "alice", "alice@example.net", 0 },
	{ "prefix", WITH, "alice", "alice@example.or", 0 },
	{ "suffix", WITH, "alice", "xalice@example.org", 0 },
	{ "tag without +*", WITH, "alice", "alice+x@example.org", 0 },
	{ "+* with a tag", WITH, "tess", "tess+lists@example.org", 1 },
	{ "+* without a tag", WITH, "tess", "tess@example.org", 1 },
	{ "+* with an empty tag", WITH, "tess", "tess+@example.org", 1 },
	{ "+* longer name", WITH, "tess", "tessa@example.org", 0 },
	{ "+* shorter name", WITH, "tess", "tes@example.org", 0 },
	{ "+* other domain", WITH, "tess", "tess+x@example.net", 0 },
	{ "+* at sign in the tag", WITH, "tess",
	    "\"tess+x@example.org\"@evil.example", 0 },
	{ "@domain", WITH, "bob", "anything@example.net", 1 },
	{ "@domain, not a subdomain", WITH, "bob", "a@sub.example.net", 0 },
	{ "@domain, not a longer name", WITH, "bob", "a@xexample.net", 0 },
	{ "domain", WITH, "carl", "a@example.com", 1 },
	{ "domain of the list's end", WITH, "carl", "a@example.edu", 1 },
	{ "domain not listed", WITH, "carl", "a@example.org", 0 },
	{ "U-label, A-label listed", WITH, "idna", "x@b" UE ".example", 1 },
	{ "A-label, U-label listed", WITH, "idna",
	    "idna@xn--mnchen-3ya.example", 1 },
	{ "U-label in other case", WITH, "idna",
	    "idna@M\303\234nchen.example", 1 },
	{ "U-label, other local part", WITH, "idna",
	    "x@m" UE "nchen.example", 0 },
	{ "tag and A-label", WITH, "idna", "t+x@xn--c-xha.example", 0 },
	{ "login is the other form", WITHOUT, "a@m" UE "nchen.example",
	    "a@xn--mnchen-3ya.example", 1 },
	{ "login is another name", WITHOUT, "a@m" UE "nchen.example",
	    "a@munchen.example", 0 },
	{ "bare login at the other form", WITHOUT, "alice",
	    "alice@xn--mnchen-3ya.example", 1 },
	{ "login in U-labels, listed in A-labels", WITH,
	    "eve@m" UE "nchen.example", "eve@example.org", 1 },
	{ "and in other case", WITH, "eve@M\303\234nchen.EXAMPLE",
	    "eve@example.org", 1 },
	{ "login in A-labels, listed in U-labels", WITH,
	    "ivo@xn--mnchen-3ya.example", "ivo@example.org", 1 },
	{ "each form has its own", WITH, "two@m" UE "nchen.example",
	    "u@example.org", 1 },
	{ "each form has its own, the other", WITH,
	    "two@m" UE "nchen.example", "a@example.org", 0 },
	{ "a word has no other form", WITH, "j" UE "rgen", "j@example.org",
	    0 },
	{ "everything", WITH, "robot", "a@b.example", 1 },
	{ "everything, null", WITH, "robot", "", 1 },
	{ "not in the table", WITH, "dora", "dora@example.org", 0 },
	{ "not in the table, null", WITH, "dora", "", 1 },
	{ "empty list", WITH, "empty", "empty@example.org", 0 },
	{ "address without domain", WITH, "robot", "root", 0 },
	{ "login is an address", WITHOUT, "a@b.example", "a@b.example", 1 },
	{ "login is another address", WITHOUT, "a@b.example", "c@b.example",
	    0 },
	{ "bare login at the host", WITHOUT, "alice",
	    "alice@mail.example.org", 1 },
	{ "bare login at a listener's name", WITHOUT, "alice",
	    "alice@smtp.example.org", 1 },
	{ "bare login at a local domain", WITHOUT, "alice",
	    "alice@example.org", 1 },
	{ "bare login at a relayed domain", WITHOUT, "alice",
	    "alice@relayed.example", 0 },
	{ "bare login elsewhere", WITHOUT, "alice", "alice@far.example", 0 },
	{ "other bare login", WITHOUT, "alice", "bob@example.org", 0 },
	{ "bare login, null", WITHOUT, "alice", "", 1 },
};

int
main(void)
{
	const struct conf	*conf;
	size_t			 i;

	testconf_begin(0, 0);
	testconf_table(1, "alice alice@example.org, info@example.org\n"
	    "tess: tess+*@example.org\n"
	    "bob\t@example.net\n"
	    "carl example.com ,example.edu\n"
	    "robot *\n"
	    "idna xn--b-eha.example, idna@m" UE "nchen.example\n"
	    "eve@xn--mnchen-3ya.example eve@example.org\n"
	    "ivo@m" UE "nchen.example ivo@example.org\n"
	    "two@m" UE "nchen.example u@example.org\n"
	    "two@xn--mnchen-3ya.example a@example.org\n"
	    "xn--jrgen-kva j@example.org\n"
	    "empty\n");
	testconf_table(2, "example.org\nm" UE "nchen.example\n");
	testconf_table(3, "relayed.example\n");
	testconf_action("local", 1, 0, "");
	testconf_action("out", 0, 0, "");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 2, 0, "", "local");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 3, 0, "", "out");
	testconf_listener(WITH, 1, 1, "");
	testconf_listener(WITHOUT, 1, 0, "");
	conf = testconf_end();
	tap_ok(conf != NULL, "configuration");
	for (i = 0; conf != NULL && i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(sender_is_allowed(conf, conf_find_listener(conf,
		    cases[i].listener), cases[i].user, cases[i].sender) ==
		    cases[i].want, "%s", cases[i].name);
	return tap_done();
}
