/* Unit test of rules.c and conf.c: first match, and what never relays. */
#include <string.h>

#include "base/tap.h"
#include "rules.h"
#include "testconf.h"

#define OUTSIDE	"192.0.2.9"
#define UE_UPPER	"\303\234"
#define OE	"\303\266"
#define UE	"\303\274"

static const struct {
	const char	*name;
	const char	*address, *user, *tag, *sender, *rcpt;
	int		 is_own, is_alias;
	enum reply_id	 want;
	const char	*action;	/* NULL: none */
} cases[] = {
	{ "auth for any", OUTSIDE, "u", "", "u@example.org", "a@far.example",
	    0, 0, REPLY_OK, "out" },
	{ "not authenticated", OUTSIDE, NULL, "", "u@example.org",
	    "a@far.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "src in net", "192.168.1.7", NULL, "", "x@y.example",
	    "a@far.example", 0, 0, REPLY_OK, "lan" },
	{ "src outside of net", "192.168.2.7", NULL, "", "x@y.example",
	    "a@far.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "domain", OUTSIDE, NULL, "", "x@y.example", "a@example.org", 0, 0,
	    REPLY_OK, "local" },
	{ "domain, other case", OUTSIDE, NULL, "", "x@y.example",
	    "a@EXAMPLE.org", 0, 0, REPLY_OK, "local" },
	{ "subdomain is not the domain", OUTSIDE, NULL, "", "x@y.example",
	    "a@sub.example.org", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "quoted at sign does not fool", OUTSIDE, NULL, "", "x@y.example",
	    "\"a@example.org\"@far.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "percent hack is a local part", OUTSIDE, NULL, "", "x@y.example",
	    "a%far.example@example.org", 0, 0, REPLY_OK, "local" },
	{ "listed recipient", OUTSIDE, NULL, "", "x@y.example",
	    "info@virt.example", 0, 0, REPLY_OK, "virt" },
	{ "recipient of a listed domain", OUTSIDE, NULL, "", "x@y.example",
	    "nobody@virt.example", 0, 0, REPLY_NO_SUCH_USER, NULL },
	{ "reject before others", OUTSIDE, "u", "", "u@example.org",
	    "a@bad.example", 0, 0, REPLY_REJECTED, NULL },
	{ "the same with a wide dot behind it", OUTSIDE, "u", "",
	    "u@example.org", "a@bad.example\343\200\202", 0, 0,
	    REPLY_BAD_DOMAIN, NULL },
	{ "beyond ASCII", OUTSIDE, "u", "", "u@example.org",
	    "a@b\303\274.example", 0, 0, REPLY_OK, "out" },
	{ "without A-labels", OUTSIDE, "u", "", "u@example.org",
	    "a@\360\237\230\200.example", 0, 0, REPLY_BAD_DOMAIN, NULL },
	{ "reject by sender", OUTSIDE, "u", "", "spam@evil.example",
	    "a@example.org", 0, 0, REPLY_REJECTED, NULL },
	{ "null sender is in no table", OUTSIDE, NULL, "", "", "a@example.org",
	    0, 0, REPLY_OK, "local" },
	{ "tag matches", OUTSIDE, NULL, "inside", "x@y.example",
	    "a@tagged.example", 0, 0, REPLY_OK, "local" },
	{ "tag does not match", OUTSIDE, NULL, "", "x@y.example",
	    "a@tagged.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "for local", OUTSIDE, NULL, "", "x@y.example", "a@localhost", 0, 0,
	    REPLY_OK, "local" },
	{ "for local, name of a listener", OUTSIDE, NULL, "", "x@y.example",
	    "a@smtp.example.org", 0, 0, REPLY_OK, "local" },
	{ "from local on loopback", "127.0.0.1", NULL, "", "x@y.example",
	    "a@loop.example", 0, 0, REPLY_OK, "out" },
	{ "from local on ::1", "::1", NULL, "", "x@y.example",
	    "a@loop.example", 0, 0, REPLY_OK, "out" },
	{ "from local for this host", "", NULL, "", "", "a@loop.example", 1, 0,
	    REPLY_OK, "out" },
	{ "this host, but no rule from local", "", NULL, "", "",
	    "a@far.example", 1, 0, REPLY_RELAY_DENIED, NULL },
	{ "alias to elsewhere takes the relay of users", OUTSIDE, NULL, "",
	    "x@y.example", "a@far.example", 0, 1, REPLY_OK, "out" },
	{ "alias to a rejected domain", OUTSIDE, NULL, "", "x@y.example",
	    "a@bad.example", 0, 1, REPLY_REJECTED, NULL },
	{ "postmaster of a listed domain", OUTSIDE, NULL, "", "x@y.example",
	    "Postmaster@virt.example", 0, 0, REPLY_OK, "virt" },
	{ "postmaster of a tagged domain", OUTSIDE, NULL, "", "x@y.example",
	    "postmaster@tagged.example", 0, 0, REPLY_OK, "local" },
	{ "postmaster elsewhere", OUTSIDE, NULL, "", "x@y.example",
	    "postmaster@far.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "not quite postmaster", OUTSIDE, NULL, "", "x@y.example",
	    "postmasters@virt.example", 0, 0, REPLY_NO_SUCH_USER, NULL },
	{ "no domain", OUTSIDE, "u", "", "u@example.org", "someone", 0, 0,
	    REPLY_ADDRESS_LITERAL, NULL },
	{ "A-label of a U-label", OUTSIDE, NULL, "", "x@y.example",
	    "a@xn--mnchen-3ya.example", 0, 0, REPLY_OK, "local" },
	{ "U-label in other case", OUTSIDE, NULL, "", "x@y.example",
	    "a@M" UE_UPPER "NCHEN.example", 0, 0, REPLY_OK, "local" },
	{ "U-label of an A-label", OUTSIDE, NULL, "", "x@y.example",
	    "a@k" OE "ln.example", 0, 0, REPLY_OK, "local" },
	{ "U-label that is not listed", OUTSIDE, NULL, "", "x@y.example",
	    "a@k" OE "l.example", 0, 0, REPLY_RELAY_DENIED, NULL },
	{ "no domain name at all", OUTSIDE, NULL, "", "x@y.example",
	    "a@\360\237\230\200.example", 0, 0, REPLY_BAD_DOMAIN, NULL },
	{ "reject by the sender's A-label", OUTSIDE, "u", "",
	    "spam@xn--mll-hoa.example", "a@example.org", 0, 0, REPLY_REJECTED,
	    NULL },
	{ "recipient in A-labels", OUTSIDE, NULL, "", "x@y.example",
	    "info@xn--vrt-hoa.example", 0, 0, REPLY_OK, "virt" },
	{ "recipient of such a domain", OUTSIDE, NULL, "", "x@y.example",
	    "nobody@xn--vrt-hoa.example", 0, 0, REPLY_NO_SUCH_USER, NULL },
	{ "address literal in another form", OUTSIDE, "u", "", "u@example.org",
	    "a@[IPv6:2001:db8::25]", 0, 0, REPLY_REJECTED, NULL },
	{ "auth table: listed", OUTSIDE, "boss", "", "u@example.org",
	    "a@vip.example", 0, 0, REPLY_OK, "lan" },
	{ "auth table: U-label of an A-label", OUTSIDE,
	    "eve@m" UE "nchen.example", "", "u@example.org", "a@vip.example",
	    0, 0, REPLY_OK, "lan" },
	{ "auth table: not listed goes on", OUTSIDE, "u", "", "u@example.org",
	    "a@vip.example", 0, 0, REPLY_OK, "out" },
};

