/*
 * Unit test of session.c, recipient.c, handover.c and book.c, through real
 * links: the test plays net, the queue, the parent and control.
 */
#include "testpeers.c"

static void
test_mail(void)
{
	uint64_t	first;

	tap_ok(mail(S(1), 1, 1, 0, 0, "u@example.org") == REPLY_AUTH_REQUIRED,
	    "not authenticated");
	tap_ok(mail(S(1), 2, 1, 1, 0, "u@example.org") == REPLY_TRY_LATER,
	    "net says authenticated, the parent did not");
	/* Both wait in their sockets; policy may read net's first. */
	login(S(1), "u");
	link_flush(parent_far);
	tap_ok(mail(S(1), 3, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "the parent said so");
	first = mails[0].message;
	tap_ok(mail(S(1), 4, 1, 1, 0, "v@example.org") ==
	    REPLY_SENDER_NOT_YOURS, "somebody else's address");
	tap_ok(mail(S(1), 5, 1, 1, 1000001, "u@example.org") == REPLY_TOO_BIG,
	    "too big");
	tap_ok(mail(S(1), 6, 1, 1, 1000000, "") == REPLY_SENDER_OK &&
	    mails[0].message > first, "null sender, a higher message id");
	tap_ok(mail(S(1), 7, 2, 1, 0, "u@example.org") == REPLY_TRY_LATER,
	    "another listener than that of the login");
	tap_ok(mail(S(1), 8, 9, 1, 0, "u@example.org") == REPLY_TRY_LATER,
	    "unknown listener");
	tap_ok(mail(S(2), 1, 1, 0, 0, "u@example.org") == REPLY_AUTH_REQUIRED,
	    "another session is not authenticated by the first");
	tap_ok(mail(S(3), 1, 2, 0, 0, "x@far.example") == REPLY_SENDER_OK,
	    "no AUTH needed on the other listener");
	send_session(MSG_NET_POLICY_END, S(1), 0);
	tap_ok(mail(S(1), 9, 1, 0, 0, "u@example.org") == REPLY_AUTH_REQUIRED,
	    "END ends the authentication");
}

/* A list of 400 in one transaction again and again, with other tags. */
static void
test_work(void)
{
	static char	text[16384];
	char		to[64];
	size_t		n;
	uint32_t	i, passed = 0, refused = 0;

	n = (size_t)snprintf(text, sizeof(text), "many: x@far.example");
	for (i = 1; i < 400; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",%u@far.example", i);
	testconf_begin(1000000, 1000);
	testconf_table(1, "example.org\n");
	testconf_table(2, text);
	testconf_action("out", 0, 0, "");
	testconf_action("local", 1, 2, "");
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 1, 0, "", "local");
	testconf_listener(2, 0, 0, "");
	tap_ok(testconf_end() != NULL, "a long list");
	mail(S(9), 1, 2, 0, 0, "x@far.example");
	for (i = 0; i < 20; i++) {
		snprintf(to, sizeof(to), "many+%u@example.org", i);
		if (rcpt(S(9), 1, i, to) == REPLY_RCPT_OK)
			passed++;
		else
			refused += rcpts[0].reply == REPLY_TOO_MANY_RCPT;
	}
	tap_ok(passed >= 2 && passed < 20 && passed + refused == 20,
	    "it is expanded some times, not without end (%u)", passed);
	mail(S(9), 2, 2, 0, 0, "x@far.example");
	tap_ok(rcpt(S(9), 2, 0, "many@example.org") == REPLY_RCPT_OK,
	    "but in the next transaction");
	send_session(MSG_NET_POLICY_END, S(9), 0);
}

