/*
 * What net says: AUTH and SIGN to the parent, MAIL and RCPT to policy, bodies
 * to the queue.  A session is a number below 2^32, ours then, or "x" and 16
 * hexadecimal digits.  Answers are "ok NAME=VALUE ...", "none" if nothing
 * came, "down" if the link is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "mail/reply.h"
#include "proto/net_parent.h"
#include "proto/net_policy.h"
#include "proto/net_queue.h"

#define ANSWER_MS	20000
#define PIECE		4096

static uint64_t
session_of(const char *word)
{
	if (word[0] == 'x')
		return strtoull(word + 1, NULL, 16);
	return (uint64_t)boot_is()->proc_id << 32 | strtoul(word, NULL, 0);
}

static uint32_t
number(const char *word)
{
	return (uint32_t)strtoul(word, NULL, 0);
}

/* "-" is empty. */
static void
copy(char *to, const char *word, size_t size)
{
	snprintf(to, size, "%s", strcmp(word, "-") == 0 ? "" : word);
}

/* 0: there is no answer to look at; has said so. */
static int
has_answer(ssize_t n)
{
	if (n == -1)
		say("none");
	return n >= 0;
}

/* Hexadecimal, or plain:USER:PASSWORD. */
static size_t
tail_of(const char *word, uint8_t *tail, size_t size)
{
	size_t	n, i;

	if (strncmp(word, "plain:", 6) != 0)
		return hex_decode(word, tail, size);
	tail[0] = '\0';
	n = strlcpy((char *)tail + 1, word + 6, size - 1) + 1;
	for (i = 1; i < n && tail[i] != ':'; i++)
		;
	tail[i] = '\0';
	return n < size ? n : size;
}

/* auth SESSION LISTENER MECHANISM ADDRESS TAIL */
static int
run_auth(int argc, char **argv)
{
	struct net_parent_auth		m = { 0 };
	struct parent_net_auth_done	done;
	uint8_t				tail[AUTH_TAIL_MAX + 64];
	uint64_t			start = now_ms();
	ssize_t				n;

	(void)argc;
	m.session = session_of(argv[1]);
	m.listener = number(argv[2]);
	m.mechanism = (uint8_t)number(argv[3]);
	copy(m.address, argv[4], sizeof(m.address));
	if (wire_send_tail(PROC_PARENT, MSG_NET_PARENT_AUTH, &m, sizeof(m),
	    tail, tail_of(argv[5], tail, sizeof(tail))) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_PARENT, MSG_PARENT_NET_AUTH_DONE, m.session, &done,
	    sizeof(done), ANSWER_MS);
	if (has_answer(n))
		say("ok result=%u user=%s ms=%llu bytes=%s", done.result,
		    done.user, (unsigned long long)(now_ms() - start),
		    hex_encode((const char *)&done + sizeof(done.session),
		    (size_t)n - sizeof(done.session)));
	return n == -2 ? -1 : 0;
}

static int
run_step(int argc, char **argv)
{
	struct net_parent_step	m = { 0 };
	uint8_t			tail[AUTH_TAIL_MAX + 64];

	(void)argc;
	m.session = session_of(argv[1]);
	if (wire_send_tail(PROC_PARENT, MSG_NET_PARENT_AUTH_STEP, &m,
	    sizeof(m), tail, hex_decode(argv[2], tail, sizeof(tail))) == -1)
		return -1;
	say("ok");
	return 0;
}

/* Waits for the answer of an AUTH that was sent by many. */
static int
run_done(int argc, char **argv)
{
	struct parent_net_auth_done	done;
	ssize_t				n;

	n = wire_take(PROC_PARENT, MSG_PARENT_NET_AUTH_DONE,
	    session_of(argv[1]), &done, sizeof(done),
	    argc > 2 ? atoi(argv[2]) : ANSWER_MS);
	if (has_answer(n))
		say("ok result=%u user=%s", done.result, done.user);
	return n == -2 ? -1 : 0;
}

