/*
 * The link to a policy that does not keep pace: clients are told to come
 * later, and nobody is accused.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <signal.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"
#include "policy.h"
#include "session.h"
#include "smtp.h"

#define ASKED_MAX	1000000

static struct link	*peer;
static unsigned int	 nread, ndown;
static uint32_t		 accused;

struct session *
session_find(uint64_t id)
{
	(void)id;
	return NULL;
}

void
session_each(void (*f)(struct session *, void *), void *arg)
{
	(void)f;
	(void)arg;
	ndown++;
}

void
smtp_mail_done(struct session *s, uint32_t tx, uint64_t message,
    uint32_t reply, const char *text)
{
	(void)s;
	(void)tx;
	(void)message;
	(void)reply;
	(void)text;
}

void
smtp_rcpt_done(struct session *s, uint32_t tx, uint32_t n, uint32_t reply,
    uint32_t count, const char *text)
{
	(void)s;
	(void)tx;
	(void)n;
	(void)reply;
	(void)count;
	(void)text;
}

void
smtp_header_done(struct session *s, uint32_t tx, uint32_t reply, uint32_t n)
{
	(void)s;
	(void)tx;
	(void)reply;
	(void)n;
}

void
smtp_revoked(struct session *s, uint32_t tx)
{
	(void)s;
	(void)tx;
}

void
smtp_policy_down(struct session *s, void *arg)
{
	(void)s;
	(void)arg;
}

static void
on_broken(uint32_t peer_id)
{
	accused = peer_id;
}

static void
on_any(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
	nread++;
}

static void
on_down(struct link *link, const char *why)
{
	(void)link;
	(void)why;
	peer = NULL;
}

static void
peer_start(void)
{
	static const struct link_rule rules[] = {
		{ MSG_NET_POLICY_MAIL, LINK_STATE_ANY, on_any },
		{ MSG_NET_POLICY_RCPT, LINK_STATE_ANY, on_any },
		{ MSG_NET_POLICY_HEADER, LINK_STATE_ANY, on_any },
		{ MSG_NET_POLICY_RESET, LINK_STATE_ANY, on_any },
		{ MSG_NET_POLICY_END, LINK_STATE_ANY, on_any },
	};
	struct link_end	end = { .name = "net", .rules = rules, .nrules = 5,
	    .down = on_down };
	int		fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (peer = link_new(fd[1], &end)) == NULL)
		fatal("peer");
	policy_set_link(fd[0], 61);
}

static int
ask(int what)
{
	static struct net_policy_mail	m;
	static struct net_policy_rcpt	r;
	static const char		text[1000];

	m.session = r.session = 1;
	return what == 0 ? policy_mail(&m, "") : what == 1 ?
	    policy_rcpt(&r, "") : policy_header(1, 1, text, sizeof(text));
}

static void
turn(void)
{
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
}

static void
test_behind(int what, const char *name)
{
	unsigned int	n = 0, i;

	nread = 0;
	link_pause(peer);
	while (n < ASKED_MAX && ask(what) == 0)
		if (++n % 100 == 0)
			turn();
	tap_ok(n > 1000 && n < ASKED_MAX, "%s: %u, then no more", name, n);
	for (i = 0; i < 1000; i++)
		policy_reset(1, i);
	policy_end(1);
	turn();
	tap_ok(accused == 0 && ndown == 0, "policy is not accused");
	tap_ok(ask(0) == -1 && ask(1) == -1 && ask(2) == -1, "nor asked");
	link_resume(peer);
	for (i = 0; i < 100000 && nread < n + 1001; i++)
		turn();
	tap_ok(nread == n + 1001, "it gets all that it was asked");
	tap_ok(ask(0) == 0 && ask(1) == 0 && ask(2) == 0, "and what comes");
	for (i = 0; i < 3; i++)
		turn();
}

int
main(void)
{
	log_init("policy_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	event_init();
	link_on_broken(on_broken);
	tap_ok(ask(0) == -1 && ask(1) == -1 && ask(2) == -1, "no policy yet");
	peer_start();
	test_behind(0, "senders");
	test_behind(1, "recipients");
	test_behind(2, "headers");
	return tap_done();
}