static void
test_rcpt(void)
{
	login(S(10), "u");
	settle();
	reset_kept();
	mail(S(10), 1, 1, 1, 0, "u@example.org");
	tap_ok(nopens == 0, "MAIL alone does not reach the queue");
	tap_ok(rcpt(S(10), 1, 0, "a@far.example") == REPLY_RCPT_OK &&
	    rcpts[0].count == 1, "relayed for a user");
	tap_ok(nopens == 1 && nhanded == 1 && opens[0].session == S(10) &&
	    opens[0].message == mails[0].message &&
	    strcmp(opens[0].user, "u") == 0 &&
	    strcmp(opens[0].sender, "u@example.org") == 0 &&
	    strcmp(opens[0].bounce.action, "out") == 0 &&
	    strcmp(handed[0].action, "out") == 0 &&
	    strcmp(handed[0].recipient, "a@far.example") == 0,
	    "OPEN and RCPT at the queue");
	tap_ok(rcpt(S(10), 1, 1, "A@FAR.example") == REPLY_RCPT_OK &&
	    rcpts[0].count == 0 && nhanded == 1, "twice the same");
	tap_ok(rcpt(S(10), 1, 2, "b@far.example") == REPLY_RCPT_OK &&
	    nopens == 1 && nhanded == 2, "one OPEN for all");
	tap_ok(rcpt(S(10), 1, 3, "c@far.example") == REPLY_RCPT_OK &&
	    rcpt(S(10), 1, 4, "d@far.example") == REPLY_RCPT_OK &&
	    rcpt(S(10), 1, 5, "e@far.example") == REPLY_TOO_MANY_RCPT,
	    "limit of recipients");
	tap_ok(rcpt(S(10), 1, 6, "someone") == REPLY_BAD_RCPT, "no domain");
	send_session(MSG_NET_POLICY_RESET, S(10), 1);
	handover_pay();
	settle();
	tap_ok(ncancels == 1 && cancels[0].session == S(10) &&
	    cancels[0].tx == 1, "RESET cancels at the queue");
	tap_ok(rcpt(S(10), 1, 7, "a@far.example") == REPLY_SEQUENCE,
	    "RCPT after RESET");
	mail(S(11), 1, 2, 0, 0, "x@far.example");
	tap_ok(rcpt(S(11), 1, 0, "a@far.example") == REPLY_RELAY_DENIED,
	    "a stranger may not relay");
	tap_ok(rcpt(S(12), 1, 0, "a@far.example") == REPLY_TRY_LATER,
	    "unknown session");
}

static void
test_unsure(void)
{
	reset_kept();
	mail(S(22), 1, 2, 0, 0, "x@far.example");
	send_rcpt(S(22), 1, 0, "frank@example.org");
	settle();
	answer_user("frank", POLICY_USER_LATER);
	tap_ok(nrcpts == 1 && rcpts[0].reply == REPLY_TRY_LATER && nasks == 1,
	    "a user who cannot be looked up");
	now_ms += 1900;
	tap_ok(rcpt(S(22), 1, 1, "frank@example.org") == REPLY_TRY_LATER &&
	    nasks == 1, "for two seconds nobody asks again");
	now_ms += 101;
	send_rcpt(S(22), 1, 2, "frank@example.org");
	settle();
	tap_ok(nasks == 2, "then somebody does");
	nrcpts = 0;
	answer_user("frank", POLICY_USER_HOME);
	tap_ok(nrcpts == 1 && rcpts[0].reply == REPLY_RCPT_OK,
	    "and there is an answer");
	send_session(MSG_NET_POLICY_END, S(22), 0);
	settle();
}