static int
run_cancel(int argc, char **argv)
{
	struct net_parent_session	m = { 0 };

	(void)argc;
	m.session = session_of(argv[1]);
	if (wire_send(PROC_PARENT, MSG_NET_PARENT_AUTH_CANCEL, &m, sizeof(m),
	    0) == -1)
		return -1;
	say("ok");
	return 0;
}

/* peer SESSION LISTENER: with /dev/null for a socket */
static int
run_peer(int argc, char **argv)
{
	struct net_parent_peer	m = { 0 };

	(void)argc;
	m.session = session_of(argv[1]);
	m.listener = number(argv[2]);
	if (wire_send(PROC_PARENT, MSG_NET_PARENT_PEER, &m, sizeof(m),
	    1) == -1)
		return -1;
	say("ok");
	return 0;
}

/* sign KIND KEY TAIL: the signature, or "failed" */
static int
run_sign(int argc, char **argv)
{
	struct net_parent_sign	 m = { 0 };
	struct {
		struct parent_net_sign_done	is;
		uint8_t				tail[SIGN_TAIL_MAX];
	} done;
	uint8_t			 tail[SIGN_TAIL_MAX + 64];
	ssize_t			 n;

	(void)argc;
	m.kind = number(argv[1]);
	(void)hex_decode(argv[2], m.key, sizeof(m.key));
	if (wire_send_tail(PROC_SIGN, MSG_NET_PARENT_SIGN, &m, sizeof(m),
	    tail, hex_decode(argv[3], tail, sizeof(tail))) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_SIGN, MSG_PARENT_NET_SIGN_DONE, ANY_SESSION, &done,
	    sizeof(done), ANSWER_MS);
	if (has_answer(n)) {
		if (done.is.failed)
			say("failed");
		else
			say("ok %s", hex_encode(done.tail,
			    (size_t)n - sizeof(done.is)));
	}
	return n == -2 ? -1 : 0;
}

/* mail SESSION TX LISTENER AUTHENTICATED ADDRESS SENDER */
static int
run_mail(int argc, char **argv)
{
	struct net_policy_mail		m = { 0 };
	struct policy_net_mail_done	done;
	ssize_t				n;

	(void)argc;
	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	m.listener = number(argv[3]);
	m.authenticated = number(argv[4]);
	copy(m.address, argv[5], sizeof(m.address));
	copy(m.helo, "evil.example.com", sizeof(m.helo));
	copy(m.sender, argv[6], sizeof(m.sender));
	if (wire_send(PROC_POLICY, MSG_NET_POLICY_MAIL, &m, sizeof(m),
	    0) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_POLICY, MSG_POLICY_NET_MAIL_DONE, m.session, &done,
	    sizeof(done), ANSWER_MS);
	if (has_answer(n))
		say("ok accepted=%d reply=%u message=%llx",
		    done.reply == REPLY_SENDER_OK, done.reply,
		    (unsigned long long)done.message);
	return n == -2 ? -1 : 0;
}

/* rcpt SESSION TX N RECIPIENT */
static int
run_rcpt(int argc, char **argv)
{
	struct net_policy_rcpt		m = { 0 };
	struct policy_net_rcpt_done	done;
	ssize_t				n;

	(void)argc;
	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	m.n = number(argv[3]);
	copy(m.recipient, argv[4], sizeof(m.recipient));
	if (wire_send(PROC_POLICY, MSG_NET_POLICY_RCPT, &m, sizeof(m),
	    0) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_POLICY, MSG_POLICY_NET_RCPT_DONE, m.session, &done,
	    sizeof(done), ANSWER_MS);
	if (has_answer(n))
		say("ok accepted=%d reply=%u count=%u",
		    done.reply == REPLY_RCPT_OK, done.reply, done.count);
	return n == -2 ? -1 : 0;
}

