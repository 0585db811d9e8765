/*
 * Unit test of session.c, recipient.c, handover.c and book.c, through real
 * links: the test plays net, the queue, the parent and control.
 */
#include <sys/socket.h>

#include <event.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/tap.h"
#include "mail/reply.h"
#include "proto/boot.h"
#include "proto/control_any.h"
#include "handover.h"
#include "session.h"
#include "testconf.h"
#include "transaction.h"

#define NET	7U
#define S(n)	((uint64_t)NET << 32 | (n))
#define KEPT	256

/* What arrived at the far ends, in order of arrival for each type. */
static struct policy_net_mail_done	mails[KEPT];
static struct policy_net_rcpt_done	rcpts[KEPT];
static struct policy_net_header_done	headers[KEPT];
static struct policy_queue_open		opens[KEPT];
static struct policy_queue_rcpt		handed[KEPT];
static struct policy_queue_cancel	cancels[KEPT];
static struct policy_parent_user	asks[KEPT];
static size_t	nmails, nrcpts, nheaders, nopens, nhanded, ncancels, nasks,
		nstats, ndones;

static struct link	*parent_near, *parent_far, *net_far, *queue_far;
static struct link	*control_far;
static uint64_t		 now_ms = 1000;
static int		 net_is_down;

struct link *
proc_parent(void)
{
	return parent_near;
}

uint64_t
proc_now_ms(void)
{
	return now_ms;
}

uint64_t
proc_now_s(void)
{
	return 1700000000;
}

int
proc_is_stopping(void)
{
	return 0;
}

#define KEEP(name, array, count) \
static void \
name(struct link *link, struct link_in *in) \
{ \
	(void)link; \
	if (count < KEPT) \
		memcpy(&array[count++], in->data, sizeof(array[0])); \
}
KEEP(on_policy_mail_done, mails, nmails)
KEEP(on_policy_rcpt_done, rcpts, nrcpts)
KEEP(on_policy_header_done, headers, nheaders)
KEEP(keep_open, opens, nopens)
KEEP(keep_rcpt, handed, nhanded)
KEEP(on_policy_cancel, cancels, ncancels)
KEEP(on_policy_user, asks, nasks)

static char	envid[ENVID_MAX + 1], orcpt[ORCPT_MAX + 1];	/* the last */

static void
on_policy_open(struct link *link, struct link_in *in)
{
	size_t	size = sizeof(opens[0]);

	memset(envid, 0, sizeof(envid));
	memcpy(envid, (char *)in->data + size, in->size - size);
	keep_open(link, in);
}

static void
on_policy_rcpt(struct link *link, struct link_in *in)
{
	size_t	size = sizeof(handed[0]);

	memset(orcpt, 0, sizeof(orcpt));
	memcpy(orcpt, (char *)in->data + size, in->size - size);
	keep_rcpt(link, in);
}

static void
on_policy_stat(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
	nstats++;
}

static void
on_policy_done(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
	ndones++;
}

static void
on_far_down(struct link *link, const char *why)
{
	(void)why;
	if (link == net_far)
		net_is_down = 1;
}

static const struct link_rule	near_rules[] = {
	{ MSG_PARENT_POLICY_AUTHENTICATED, LINK_STATE_ANY,
	    on_parent_authenticated },
	{ MSG_PARENT_POLICY_USER_DONE, LINK_STATE_ANY, on_parent_user_done },
};
static const struct link_rule	far_rules[] = {
	{ MSG_POLICY_NET_MAIL_DONE, LINK_STATE_ANY, on_policy_mail_done },
	{ MSG_POLICY_NET_RCPT_DONE, LINK_STATE_ANY, on_policy_rcpt_done },
	{ MSG_POLICY_NET_HEADER_DONE, LINK_STATE_ANY, on_policy_header_done },
	{ MSG_POLICY_QUEUE_OPEN, LINK_STATE_ANY, on_policy_open },
	{ MSG_POLICY_QUEUE_RCPT, LINK_STATE_ANY, on_policy_rcpt },
	{ MSG_POLICY_QUEUE_CANCEL, LINK_STATE_ANY, on_policy_cancel },
	{ MSG_POLICY_PARENT_USER, LINK_STATE_ANY, on_policy_user },
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_policy_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_policy_done },
};