static void
test_users(void)
{
	reset_kept();
	mail(S(20), 1, 2, 0, 0, "x@far.example");
	tap_ok(rcpt(S(20), 1, 0, "alice@example.org") == REPLY_MAX &&
	    nasks == 1 && strcmp(asks[0].name, "alice") == 0,
	    "the parent is asked for a user");
	send_rcpt(S(20), 1, 1, "bob@example.org");
	send_rcpt(S(20), 1, 2, "alice+x@example.org");
	settle();
	tap_ok(nasks == 2 && nrcpts == 0, "each user once");
	answer_user("bob", POLICY_USER_NONE);
	tap_ok(nrcpts == 1 && rcpts[0].n == 1 &&
	    rcpts[0].reply == REPLY_NO_SUCH_USER && nopens == 0,
	    "no such user");
	answer_user("alice", POLICY_USER_HOME);
	tap_ok(nrcpts == 3 && rcpts[1].n == 0 && rcpts[2].n == 2 &&
	    rcpts[1].reply == REPLY_RCPT_OK && nopens == 1 && nhanded == 2 &&
	    strcmp(handed[1].user, "alice") == 0 &&
	    opens[0].bounce.action[0] == '\0', "both wait for the same answer");
	tap_ok(rcpt(S(20), 1, 3, "both@example.org") == REPLY_RCPT_OK &&
	    rcpts[0].count == 1 && nhanded == 3 &&
	    strcmp(handed[2].action, "out") == 0 &&
	    strcmp(handed[2].original, "both@example.org") == 0,
	    "an alias, half of it there already");
	tap_ok(nowners == 0 && rcpt(S(20), 1, 4, "list@example.org") ==
	    REPLY_RCPT_OK && nowners == 2 && nhanded == 5 &&
	    strcmp(owners[0].sender, "owner-list@example.org") == 0 &&
	    strcmp(owners[0].bounce.action, "local") == 0 &&
	    strcmp(owners[0].bounce.user, "alice") == 0 &&
	    owners[0].tx == 1 && owners[1].sender[0] == '\0',
	    "a list has the sender that owns it, and only the list");
	mail(S(20), 2, 2, 0, 0, "x@far.example");
	nrcpts = 0;
	send_rcpt(S(20), 2, 0, "carol@example.org");
	settle();
	now_ms += 10001;
	recipient_expire();
	settle();
	tap_ok(nrcpts == 1 && rcpts[0].reply == REPLY_TRY_LATER,
	    "no answer in ten seconds");
	nrcpts = 0;
	send_rcpt(S(20), 2, 1, "dave@example.org");
	settle();
	send_session(MSG_NET_POLICY_RESET, S(20), 2);
	answer_user("dave", POLICY_USER_HOME);
	tap_ok(nrcpts == 1 && rcpts[0].reply == REPLY_TRY_LATER &&
	    policy_counts()->parked == 0, "RESET answers who waits");
	mail(S(20), 3, 2, 0, 0, "x@far.example");
	nrcpts = 0;
	send_rcpt(S(20), 3, 0, "erin@example.org");
	settle();
	send_session(MSG_NET_POLICY_END, S(20), 0);
	answer_user("erin", POLICY_USER_HOME);
	tap_ok(nrcpts == 0 && policy_counts()->parked == 0,
	    "END forgets who waits");
}

static void
test_queue_restart(void)
{
	login(S(30), "u");
	settle();
	reset_kept();
	mail(S(30), 1, 1, 1, 0, "u@example.org");
	rcpt(S(30), 1, 0, "a@far.example");
	link_close(queue_far);
	settle();
	tap_ok(rcpt(S(30), 1, 1, "b@far.example") == REPLY_TRY_LATER,
	    "no queue, RCPT");
	tap_ok(mail(S(30), 2, 1, 1, 0, "u@example.org") == REPLY_TRY_LATER,
	    "no queue, MAIL");
	queue_far = connect_as(PROC_QUEUE, 100);
	mail(S(30), 3, 1, 1, 0, "u@example.org");
	rcpt(S(30), 3, 0, "a@far.example");
	link_close(queue_far);
	settle();
	queue_far = connect_as(PROC_QUEUE, 101);
	settle();
	tap_ok(rcpt(S(30), 3, 1, "b@far.example") == REPLY_TRY_LATER,
	    "a new queue does not know the transaction");
	reset_kept();
	mail(S(30), 4, 1, 1, 0, "u@example.org");
	tap_ok(rcpt(S(30), 4, 0, "a@far.example") == REPLY_RCPT_OK &&
	    nopens == 1, "but takes the next");
}

