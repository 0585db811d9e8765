/*
 * A whole SMTP session: the code of smtpsd/net from the accepted connection
 * to the last reply, with its neighbours played by session_peers.c and
 * session_host.c and every reply held against session_model.c.
 *
 * An input is two bytes of settings, CHOICES bytes of answers and then what
 * the client sends, with these operations behind a byte 0xff:
 *	n	nothing: ends a piece of what is read at once
 *	T	the client shakes hands
 *	a b	the oldest or newest open question is answered
 *	w v W	the client reads nothing, 5 bytes, everything
 *	t u	10 or 1000 seconds pass
 *	p d	policy or queue starts anew
 *	P Q	it is not to be had; it is again
 *	q	the queue falls behind; has caught up
 *	z	answers that nobody asked for
 *	x	smtpsd is to stop
 *	E F	nothing can be read or written any more
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "admit.h"
#include "fuzz.h"
#include "journal.h"
#include "session.h"
#include "session_fuzz.h"
#include "tx.h"

#define CHOICES		8	/* bytes */
#define OUTPUT_BOUND	(16384 + 1024)	/* session.c's OUTPUT_MAX and EHLO */
#define SLOTS_BOUND	(1001 * 512)	/* replies that waited for policy */

static void
check_one(struct session *s, void *arg)
{
	size_t	unsent = s->out_size - s->out_off, bound = OUTPUT_BOUND;

	(void)arg;
	MUST(journal_state(s)[0] != '\0');
	if (peers.nrecords > 0)
		bound += SLOTS_BOUND;
	/* Nobody makes us hold more than this, whatever he does. */
	MUST(s->in_size <= 32768 && unsent <= bound);
	MUST(s->tx == NULL || s->tx->header.capacity <=
	    2 * (size_t)host.limits.header_max + 2048);
	MUST(s->tx == NULL || s->tx->body_size <= 16384);
}

/* 1: a question was answered. */
static int
turn(void)
{
	int	n;

	session_turn();
	n = peers_answer_ready();
	session_turn();
	while (host_go_on())
		session_turn();
	session_each(check_one, NULL);
	(void)model_run();
	return n > 0;
}

static void
read_all(void)
{
	size_t	at;

	do {
		at = host.in_at;
		host_readable();
	} while (turn() || host.in_at != at);
}

static void
pass_time(uint64_t ms)
{
	host.now_ms += ms;
	host_tick();
}

static void
run_op(int op)
{
	/* Who does not read or takes too long is cut off. */
	if (op == 'w' || op == 'v' || op == 't' || op == 'u' || op == 'E' ||
	    op == 'F')
		host.may_drop = 1;
	switch (op) {
	case 'a':
	case 'b':
		(void)peers_answer(op == 'b');
		break;
	case 'w':
		host.write_room = 0;
		break;
	case 'v':
		host.write_room = 5;
		host_writable();
		break;
	case 'W':
		host.write_room = SIZE_MAX;
		host_writable();
		break;
	case 't':
		pass_time(10 * 1000);
		break;
	case 'u':
		pass_time(1000 * 1000);
		break;
	case 'E':
		host.is_broken |= BROKEN_READ;
		break;
	case 'F':
		host.is_broken |= BROKEN_WRITE;
		break;
	case 'x':
		host.is_stopping = 1;
		break;
	default:
		peers_op(op);
		break;
	}
	read_all();
}

static void
next_op(void)
{
	int	op = 0;

	/* A handshake takes its operation itself. */
	if (host.in_at + 1 < host.in_size)
		op = host.in[host.in_at + 1];
	host.in_at += op == 0 && host.in_at + 1 == host.in_size ? 1 : 2;
	run_op(op);
}

/* Everybody answers and reads, so all that is due must come. */
static void
settle(void)
{
	run_op('W');
	run_op('e');
	do {
		read_all();
	} while (peers_answer(0));
	read_all();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in	 in;
	size_t			 at;

	if (size < 2 + CHOICES || size > BYTES_MAX)
		return 0;
	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	host.in = data + 2 + CHOICES;
	host.in_size = size - 2 - CHOICES;
	host_begin(data[0], data[1]);
	peers_begin(data + 2, CHOICES);
	model_begin();
	if (host.now_ms == 100000000)
		MUST(session_init() == 0);
	admit_client(host_listener(), host_fd(), (struct sockaddr *)&in);
	while (host.in_at < host.in_size && !host.is_gone) {
		at = host.in_at;
		read_all();
		if (host_has_op())
			next_op();
		else if (host.in_at == at && peers_answer(0))
			(void)turn();	/* it waited for that */
		else if (host.in_at == at) {
			settle();
			if (host.in_at == at)
				break;		/* it has ended */
		}
	}
	settle();
	model_end(model_run());
	host.is_eof = 1;
	read_all();
	if (!host.is_gone)
		run_op('u');		/* it was closing, or waits for us */
	MUST(host.is_gone && session_count() == 0);
	peers_end();
	return 0;
}
