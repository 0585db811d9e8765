/*
 * Time: how long a client may take.  session.c asks once a second for each
 * session.  Deadlines are for the whole of a thing (a command line, a
 * transaction, the way to AUTH), so that a byte now and then wins nothing;
 * during DATA a least average pace is asked for as well.
 */
#include "mail/reply.h"
#include "conf.h"
#include "listener.h"
#include "pace.h"
#include "session.h"
#include "tx.h"

#define GRACE_S		60	/* any pace is good enough */
#define HANDSHAKE_S	60

static int
is_past(uint64_t now_ms, uint64_t from_ms, uint64_t seconds)
{
	return now_ms > from_ms && now_ms - from_ms >= seconds * 1000;
}

uint32_t
pace_handshake_s(void)
{
	uint32_t	s = conf_limits()->command_s;

	return s < HANDSHAKE_S ? s : HANDSHAKE_S;
}

static int
needs_auth(const struct session *s)
{
	const struct parent_net_listener	*l;

	l = listener_info(s->listener);
	return s->user == NULL && l->auth && l->kind != LISTENER_SMTP;
}

static int
is_slow(const struct session *s, uint64_t now_ms)
{
	const struct parent_net_conf	*c = conf_limits();
	uint64_t			 start_ms = s->tx->start_ms, grace_s;

	if (is_past(now_ms, s->last_ms, c->command_s))
		return 1;
	grace_s = c->command_s < GRACE_S ? c->command_s : GRACE_S;
	return is_past(now_ms, start_ms, grace_s) &&
	    s->tx->received / c->pace < (now_ms - start_ms) / 1000;
}

unsigned int
pace_check(const struct session *s, uint64_t now_ms)
{
	const struct parent_net_conf	*c = conf_limits();

	if (now_ms >= s->deadline_ms)
		return REPLY_IDLE;
	/* What follows is not his fault while others have the word. */
	if (s->is_closing || s->wait != WAIT_NOTHING)
		return REPLY_NONE;
	if (needs_auth(s) && is_past(now_ms, s->start_ms, c->auth_s))
		return REPLY_AUTH_TIMEOUT;
	if (s->tx == NULL)
		return REPLY_NONE;
	if (is_past(now_ms, s->tx->begun_ms, c->data_s))
		return REPLY_IDLE;
	/* Pauses between chunks count as those within DATA do. */
	if ((s->mode == MODE_DATA || s->tx->is_bdat) && c->pace != 0 &&
	    is_slow(s, now_ms))
		return REPLY_TOO_SLOW;
	return REPLY_NONE;
}