static void
test_header(void)
{
	login(S(60), "u");
	settle();
	tap_ok(header(S(60), 1, "u@example.org|", 0) == REPLY_TRY_LATER,
	    "header before MAIL");
	tap_ok(mail(S(60), 1, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "MAIL before a header");
	tap_ok(header(S(60), 1, "u@example.org|", 0) == REPLY_OK,
	    "header: the user's own");
	tap_ok(header(S(60), 1, "U@example.org|ceo@far.example|", 1) ==
	    REPLY_AUTHOR_NOT_YOURS, "header: the second is not his");
	tap_ok(header(S(60), 2, "u@example.org|", 0) == REPLY_TRY_LATER,
	    "header of a transaction that is not open");
	tap_ok(mail(S(61), 1, 2, 0, 0, "u@example.org") == REPLY_SENDER_OK &&
	    header(S(61), 1, "u@example.org|", 0) == REPLY_TRY_LATER,
	    "header of nobody");
	send_session(MSG_NET_POLICY_END, S(60), 0);
	send_session(MSG_NET_POLICY_END, S(61), 0);
}

/* What was allowed to nobody, or to another, is not to who logs in then. */
static void
test_login_in_transaction(void)
{
	reset_kept();
	tap_ok(mail(S(70), 1, 2, 0, 0, "ceo@example.org") == REPLY_SENDER_OK,
	    "MAIL of nobody");
	login(S(70), "u");
	settle();
	tap_ok(rcpt(S(70), 1, 0, "a@far.example") == REPLY_SEQUENCE &&
	    nopens == 0, "a login ends it");
	tap_ok(mail(S(70), 2, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "MAIL of u");
	login_device(S(70), "u", "<>");
	settle();
	tap_ok(rcpt(S(70), 2, 0, "a@far.example") == REPLY_SEQUENCE &&
	    nopens == 0, "a login of a device ends it");
	tap_ok(mail(S(70), 3, 1, 1, 0, "") == REPLY_SENDER_OK &&
	    header(S(70), 3, "u@example.org|", 0) == REPLY_AUTHOR_NOT_YOURS,
	    "header: not what the device may");
	send_session(MSG_NET_POLICY_END, S(70), 0);
}

static void
revoke(const char *user, const char *device)
{
	struct parent_policy_revoked	m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.user, user, sizeof(m.user));
	strlcpy(m.device, device, sizeof(m.device));
	link_send(parent_far, MSG_PARENT_POLICY_REVOKED, &m, sizeof(m));
	settle();
}

static void
test_expiry(void)
{
	struct parent_policy_authenticated	m;

	memset(&m, 0, sizeof(m));
	m.session = S(90);
	m.listener = 1;
	m.valid_s = 5;
	strlcpy(m.user, "u", sizeof(m.user));
	link_send(parent_far, MSG_PARENT_POLICY_AUTHENTICATED, &m, sizeof(m));
	login(S(91), "u");
	settle();
	now_ms += 4999;
	tap_ok(mail(S(90), 1, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "a login that is still good");
	now_ms++;
	tap_ok(rcpt(S(90), 1, 0, "a@far.example") == REPLY_RCPT_OK,
	    "it ends in a transaction, which does not");
	tap_ok(mail(S(90), 2, 1, 1, 0, "u@example.org") == REPLY_AUTH_REQUIRED,
	    "but there is no other");
	tap_ok(mail(S(91), 1, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "a login without an end has none");
	login(S(90), "u");
	settle();
	tap_ok(mail(S(90), 3, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "a new one is good");
	send_session(MSG_NET_POLICY_END, S(90), 0);
	send_session(MSG_NET_POLICY_END, S(91), 0);
}

static int
was_cancelled(uint64_t session, uint32_t tx)
{
	size_t	i;

	for (i = 0; i < ncancels; i++)
		if (cancels[i].session == session && cancels[i].tx == tx)
			return 1;
	return 0;
}

static int
was_revoked(uint64_t session, uint32_t tx)
{
	size_t	i;

	for (i = 0; i < nrevoked; i++)
		if (revoked[i].session == session && revoked[i].tx == tx)
			return 1;
	return 0;
}

static void
test_revoked(void)
{
	reset_kept();
	login(S(80), "u");
	login(S(81), "v");
	settle();
	mail(S(80), 1, 1, 1, 0, "u@example.org");
	revoke("u", "phone");
	tap_ok(rcpt(S(80), 1, 0, "a@far.example") == REPLY_RCPT_OK &&
	    nopens == 1, "a device that is gone is not its user");
	revoke("u", "");
	tap_ok(rcpt(S(80), 1, 1, "b@far.example") != REPLY_RCPT_OK,
	    "who is revoked loses what was open");
	tap_ok(was_cancelled(S(80), 1), "the queue is told to drop it");
	tap_ok(was_revoked(S(80), 1), "and net that it is dropped");
	tap_ok(mail(S(80), 2, 1, 1, 0, "u@example.org") != REPLY_SENDER_OK,
	    "and may not begin anew");
	tap_ok(mail(S(81), 1, 1, 1, 0, "v@example.org") == REPLY_SENDER_OK,
	    "others may");
	tap_ok(!was_cancelled(S(81), 1) && !was_revoked(S(81), 1),
	    "and keep what is open");
	login(S(80), "u");
	settle();
	tap_ok(mail(S(80), 3, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "a new login is good");
	/* Said before policy heard anything of the session. */
	login(S(82), "u");
	revoke("u", "");
	tap_ok(mail(S(82), 1, 1, 1, 0, "u@example.org") != REPLY_SENDER_OK,
	    "a login that no session has used yet");
	send_session(MSG_NET_POLICY_END, S(80), 0);
	send_session(MSG_NET_POLICY_END, S(81), 0);
	send_session(MSG_NET_POLICY_END, S(82), 0);
}

/* A queue that is slow must not commit what was revoked meanwhile. */
static void
test_revoked_stuffed(void)
{
	struct policy_queue_rcpt	r;
	unsigned int			i;

	reset_kept();
	login(S(83), "u");
	settle();
	mail(S(83), 1, 1, 1, 0, "u@example.org");
	tap_ok(rcpt(S(83), 1, 0, "a@far.example") == REPLY_RCPT_OK,
	    "the queue knows of it");
	memset(&r, 0, sizeof(r));
	for (i = 0; i < 100000 && handover_generation() != 0; i++)
		handover_rcpt(&r, "");
	tap_ok(handover_generation() == 0, "the queue reads no more");
	session_revoke(S(83));
	for (i = 0; i < 1000 && !was_cancelled(S(83), 1); i++)
		settle();
	tap_ok(was_cancelled(S(83), 1), "it is told all the same");
	send_session(MSG_NET_POLICY_END, S(83), 0);
	for (i = 0; i < 1000 && handover_generation() == 0; i++)
		settle();
}

static void
test_net_restart(void)
{
	struct control_request	ask;

	login(S(40), "u");
	settle();
	tap_ok(mail(S(40), 1, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "before net ends");
	link_close(net_far);
	settle();
	tap_ok(book_count().sessions == 0 && book_count().authenticated == 0,
	    "its sessions end with it");
	login(S(41), "u");
	settle();
	net_far = connect_as(PROC_NET, NET);
	tap_ok(mail(S(41), 1, 1, 1, 0, "u@example.org") == REPLY_SENDER_OK,
	    "said by the parent before the link came");
	tap_ok(mail(S(40), 2, 1, 0, 0, "u@example.org") ==
	    REPLY_AUTH_REQUIRED, "a session of the one before is unknown");
	memset(&ask, 0, sizeof(ask));
	ask.request = 5;
	link_send(control_far, MSG_CONTROL_ANY_STATS, &ask, sizeof(ask));
	settle();
	tap_ok(nstats > 0 && ndones == 1, "statistics");
}

int
main(void)
{
	start("session_test");
	tap_ok(mail(S(1000), 1, 1, 0, 0, "u@example.org") == REPLY_TRY_LATER,
	    "no configuration yet");
	configure();
	test_mail();
	test_rcpt();
	test_header();
	test_login_in_transaction();
	test_users();
	test_unsure();
	test_queue_restart();
	test_expiry();
	test_revoked();
	test_revoked_stuffed();
	test_net_restart();
	test_work();
	return tap_done();
}