static struct link *
make_link(int fd, const struct link_rule *rules, size_t nrules)
{
	struct link_end	 end;
	struct link	*link;

	memset(&end, 0, sizeof(end));
	end.name = "test";
	end.rules = rules;
	end.nrules = nrules;
	end.down = on_far_down;
	if ((link = link_new(fd, &end)) == NULL)
		fatal("link_new");
	return link;
}

/* The far end of a link to policy. */
static struct link *
connect_as(uint8_t kind, uint32_t peer_id)
{
	int	fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		fatal("socketpair");
	if (kind == PROC_PARENT)
		parent_near = make_link(fd[0], near_rules,
		    sizeof(near_rules) / sizeof(near_rules[0]));
	else
		session_on_link(kind, peer_id, 0, fd[0]);
	return make_link(fd[1], far_rules,
	    sizeof(far_rules) / sizeof(far_rules[0]));
}

/* Turns until nothing moves any more. */
static void
settle(void)
{
	int	i;

	for (i = 0; i < 8; i++) {
		event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
		session_turn();
		link_flush_all();
	}
}

static void
reset_kept(void)
{
	nmails = nrcpts = nopens = nhanded = ncancels = nasks = 0;
}

static void
send_mail(uint64_t session, uint32_t tx, uint32_t listener, int authenticated,
    uint64_t size, const char *sender)
{
	struct net_policy_mail	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	m.size = size;
	m.listener = listener;
	m.authenticated = (uint32_t)authenticated;
	m.flags = MAIL_TLS;
	strlcpy(m.address, "192.0.2.9", sizeof(m.address));
	strlcpy(m.sender, sender, sizeof(m.sender));
	link_send(net_far, MSG_NET_POLICY_MAIL, &m, sizeof(m));
}

static unsigned int
mail(uint64_t session, uint32_t tx, uint32_t listener, int authenticated,
    uint64_t size, const char *sender)
{
	nmails = 0;
	send_mail(session, tx, listener, authenticated, size, sender);
	settle();
	return nmails == 1 && mails[0].session == session &&
	    mails[0].tx == tx ? mails[0].reply : REPLY_MAX;
}

static void
send_rcpt(uint64_t session, uint32_t tx, uint32_t n, const char *recipient)
{
	struct net_policy_rcpt	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	m.n = n;
	strlcpy(m.recipient, recipient, sizeof(m.recipient));
	link_send(net_far, MSG_NET_POLICY_RCPT, &m, sizeof(m));
}

static unsigned int
rcpt(uint64_t session, uint32_t tx, uint32_t n, const char *recipient)
{
	nrcpts = 0;
	send_rcpt(session, tx, n, recipient);
	settle();
	return nrcpts == 1 && rcpts[0].session == session &&
	    rcpts[0].tx == tx && rcpts[0].n == n ? rcpts[0].reply : REPLY_MAX;
}

/* addresses: with a bar behind each, where the NUL will be. */
static void
send_header(uint64_t session, uint32_t tx, const char *addresses)
{
	struct net_policy_header	 m;
	char				 tail[200];
	size_t				 i, n;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	n = strlcpy(tail, addresses, sizeof(tail));
	for (i = 0; i < n; i++)
		if (tail[i] == '|')
			tail[i] = '\0';
	link_send_tail(net_far, MSG_NET_POLICY_HEADER, &m, sizeof(m), tail, n);
}

static unsigned int
header(uint64_t session, uint32_t tx, const char *addresses, uint32_t n)
{
	nheaders = 0;
	send_header(session, tx, addresses);
	settle();
	return nheaders == 1 && headers[0].session == session &&
	    headers[0].tx == tx && headers[0].n == n ? headers[0].reply :
	    REPLY_MAX;
}

static void
send_session(uint32_t type, uint64_t session, uint32_t tx)
{
	struct net_policy_session	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	link_send(net_far, type, &m, sizeof(m));
	settle();
}

static void
login_device(uint64_t session, const char *user, const char *scope)
{
	struct parent_policy_authenticated	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.listener = 1;
	strlcpy(m.user, user, sizeof(m.user));
	strlcpy(m.scope, scope, sizeof(m.scope));
	link_send(parent_far, MSG_PARENT_POLICY_AUTHENTICATED, &m, sizeof(m));
}

static void
login(uint64_t session, const char *user)
{
	login_device(session, user, "");
}

