/*
 * What the other forms of domains cost, and that without memory for them
 * nothing is decided: libidn2 is called through a function of this test.
 */
#include <dlfcn.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"
#include "alias.h"
#include "rules.h"
#include "sender.h"
#include "testconf.h"

#define UE	"\303\274"
#define LIST	50		/* users behind an alias */
#define OUTSIDE	"192.0.2.7"

static int			no_memory, ncalls;
static struct alias_expansion	x;

int
idn2_lookup_u8(const uint8_t *src, uint8_t **name, int flags)
{
	static int	(*real)(const uint8_t *, uint8_t **, int);
	void		*p;

	ncalls++;
	if (no_memory)
		return IDN2_MALLOC;
	if (real == NULL) {
		p = dlsym(RTLD_NEXT, "idn2_lookup_u8");
		memcpy(&real, &p, sizeof(real));
	}
	return real(src, name, flags);
}

static int
find_user(const char *name, void *arg)
{
	(void)name;
	(void)arg;
	return POLICY_USER_HOME;
}

static const struct conf *
make(void)
{
	char	text[8192];
	size_t	n;
	int	i;

	n = (size_t)snprintf(text, sizeof(text), "info@b" UE
	    ".example: eve@far.example\nall: u0");
	for (i = 1; i < LIST; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",u%d@b" UE ".example", i);
	testconf_begin(0, 0);
	testconf_table(1, text);
	testconf_table(2, "example.org\nb" UE ".example\n");
	testconf_table(3, "@m" UE "ll.example\n");
	testconf_table(4, "vip@xn--b-eha.example\n");
	testconf_table(5, "bob a@b" UE ".example, b" UE ".example, bob@b" UE
	    ".example, bob@example.org\nvip@xn--b-eha.example a@example.org\n");
	testconf_action("local", 1, 1, "");
	testconf_action("out", 0, 0, "");
	testconf_rule(FROM_ANY, 0, FOR_ANY, 0, 3, "", NULL);
	testconf_rule(FROM_AUTH, 4, FOR_ANY, 0, 0, "", NULL);
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 2, 0, "", "local");
	testconf_listener(1, 1, 5, "");
	testconf_listener(2, 1, 0, "");
	return testconf_end();
}

static int
may(const char *user, const char *scope, const char *sender)
{
	return sender_check(x.conf, conf_find_listener(x.conf, 1), user,
	    scope, sender);
}

static void
test_cost(void)
{
	char	*list;

	ncalls = 0;
	tap_ok(may("bob", NULL, "bob@example.org") == 1 &&
	    may("bob", NULL, "x@xn--b-eha.example") == 1 &&
	    may("bob", NULL, "x@example.org") == 0,
	    "a sender map with U-labels");
	tap_ok(ncalls == 0, "is read once (%d conversions)", ncalls);
	tap_ok(sender_list_form("a@b.example,b" UE ".example, <>", &list) ==
	    0 && strcmp(list, "a@b.example,xn--b-eha.example,<>,") == 0,
	    "the scope of a device");
	tap_ok(may("bob", list, "") == 1 && may("bob", list,
	    "x@b" UE ".example") == 1 && may("bob", list,
	    "bob@example.org") == 0, "allows what it says");
	free(list);
	tap_ok(sender_list_form("a@b.example, *", &list) == -1,
	    "one that is ASCII stays");
	ncalls = 0;
	tap_ok(alias_expand(&x, "all@example.org") == REPLY_OK &&
	    x.nresults == LIST, "a list of addresses with U-labels");
	tap_ok(ncalls < 5, "of one domain is one conversion (%d)", ncalls);
}

static void
test_no_memory(void)
{
	struct rules_request	 req = { OUTSIDE, NULL, "", "x@y.example", 0, 0 };
	const struct conf_action *action;
	const struct conf	*before = x.conf;
	char			*list;

	no_memory = 1;
	x.domain[0] = '\0';	/* what it knows already needs none */
	tap_ok(rules_match(x.conf, &req, "a@b" UE ".example", &action) ==
	    REPLY_TRY_LATER && action == NULL, "no rule");
	req.user = "vip@b" UE ".example";
	tap_ok(rules_match(x.conf, &req, "a@far.example", &action) ==
	    REPLY_TRY_LATER && action == NULL, "no rule of a table of logins");
	tap_ok(alias_expand(&x, "info@b" UE ".example") == REPLY_TRY_LATER,
	    "no alias, and no mailbox in place of it");
	x.request.sender = "spam@m" UE "ll.example";
	tap_ok(alias_expand(&x, "u@example.org") == REPLY_TRY_LATER,
	    "no rule of senders");
	tap_ok(may("bob", NULL, "x@b" UE ".example") == -1, "no sender");
	tap_ok(may("vip@b" UE ".example", NULL, "a@example.org") == -1,
	    "no login");
	tap_ok(may("bob", "example.org", "x@b" UE ".example") == -1,
	    "no scope");
	tap_ok(sender_is_allowed(x.conf, conf_find_listener(x.conf, 2),
	    "a@b" UE ".example", "a@xn--b-eha.example") == -1,
	    "no login that is a sender");
	tap_ok(sender_list_form("b" UE ".example", &list) == -2, "no list");
	tap_ok(may("bob", NULL, "bob@example.org") == 1,
	    "what is ASCII needs none");
	tap_ok(make() == NULL && conf_current() == before,
	    "no new configuration");
	no_memory = 0;
}

int
main(void)
{
	if (tap_ok((x.conf = make()) != NULL, "configuration")) {
		x.request.address = OUTSIDE;
		x.request.tag = "";
		x.request.sender = "s@far.example";
		x.find_user = find_user;
		test_cost();
		test_no_memory();
	}
	return tap_done();
}
