/*
 * Unit test of route.c, through real links: the test plays the queue, which
 * asks where addresses of a ~/.forward lead, and the parent.
 */
#include "testpeers.c"
#include "route.h"

#define LARGE	900		/* addresses of a list */
#define FLOOD	200		/* questions; their answers are > 96 MiB */

static struct policy_queue_rcpt		routed[KEPT];
static struct policy_queue_owner	routed_owners[KEPT];
static struct policy_queue_routed_done	done[KEPT];
static size_t				nrouted, nrouted_owners, ndone;

KEEP(on_routed, routed, nrouted)
KEEP(on_routed_owner, routed_owners, nrouted_owners)
KEEP(on_routed_done, done, ndone)

static const struct link_rule	queue_rules[] = {
	{ MSG_POLICY_QUEUE_ROUTED, LINK_STATE_ANY, on_routed },
	{ MSG_POLICY_QUEUE_ROUTED_OWNER, LINK_STATE_ANY, on_routed_owner },
	{ MSG_POLICY_QUEUE_ROUTED_DONE, LINK_STATE_ANY, on_routed_done },
};

static void
queue_start(uint32_t peer_id)
{
	int	fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		fatal("socketpair");
	session_on_link(PROC_QUEUE, peer_id, 0, fd[0]);
	queue_far = make_link(fd[1], queue_rules,
	    sizeof(queue_rules) / sizeof(queue_rules[0]));
}

static void
send_route(uint64_t id, const char *recipient)
{
	struct queue_policy_route	m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	strlcpy(m.user, "alice", sizeof(m.user));
	strlcpy(m.sender, "x@far.example", sizeof(m.sender));
	strlcpy(m.recipient, recipient, sizeof(m.recipient));
	link_send(queue_far, MSG_QUEUE_POLICY_ROUTE, &m, sizeof(m));
}

static void
ask(uint64_t id, const char *recipient)
{
	nrouted = nrouted_owners = ndone = 0;
	send_route(id, recipient);
	settle();
}

/* One DONE, of this question, with so many ROUTED. */
static int
is_done(uint64_t id, enum reply_id reply, uint32_t count)
{
	return ndone == 1 && done[0].id == id && done[0].reply == reply &&
	    done[0].count == count && nrouted == count;
}

static void
test_answers(void)
{
	ask(10, "b@far.example");
	tap_ok(is_done(10, REPLY_OK, 1) && routed[0].session == 10 &&
	    strcmp(routed[0].action, "out") == 0 &&
	    strcmp(routed[0].recipient, "b@far.example") == 0,
	    "relayed, although the sender is a stranger");
	tap_ok(nrouted_owners == 0, "under the sender that it has");
	ask(11, "both@example.org");
	tap_ok(nasks == 1 && strcmp(asks[0].name, "alice") == 0 &&
	    ndone == 0 && nrouted == 0 && route_waits(),
	    "nothing is said before all users are known");
	answer_user("alice", POLICY_USER_HOME);
	tap_ok(is_done(11, REPLY_OK, 2) && !route_waits() &&
	    strcmp(routed[0].action, "local") == 0 &&
	    strcmp(routed[0].user, "alice") == 0 &&
	    strcmp(routed[1].recipient, "a@far.example") == 0, "an alias");
	ask(12, "alice");
	tap_ok(is_done(12, REPLY_OK, 1) && strcmp(routed[0].user, "alice") ==
	    0, "without a domain: of this host");
	ask(13, "list@example.org");
	tap_ok(is_done(13, REPLY_OK, 2) && nrouted_owners == 1 &&
	    routed_owners[0].session == 13 &&
	    strcmp(routed_owners[0].sender, "owner-list@example.org") == 0 &&
	    strcmp(routed_owners[0].bounce.action, "local") == 0 &&
	    strcmp(routed_owners[0].bounce.user, "alice") == 0,
	    "a list is sent on by its owner");
	ask(14, "mixed@example.org");
	tap_ok(is_done(14, REPLY_OK, 3) && nrouted_owners == 2 &&
	    routed_owners[1].sender[0] == '\0',
	    "and only the list");
}

static void
test_refusals(void)
{
	reset_kept();
	ask(20, "nobody@example.org");
	tap_ok(nasks == 1 && ndone == 0, "a user not known yet");
	answer_user("nobody", POLICY_USER_NONE);
	tap_ok(is_done(20, REPLY_NO_SUCH_USER, 0), "there is none");
	ask(22, "away@example.org");
	answer_user("away", POLICY_USER_LATER);
	tap_ok(is_done(22, REPLY_TRY_LATER, 0) && !route_waits(),
	    "a user who cannot be looked up");
	ask(21, "half@example.org");
	tap_ok(is_done(21, REPLY_NO_SUCH_USER, 0),
	    "one bad target: none of them");
}