static void
answer_user(const char *name, int exists)
{
	struct parent_policy_user_done	m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.exists = (uint32_t)exists;
	link_send(parent_far, MSG_PARENT_POLICY_USER_DONE, &m, sizeof(m));
	settle();
}

static void
configure(void)
{
	testconf_begin(1000000, 5);
	testconf_table(1, "example.org\n");
	testconf_table(2, "both: alice, a@far.example\n");
	testconf_action("out", 0, 0, "");
	testconf_action("local", 1, 2, "");
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 1, 0, "", "local");
	testconf_listener(1, 1, 0, "");
	testconf_listener(2, 0, 0, "");
	if (testconf_end() == NULL)
		fatalx("configuration");
}

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
	answer_user("bob", 0);
	tap_ok(nrcpts == 1 && rcpts[0].n == 1 &&
	    rcpts[0].reply == REPLY_NO_SUCH_USER && nopens == 0,
	    "no such user");
	answer_user("alice", 1);
	tap_ok(nrcpts == 3 && rcpts[1].n == 0 && rcpts[2].n == 2 &&
	    rcpts[1].reply == REPLY_RCPT_OK && nopens == 1 && nhanded == 2 &&
	    strcmp(handed[1].user, "alice") == 0 &&
	    opens[0].bounce.action[0] == '\0', "both wait for the same answer");
	tap_ok(rcpt(S(20), 1, 3, "both@example.org") == REPLY_RCPT_OK &&
	    rcpts[0].count == 1 && nhanded == 3 &&
	    strcmp(handed[2].action, "out") == 0 &&
	    strcmp(handed[2].original, "both@example.org") == 0,
	    "an alias, half of it there already");
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
	answer_user("dave", 1);
	tap_ok(nrcpts == 1 && rcpts[0].reply == REPLY_TRY_LATER &&
	    policy_counts()->parked == 0, "RESET answers who waits");
	mail(S(20), 3, 2, 0, 0, "x@far.example");
	nrcpts = 0;
	send_rcpt(S(20), 3, 0, "erin@example.org");
	settle();
	send_session(MSG_NET_POLICY_END, S(20), 0);
	answer_user("erin", 1);
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

/* Each fault closes net's link; a new one comes with a new id. */
static void
test_faults(void)
{
	static const char	*names[] = {
		"MAIL of another net's session", "RCPT of another net's session",
		"RESET of another net's session", "END of another net's session",
		"MAIL with an old transaction", "RCPT before MAIL",
		"RCPT out of order", "line end in a sender",
		"line end in a recipient", "transaction 0",
		"HEADER of another net's session", "HEADER without an end",
		"HEADER not in normal form", "HEADER with an empty address"
	};
	uint64_t	other = (uint64_t)99 << 32 | 1;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		net_is_down = 0;
		switch (i) {
		case 0: send_mail(other, 1, 2, 0, 0, "x@far.example"); break;
		case 1: send_rcpt(other, 1, 0, "a@far.example"); break;
		case 2: send_session(MSG_NET_POLICY_RESET, other, 1); break;
		case 3: send_session(MSG_NET_POLICY_END, other, 0); break;
		case 4:
			send_mail(S(1), 2, 2, 0, 0, "x@far.example");
			send_mail(S(1), 2, 2, 0, 0, "x@far.example");
			break;
		case 5:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 2, 0, "a@far.example");
			break;
		case 6:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 1, 1, "a@far.example");
			send_rcpt(S(1), 1, 1, "b@far.example");
			break;
		case 7:
			send_mail(S(1), 1, 2, 0, 0, "x\r\n@far.example");
			break;
		case 8:
			send_mail(S(1), 1, 2, 0, 0, "x@far.example");
			send_rcpt(S(1), 1, 0, "a@far.example\r\nx");
			break;
		case 9: send_mail(S(1), 0, 2, 0, 0, "x@far.example"); break;
		case 10: send_header(other, 1, "x@far.example|"); break;
		case 11: send_header(S(1), 1, "x@far.example"); break;
		case 12: send_header(S(1), 1, "x@FAR.example|"); break;
		case 13: send_header(S(1), 1, "x@far.example||"); break;
		}
		settle();
		tap_ok(net_is_down, "fault: %s", names[i]);
		if (!net_is_down)
			link_close(net_far);
		settle();
		net_far = connect_as(PROC_NET, NET);
	}
}

