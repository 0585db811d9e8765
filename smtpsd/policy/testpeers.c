/*
 * What tests of policy's links need: the far ends of real links to net, the
 * queue, the parent and control, and what arrived there.  A test includes
 * this file and calls start() first.
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

struct link *connect_as(uint8_t kind, uint32_t peer_id);
void	settle(void);
void	reset_kept(void);
void	send_mail(uint64_t session, uint32_t tx, uint32_t listener, int
	    authenticated, uint64_t size, const char *sender);
unsigned int	mail(uint64_t session, uint32_t tx, uint32_t listener, int
	    authenticated, uint64_t size, const char *sender);
void	send_rcpt(uint64_t session, uint32_t tx, uint32_t n, const char
	    *recipient);
unsigned int	rcpt(uint64_t session, uint32_t tx, uint32_t n, const char
	    *recipient);
void	send_header(uint64_t session, uint32_t tx, const char *addresses);
unsigned int	header(uint64_t session, uint32_t tx, const char *addresses,
	    uint32_t n);
void	send_session(uint32_t type, uint64_t session, uint32_t tx);
void	login_device(uint64_t session, const char *user, const char *scope);
void	login(uint64_t session, const char *user);
void	answer_user(const char *name, enum policy_user);
void	configure(void);
void	start(const char *name);

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
static struct policy_queue_owner	owners[KEPT];
static struct policy_net_revoked	revoked[KEPT];
static size_t	nowners, nmails, nrcpts, nheaders, nopens, nhanded, ncancels, nasks,
		nstats, ndones, nrevoked;

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
KEEP(on_policy_owner, owners, nowners)
KEEP(keep_rcpt, handed, nhanded)
KEEP(on_policy_cancel, cancels, ncancels)
KEEP(on_policy_user, asks, nasks)
KEEP(on_policy_revoked, revoked, nrevoked)

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
	{ MSG_PARENT_POLICY_REVOKED, LINK_STATE_ANY, on_parent_revoked },
	{ MSG_PARENT_POLICY_USER_DONE, LINK_STATE_ANY, on_parent_user_done },
};
static const struct link_rule	far_rules[] = {
	{ MSG_POLICY_NET_MAIL_DONE, LINK_STATE_ANY, on_policy_mail_done },
	{ MSG_POLICY_NET_RCPT_DONE, LINK_STATE_ANY, on_policy_rcpt_done },
	{ MSG_POLICY_NET_HEADER_DONE, LINK_STATE_ANY, on_policy_header_done },
	{ MSG_POLICY_NET_REVOKED, LINK_STATE_ANY, on_policy_revoked },
	{ MSG_POLICY_QUEUE_OPEN, LINK_STATE_ANY, on_policy_open },
	{ MSG_POLICY_QUEUE_RCPT, LINK_STATE_ANY, on_policy_rcpt },
	{ MSG_POLICY_QUEUE_OWNER, LINK_STATE_ANY, on_policy_owner },
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
struct link *
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
void
settle(void)
{
	int	i;

	for (i = 0; i < 8; i++) {
		event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
		session_turn();
		link_flush_all();
	}
}

void
reset_kept(void)
{
	nowners = nmails = nrcpts = nopens = nhanded = ncancels = nasks = 0;
	nrevoked = 0;
}

void
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

unsigned int
mail(uint64_t session, uint32_t tx, uint32_t listener, int authenticated,
    uint64_t size, const char *sender)
{
	nmails = 0;
	send_mail(session, tx, listener, authenticated, size, sender);
	settle();
	return nmails == 1 && mails[0].session == session &&
	    mails[0].tx == tx ? mails[0].reply : REPLY_MAX;
}

void
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

unsigned int
rcpt(uint64_t session, uint32_t tx, uint32_t n, const char *recipient)
{
	nrcpts = 0;
	send_rcpt(session, tx, n, recipient);
	settle();
	return nrcpts == 1 && rcpts[0].session == session &&
	    rcpts[0].tx == tx && rcpts[0].n == n ? rcpts[0].reply : REPLY_MAX;
}

/* addresses: with a bar behind each, where the NUL will be. */
void
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

unsigned int
header(uint64_t session, uint32_t tx, const char *addresses, uint32_t n)
{
	nheaders = 0;
	send_header(session, tx, addresses);
	settle();
	return nheaders == 1 && headers[0].session == session &&
	    headers[0].tx == tx && headers[0].n == n ? headers[0].reply :
	    REPLY_MAX;
}

void
send_session(uint32_t type, uint64_t session, uint32_t tx)
{
	struct net_policy_session	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	link_send(net_far, type, &m, sizeof(m));
	settle();
}

void
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

void
login(uint64_t session, const char *user)
{
	login_device(session, user, "");
}

void
answer_user(const char *name, enum policy_user is)
{
	struct parent_policy_user_done	m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	m.is = (uint32_t)is;
	link_send(parent_far, MSG_PARENT_POLICY_USER_DONE, &m, sizeof(m));
	settle();
}

void
configure(void)
{
	testconf_begin(1000000, 5);
	testconf_table(1, "example.org\n");
	testconf_table(2, "both: alice, a@far.example\n"
	    "list: b@far.example, c@far.example\nowner-list: alice\n");
	testconf_action("out", 0, 0, "");
	testconf_action("local", 1, 2, "");
	testconf_rule(FROM_AUTH, 0, FOR_ANY, 0, 0, "", "out");
	testconf_rule(FROM_ANY, 0, FOR_DOMAIN, 1, 0, "", "local");
	testconf_listener(1, 1, 0, "");
	testconf_listener(2, 0, 0, "");
	if (testconf_end() == NULL)
		fatalx("configuration");
}

void
start(const char *name)
{
	log_init(name, LOG_TO_STDERR);
	event_init();
	session_init(NULL);
	parent_far = connect_as(PROC_PARENT, 1);
	net_far = connect_as(PROC_NET, NET);
	queue_far = connect_as(PROC_QUEUE, 99);
	control_far = connect_as(PROC_CONTROL, 98);
}