/* Some wait for the same user, some for another; an answer may not do. */
static void
test_waiting(void)
{
	reset_kept();
	ask(30, "carol@example.org");
	send_route(31, "dave@example.org");
	send_route(32, "carol+x@example.org");
	send_route(33, "two@example.org");	/* carol, dave */
	settle();
	tap_ok(nasks == 2 && ndone == 0 && route_waits(),
	    "four questions, two users");
	answer_user("carol", POLICY_USER_HOME);
	tap_ok(ndone == 2 && done[0].id == 30 && done[1].id == 32 &&
	    nrouted == 2, "two are answered");
	nrouted = ndone = 0;
	answer_user("dave", POLICY_USER_HOME);
	tap_ok(ndone == 2 && done[0].id == 31 && done[1].id == 33 &&
	    nrouted == 3 && !route_waits(), "and those that needed both");

	ask(34, "erin@example.org");
	now_ms += 5000;
	send_route(35, "frank@example.org");
	settle();
	now_ms += 5001;
	route_expire();
	settle();
	tap_ok(is_done(34, REPLY_TRY_LATER, 0) && route_waits(),
	    "no answer in ten seconds");
	nrouted = ndone = 0;
	answer_user("erin", POLICY_USER_HOME);
	tap_ok(ndone == 0, "which comes too late");
	answer_user("frank", POLICY_USER_HOME);
	tap_ok(is_done(35, REPLY_OK, 1), "the other one in time");
}

static void
test_queue_ends(void)
{
	ask(40, "grace@example.org");
	tap_ok(ndone == 0 && route_waits(), "one waits");
	link_close(queue_far);
	settle();
	tap_ok(!route_waits(), "it goes with the queue");
	queue_start(97);
	answer_user("grace", POLICY_USER_HOME);
	tap_ok(ndone == 0, "the next queue hears nothing of it");
	ask(40, "grace@example.org");
	send_route(41, "heidi@example.org");
	settle();
	tap_ok(is_done(40, REPLY_OK, 1) && route_waits(), "but what it asks");
	queue_start(96);
	tap_ok(!route_waits(), "nor does one that takes its place");
	answer_user("heidi", POLICY_USER_HOME);
	tap_ok(ndone == 1, "whatever the parent says");
}

static void
configure_lists(const char *more)
{
	static char	aliases[LARGE * 24 + 512];

	strlcpy(aliases, "both: alice, a@far.example\n"
	    "list: b@far.example, c@far.example\nowner-list: alice\n"
	    "mixed: list, d@far.example\n"
	    "half: alice, nobody\ntwo: carol, dave\n", sizeof(aliases));
	strlcat(aliases, more, sizeof(aliases));

	testconf_begin(1000000, 5);
	testconf_table(1, "example.org\n");
	testconf_table(2, aliases);
	testconf_action("out", 0, 0, "");
	testconf_action("local", 1, 2, "");
	testconf_rule(FROM_AUTH, 0, FOR_DOMAIN, 1, 0, "", "local");
	testconf_rule(FROM_LOCAL, 0, FOR_LOCAL, 0, 0, "", "local");
	testconf_rule(FROM_LOCAL, 0, FOR_DOMAIN, 1, 0, "", "local");
	testconf_rule(FROM_LOCAL, 0, FOR_ANY, 0, 0, "", "out");
	if (testconf_end() == NULL)
		fatalx("configuration");
}

/* Many questions wait for one user, whose list is long. */
static void
test_flood(void)
{
	static char	 list[LARGE * 24 + 64];
	size_t		 i, n, nok = 0;

	n = strlcpy(list, "large: zoe", sizeof(list));
	for (i = 1; i < LARGE; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
		    ", n%zu@far.example", i);
	strlcat(list, "\n", sizeof(list));
	configure_lists(list);
	reset_kept();
	for (i = 0; i < FLOOD; i++) {
		ask(1000 + i, "large@example.org");
		if (ndone != 0)
			break;
	}
	tap_ok(i == FLOOD && nasks == 1, "%d questions, one user", FLOOD);
	answer_user("zoe", POLICY_USER_HOME);
	for (i = 0; i < 10000 && ndone < FLOOD; i++)
		settle();
	for (i = 0; i < ndone; i++)
		nok += done[i].reply == REPLY_OK && done[i].count == LARGE;
	tap_ok(ndone == FLOOD && !route_waits(), "all are answered, by a queue "
	    "that was not said to read too little");
	tap_ok(nok > 10 && nok < FLOOD && done[FLOOD - 1].reply ==
	    REPLY_TRY_LATER, "those that it has no room for: later");
	ask(2000, "zoe@example.org");
	tap_ok(is_done(2000, REPLY_OK, 1), "then it goes on");
}

int
main(void)
{
	start("route_test");
	queue_start(99);
	ask(1, "b@far.example");
	tap_ok(is_done(1, REPLY_TRY_LATER, 0), "no configuration yet");
	configure_lists("");
	test_answers();
	test_refusals();
	test_waiting();
	test_queue_ends();
	test_flood();
	return tap_done();
}