static const struct conf *
make(void)
{
	testconf_begin(0, 0);
	testconf_table(1, "192.168.0.0/23\n");
	testconf_table(2, "example.org\nm" UE "nchen.example\n"
	    "xn--kln-sna.example\n");
	testconf_table(3, "info@virt.example\nsales@virt.example\n"
	    "info@v" UE "rt.example\n");
	testconf_table(4, "bad.example\n[IPv6:2001:DB8:0::25]\n");
	testconf_table(5, "@evil.example\n@m" UE "ll.example\n");
	testconf_table(6, "tagged.example\n");
	testconf_table(7, "loop.example\n");
	testconf_table(8, "boss\neve@xn--mnchen-3ya.example\n");
	testconf_table(9, "vip.example\n");
	testconf_action("local", 1, 0, "");
	testconf_action("virt", 1, 0, "vmail");
	testconf_action("out", 0, 0, "");
	testconf_action("lan", 0, 0, "");
	testconf_listener(1, 1, 0, "");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 4, 0, "", NULL);
	testconf_rule(FROM_ANY, 0, FOR_ANY, 0, 5, "", NULL);
	testconf_rule(FROM_AUTH, 8, FOR_DOMAIN, 9, 0, "", "lan");
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_SRC, 1, FOR_ANY, 0, 0, "", "lan");
	testconf_rule(FROM_LOCAL, 0, FOR_DOMAIN, 7, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 2, 0, "", "local");
	testconf_rule(FROM_ANY, 0, FOR_RCPT, 3, 0, "", "virt");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 6, 0, "inside", "local");
	testconf_rule(FROM_ANY, 0, FOR_LOCAL, 0, 0, "", "local");
	return testconf_end();
}