/* reset SESSION TX, bye SESSION */
static int
run_leave(int argc, char **argv)
{
	struct net_policy_session	m = { 0 };
	int				is_bye = strcmp(argv[0], "bye") == 0;

	if (!is_bye && argc < 3) {
		bad_usage("reset SESSION TX");
		return 0;
	}
	m.session = session_of(argv[1]);
	m.tx = is_bye ? 0 : number(argv[2]);
	if (wire_send(PROC_POLICY, is_bye ? MSG_NET_POLICY_END :
	    MSG_NET_POLICY_RESET, &m, sizeof(m), 0) == -1)
		return -1;
	say("ok");
	return 0;
}

/* body SESSION TX BYTES: x, in lines */
static int
run_body(int argc, char **argv)
{
	struct net_queue_body	m = { 0 };
	char			piece[PIECE];
	size_t			left = strtoul(argv[3], NULL, 0), n, i;

	(void)argc;
	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	for (i = 0; i < sizeof(piece); i++)
		piece[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	for (; left > 0; left -= n) {
		n = left < sizeof(piece) ? left : sizeof(piece);
		if (wire_send_tail(PROC_QUEUE, MSG_NET_QUEUE_BODY, &m,
		    sizeof(m), piece, n) == -1)
			return -1;
	}
	say("ok");
	return 0;
}

/* end SESSION TX SIZE NRCPT [MS] */
static int
run_end(int argc, char **argv)
{
	struct net_queue_end	m = { 0 };
	struct queue_net_done	done;
	ssize_t			n;

	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	m.size = strtoull(argv[3], NULL, 0);
	m.nrcpt = number(argv[4]);
	if (wire_send(PROC_QUEUE, MSG_NET_QUEUE_END, &m, sizeof(m), 0) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_QUEUE, MSG_QUEUE_NET_DONE, m.session, &done,
	    sizeof(done), argc > 5 ? atoi(argv[5]) : ANSWER_MS);
	if (has_answer(n))
		say("ok queued=%d reply=%u message=%llx",
		    done.reply == REPLY_QUEUED, done.reply,
		    (unsigned long long)done.message);
	return n == -2 ? -1 : 0;
}

static int
run_abort(int argc, char **argv)
{
	struct net_queue_body	m = { 0 };

	(void)argc;
	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	if (wire_send(PROC_QUEUE, MSG_NET_QUEUE_ABORT, &m, sizeof(m),
	    0) == -1)
		return -1;
	say("ok");
	return 0;
}

/* header SESSION TX ADDRESS */
static int
run_header(int argc, char **argv)
{
	struct net_policy_header	m = { 0 };
	struct policy_net_header_done	done;
	ssize_t				n;

	(void)argc;
	m.session = session_of(argv[1]);
	m.tx = number(argv[2]);
	if (wire_send_tail(PROC_POLICY, MSG_NET_POLICY_HEADER, &m, sizeof(m),
	    argv[3], strlen(argv[3]) + 1) == -1)
		return -1;
	if (is_quiet())
		return 0;
	n = wire_take(PROC_POLICY, MSG_POLICY_NET_HEADER_DONE, m.session,
	    &done, sizeof(done), ANSWER_MS);
	if (has_answer(n))
		say("ok accepted=%d reply=%u", done.reply == REPLY_OK,
		    done.reply);
	return n == -2 ? -1 : 0;
}

#define STORM_SESSIONS	64U

/* What net must not say again, so that it lives on. */
struct storm {
	uint32_t	tx, rcpt, ended;
	int		has_mail;
};

static int
run_line_of(const char *line)
{
	char	 buf[512], *argv[16], *p = buf;
	int	 argc = 0;

	snprintf(buf, sizeof(buf), "%s", line);
	while (argc < 15 && (argv[argc] = strsep(&p, " ")) != NULL)
		argc++;
	argv[argc] = NULL;
	return run_command(argc, argv, 1);
}

static int
storm_step(struct storm *all, char **argv, unsigned int i)
{
	static const char *const	 addresses[] = { "smtpst1@example.org",
					    "smtpst2@example.org", "-",
					    "nobody@example.org",
					    "a@elsewhere.example.net" };
	const char			*address = addresses[fuzz_next() % 5];
	uint32_t			 n = fuzz_next() % STORM_SESSIONS;
	struct storm			*s = &all[n];
	char				 line[512] = "forget";

	switch (fuzz_next() % 12) {
	case 0:
	case 1:
		s->tx += 1 + fuzz_next() % 2;
		s->rcpt = 0;
		s->has_mail = 1;
		snprintf(line, sizeof(line), "mail %u %u %s %u 192.0.2.%u %s",
		    n, s->tx, argv[3 + fuzz_next() % 2], fuzz_next() % 2,
		    fuzz_next() % 256, address);
		break;
	case 2:
	case 3:
	case 4:
		if (s->has_mail)
			snprintf(line, sizeof(line), "rcpt %u %u %u %s", n,
			    s->tx, s->rcpt++, address[0] == '-' ? "postmaster" :
			    address);
		break;
	case 5:
		snprintf(line, sizeof(line), "reset %u %u", n,
		    s->tx - fuzz_next() % 2);
		break;
	case 6:
		s->has_mail = 0;
		snprintf(line, sizeof(line), "bye %u", n);
		break;
	case 7:
	case 8:
		if (s->ended != s->tx)
			snprintf(line, sizeof(line), "body %u %u %u", n, s->tx,
			    1 + fuzz_next() % 9000);
		break;
	case 9:
		if (s->ended != s->tx)
			snprintf(line, sizeof(line), "end %u %u %u %u", n,
			    s->tx, fuzz_next() % 3, fuzz_next() % 3);
		s->ended = s->tx;
		break;
	case 10:
		snprintf(line, sizeof(line), fuzz_next() % 2 ?
		    "abort %u %u" : "header %u %u smtpst1@example.org", n,
		    s->tx);
		break;
	default:
		snprintf(line, sizeof(line), "auth %u %s 1 192.0.2.%u "
		    "plain:smtpst1:x%u", 1000 + i, argv[3], fuzz_next() % 256,
		    fuzz_next());
	}
	return run_line_of(line);
}

/*
 * storm N SEED LISTENER LISTENER: messages that each break no rule, in any
 * order, of sessions of which some are logged in.
 */
static int
run_storm(int argc, char **argv)
{
	static struct storm	all[STORM_SESSIONS];
	unsigned int		i, n = number(argv[1]);

	(void)argc;
	memset(all, 0, sizeof(all));
	fuzz_seed(number(argv[2]));
	for (i = 0; i < n && storm_step(all, argv, i) == 0; i++)
		if (i % 64 == 0)
			(void)wire_pump(0, -1);
	say("%s sent=%u", i == n ? "ok" : "down", i);
	return 0;
}

const struct command	net_commands[] = {
	{ "auth", 5, "auth SESSION LISTENER MECHANISM ADDRESS TAIL", run_auth },
	{ "step", 2, "step SESSION HEX", run_step },
	{ "done", 1, "done SESSION [MS]", run_done },
	{ "cancel", 1, "cancel SESSION", run_cancel },
	{ "peer", 2, "peer SESSION LISTENER", run_peer },
	{ "sign", 3, "sign KIND KEY HEX", run_sign },
	{ "mail", 6, "mail SESSION TX LISTENER AUTHENTICATED ADDRESS SENDER",
	    run_mail },
	{ "rcpt", 4, "rcpt SESSION TX N RECIPIENT", run_rcpt },
	{ "reset", 2, "reset SESSION TX", run_leave },
	{ "bye", 1, "bye SESSION", run_leave },
	{ "body", 3, "body SESSION TX BYTES", run_body },
	{ "end", 4, "end SESSION TX SIZE NRCPT [MS]", run_end },
	{ "abort", 2, "abort SESSION TX", run_abort },
	{ "storm", 4, "storm N SEED LISTENER LISTENER", run_storm },
	{ "header", 3, "header SESSION TX ADDRESS", run_header },
	{ NULL, 0, NULL, NULL }
};