static void
send_mail_dsn(uint64_t session, uint32_t tx, uint32_t flags, const char *sender,
    const char *id)
{
	struct net_policy_mail	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	m.listener = 2;
	m.flags = flags;
	strlcpy(m.address, "192.0.2.9", sizeof(m.address));
	strlcpy(m.sender, sender, sizeof(m.sender));
	link_send_tail(net_far, MSG_NET_POLICY_MAIL, &m, sizeof(m), id,
	    strlen(id));
	settle();
}

static void
send_rcpt_dsn(uint64_t session, uint32_t tx, uint32_t notify,
    const char *recipient, const char *original)
{
	struct net_policy_rcpt	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	m.notify = notify;
	strlcpy(m.recipient, recipient, sizeof(m.recipient));
	link_send_tail(net_far, MSG_NET_POLICY_RCPT, &m, sizeof(m), original,
	    strlen(original));
	settle();
}

static void
test_parameters(void)
{
	reset_kept();
	answer_user("alice", 1);
	send_mail_dsn(S(60), 1, MAIL_FLAGS & ~(uint32_t)MAIL_RET_FULL,
	    "\303\251@far.example", "id+1");
	send_rcpt_dsn(S(60), 1, NOTIFY_SUCCESS | NOTIFY_DELAY,
	    "alice@example.org", "rfc822;x@far.example");
	answer_user("alice", 1);
	tap_ok(nopens == 1 && strcmp(envid, "id+1") == 0 && opens[0].flags ==
	    (MAIL_FLAGS & ~(uint32_t)MAIL_RET_FULL), "ENVID and flags");
	tap_ok(nhanded == 1 && handed[0].notify ==
	    (NOTIFY_SUCCESS | NOTIFY_DELAY) &&
	    strcmp(orcpt, "rfc822;x@far.example") == 0, "NOTIFY and ORCPT");
}

/* What no client could have said is a fault of net. */
static void
test_parameter_faults(void)
{
	static const struct {
		const char	*name, *sender, *id, *recipient, *original;
		uint32_t	 flags, notify;
	} t[] = {
		{ "ENVID with LF", "x@y", "a\nb", NULL, NULL, 0, 0 },
		{ "both RET", "x@y", "", NULL, NULL, MAIL_RET_FULL |
		    MAIL_RET_HDRS, 0 },
		{ "UTF-8 without SMTPUTF8", "\303\251@y", "", NULL, NULL, 0,
		    0 },
		{ "ORCPT with LF", "x@y", "", "a@y", "rfc822;a\nb", 0, 0 },
		{ "ORCPT without a type", "x@y", "", "a@y", "a", 0, 0 },
		{ "NEVER and SUCCESS", "x@y", "", "a@y", "", 0,
		    NOTIFY_NEVER | NOTIFY_SUCCESS },
		{ "unknown NOTIFY", "x@y", "", "a@y", "", 0, 0x10 },
		{ "RCPT in UTF-8", "x@y", "", "\303\251@y", "", 0, 0 },
	};
	size_t	i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		net_is_down = 0;
		send_mail_dsn(S(61), 1, t[i].flags, t[i].sender, t[i].id);
		if (t[i].recipient != NULL)
			send_rcpt_dsn(S(61), 1, t[i].notify, t[i].recipient,
			    t[i].original);
		tap_ok(net_is_down, "fault: %s", t[i].name);
		if (!net_is_down)
			link_close(net_far);
		settle();
		net_far = connect_as(PROC_NET, NET);
	}
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
	log_init("session_test", LOG_TO_STDERR);
	event_init();
	session_init(NULL);
	parent_far = connect_as(PROC_PARENT, 1);
	net_far = connect_as(PROC_NET, NET);
	queue_far = connect_as(PROC_QUEUE, 99);
	control_far = connect_as(PROC_CONTROL, 98);
	tap_ok(mail(S(1000), 1, 1, 0, 0, "u@example.org") == REPLY_TRY_LATER,
	    "no configuration yet");
	configure();
	test_mail();
	test_rcpt();
	test_header();
	test_login_in_transaction();
	test_users();
	test_queue_restart();
	test_faults();
	test_parameters();
	test_parameter_faults();
	test_net_restart();
	return tap_done();
}