static void
test_senders(void)
{
	tap_ok(rules_check_sender("") == REPLY_OK &&
	    rules_check_sender("a@b.example") == REPLY_OK &&
	    rules_check_sender("a@b" UE ".example") == REPLY_OK,
	    "senders that can be compared");
	/* Evil's domain, and a full stop of East Asia behind it. */
	tap_ok(rules_check_sender("x@evil.example\343\200\202") ==
	    REPLY_BAD_SENDER && rules_check_sender(
	    "a@\360\237\230\200.example") == REPLY_BAD_SENDER &&
	    rules_check_sender("a") == REPLY_BAD_SENDER,
	    "senders that cannot");
}

static void
test_open_relay(void)
{
	struct rules_request	 req = { OUTSIDE, NULL, "", "x@y.example", 0, 0 };
	const struct conf_action *action;
	const struct conf	*conf;

	testconf_begin(0, 0);
	testconf_action("out", 0, 0, "");
	testconf_rule(FROM_ANY, 0, FOR_ANY, 0, 0, "", "out");
	conf = testconf_end();
	tap_ok(conf != NULL && rules_match(conf, &req, "a@far.example",
	    &action) == REPLY_RELAY_DENIED && action == NULL,
	    "any for any does not relay for strangers");
	req.user = "u";
	tap_ok(conf != NULL && rules_match(conf, &req, "a@far.example",
	    &action) == REPLY_OK, "any for any relays for users");
}

static void
test_broken(void)
{
	const struct conf	*before = conf_current();

	testconf_begin(0, 0);
	testconf_rule(FROM_ANY, 0, FOR_ANY, 0, 0, "", "nowhere");
	tap_ok(testconf_end() == NULL, "a rule without its action is refused");
	testconf_begin(0, 0);
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 7, 0, "", NULL);
	tap_ok(testconf_end() == NULL, "a rule without its table is refused");
	testconf_begin(0, 0);
	testconf_rule(9, 0, FOR_ANY, 0, 0, "", NULL);
	tap_ok(testconf_end() == NULL, "a rule of unknown kind is refused");
	tap_ok(conf_end() == -1, "an end without a begin is refused");
	tap_ok(conf_current() == before, "the old configuration stays");
}

int
main(void)
{
	const struct conf	*conf = make();
	struct rules_request	 req;
	const struct conf_action *action;
	enum reply_id		 got;
	size_t			 i;

	tap_ok(conf != NULL, "configuration");
	for (i = 0; conf != NULL && i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&req, 0, sizeof(req));
		req.address = cases[i].address;
		req.user = cases[i].user;
		req.tag = cases[i].tag;
		req.sender = cases[i].sender;
		req.is_own = cases[i].is_own;
		req.is_alias = cases[i].is_alias;
		got = rules_match(conf, &req, cases[i].rcpt, &action);
		tap_ok(got == cases[i].want && (cases[i].action == NULL ?
		    action == NULL : action != NULL &&
		    strcmp(action->is.name, cases[i].action) == 0), "%s",
		    cases[i].name);
	}
	test_senders();
	test_open_relay();
	test_broken();
	return tap_done();
}
