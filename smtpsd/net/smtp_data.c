/*
 * DATA: from the client through data.c and header.c to the queue, and the
 * reply when the queue has committed.
 *
 * The header is held until it is complete; then the trace field and what is
 * missing go first, the header behind them.  A message that was found bad is
 * taken back from the queue at once, but read to its end before it is
 * refused.  When the link to the queue is full, sessions in DATA pause.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/reply.h"
#include "proto/net_policy.h"
#include "conf.h"
#include "listener.h"
#include "policy.h"
#include "queue.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"
#include "trace.h"
#include "tx.h"

#define BACKLOG_MAX	(4U << 20)	/* bytes queued in the link: pause */
#define BACKLOG_LOW	(1U << 20)	/* and go on */

static int	somebody_paused;

/* The transaction cannot succeed: keep nothing, remember why. */
void
smtp_data_fail(struct session *s, unsigned int reply)
{
	struct tx	*tx = s->tx;

	if (tx->failed != REPLY_NONE)
		return;
	tx->failed = reply;
	if (tx->is_sent)
		queue_abort(s->id, tx->id);
	tx->is_sent = 0;
	header_free(&tx->header);
	free(tx->body);
	tx->body = NULL;
}

static void
body_flush(struct session *s)
{
	struct tx	*tx = s->tx;

	if (tx->failed != REPLY_NONE || tx->body_size == 0)
		return;
	if (queue_body(s->id, tx->id, tx->body, tx->body_size) == -1) {
		smtp_data_fail(s, REPLY_TRY_LATER);
		return;
	}
	tx->is_sent = 1;
	tx->sent += tx->body_size;
	tx->body_size = 0;
}

static void
body_put(struct session *s, const char *bytes, size_t size)
{
	struct tx	*tx = s->tx;
	size_t		 n;

	while (size > 0 && tx->failed == REPLY_NONE) {
		if (tx->body_size == BODY_PIECE_MAX) {
			body_flush(s);
			continue;
		}
		n = BODY_PIECE_MAX - tx->body_size;
		if (n > size)
			n = size;
		memcpy(tx->body + tx->body_size, bytes, n);
		tx->body_size += n;
		bytes += n;
		size -= n;
	}
}

static void
data_trace(struct session *s, char *buf, size_t size)
{
	const struct tx	*tx = s->tx;
	struct trace	 t;

	memset(&t, 0, sizeof(t));
	t.helo = s->helo;
	t.address = s->address;
	t.hostname = listener_info(s->listener)->hostname;
	if (s->tio.tls != NULL)
		tio_cipher(&s->tio, &t.tls_version, &t.tls_cipher);
	t.rcpt = tx->naccepted == 1 ? tx->rcpt : NULL;
	t.message = tx->message;
	t.is_esmtp = s->is_esmtp;
	t.is_auth = s->user != NULL;
	t.is_masked = (listener_info(s->listener)->flags &
	    LISTENER_MASK_SOURCE) != 0 ||
	    listener_info(s->listener)->kind == LISTENER_LOCAL;
	t.is_utf8 = (tx->flags & MAIL_SMTPUTF8) != 0;
	body_put(s, buf, trace_received(buf, size, &t, (time_t)proc_now_s()));
}

static unsigned int
data_header_verdict(const struct header *h)
{
	switch (h->fault) {
	case HEADER_TOO_BIG:
		return REPLY_HEADER_TOO_BIG;
	case HEADER_TOO_MANY:
		return REPLY_HEADER_TOO_MANY;
	case HEADER_LINE_END:
		return REPLY_BAD_MESSAGE_LINE_END;
	default:
		return h->count[HEADER_RECEIVED] > conf_limits()->received_max ?
		    REPLY_LOOP : REPLY_NONE;
	}
}

/* The header is complete: send what is added, then it. */
static void
data_header_end(struct session *s)
{
	struct tx	*tx = s->tx;
	struct header	*h = &tx->header;
	char		 buf[TRACE_MAX];
	size_t		 n = h->no_blank ? h->line : h->size;
	unsigned int	 reply;

	tx->header_done = 1;
	if ((reply = data_header_verdict(h)) != REPLY_NONE) {
		smtp_data_fail(s, reply);
		return;
	}
	if (smtp_header_check(s) == -1)
		return;
	data_trace(s, buf, sizeof(buf));
	if (s->user != NULL && h->count[HEADER_DATE] == 0)
		body_put(s, buf, trace_date(buf, sizeof(buf),
		    (time_t)proc_now_s()));
	if (s->user != NULL && h->count[HEADER_MESSAGE_ID] == 0)
		body_put(s, buf, trace_message_id(buf, sizeof(buf),
		    tx->message, listener_info(s->listener)->hostname));
	if (n > 0)
		body_put(s, h->buf, n);
	if (h->no_blank)
		body_put(s, "\r\n", 2);
	if (h->size > n)	/* buf is NULL for a message without a byte */
		body_put(s, h->buf + n, h->size - n);
	header_free(h);
}

static void
on_data_put(void *arg, const char *bytes, size_t size)
{
	struct session		*s = arg;
	struct tx		*tx = s->tx;
	struct header_limits	 limits;
	size_t			 used;
	int			 n;

	if (tx->failed != REPLY_NONE)
		return;
	if (!tx->header_done) {
		limits.bytes = conf_limits()->header_max;
		limits.fields = conf_limits()->fields_max;
		n = header_feed(&tx->header, &limits, bytes, size, &used);
		if (n == -1)
			smtp_data_fail(s, REPLY_TRY_LATER);
		if (n <= 0)
			return;
		data_header_end(s);
		bytes += used;
		size -= used;
	}
	body_put(s, bytes, size);
}

unsigned int
smtp_data_check(struct session *s)
{
	const struct tx	*tx = s->tx;

	if (tx == NULL || !tx->has_mail)
		return s->mail_later ? REPLY_TRY_LATER : REPLY_SEQUENCE;
	if (tx->failed != REPLY_NONE)
		return tx->failed;
	return tx->naccepted == 0 || tx->nrcpt == 0 ? REPLY_NO_VALID_RCPT :
	    REPLY_NONE;
}

unsigned int
smtp_data_open(struct session *s)
{
	struct tx	*tx = s->tx;

	if ((tx->body = malloc(BODY_PIECE_MAX)) == NULL)
		return REPLY_TRY_LATER;
	data_init(&tx->data, listener_info(s->listener)->message_max,
	    on_data_put, s);
	tx->start_ms = proc_now_ms();
	return REPLY_NONE;
}

void
smtp_data(struct session *s)
{
	struct tx	*tx = s->tx;
	unsigned int	 reply = smtp_data_check(s);

	if (tx != NULL && (tx->is_bdat || (tx->flags & MAIL_BINARYMIME))) {
		/* RFC 3030 2, 3: nothing but RSET from here on. */
		smtp_answer(s, REPLY_SEQUENCE, NULL);
		smtp_reset(s);
		s->bdat_failed = REPLY_SEQUENCE;
		return;
	}
	if (reply == REPLY_NONE)
		reply = smtp_data_open(s);
	if (reply != REPLY_NONE) {
		smtp_answer(s, reply, NULL);
		if (tx != NULL && tx->failed != REPLY_NONE)
			smtp_reset(s);
		return;
	}
	s->mode = MODE_DATA;
	session_reply(s, REPLY_DATA_GO, NULL);
	session_deadline(s, conf_limits()->data_s);
}

static unsigned int
data_verdict(const struct tx *tx)
{
	switch (tx->data.fault) {
	case DATA_LINE_END:
		return REPLY_BAD_MESSAGE_LINE_END;
	case DATA_LONG_LINE:
		return REPLY_MESSAGE_LINE_TOO_LONG;
	case DATA_TOO_BIG:
		return REPLY_TOO_BIG;
	default:
		return tx->failed;
	}
}

/* The reply to the end of data; the transaction is over. */
static void
data_finish(struct session *s, unsigned int reply, uint64_t message)
{
	struct tx	*tx = s->tx;
	char		 id[MSGID_HEX_SIZE + 8] = "";
	char		*arg = tx->failed_arg;

	trace_id(id, sizeof(id), message);
	if (reply_get(reply)->code / 100 == 2) {
		s->messages++;
		s->bytes += tx->sent;
		stats_add(STAT_MESSAGES, 1);
		stats_add(STAT_BYTES, (int64_t)tx->sent);
	} else {
		stats_add(STAT_MESSAGES_REFUSED, 1);
	}
	tx->failed_arg = NULL;
	smtp_reset(s);
	s->mode = MODE_COMMAND;
	session_deadline(s, conf_limits()->command_s);
	session_reply(s, reply, arg != NULL ? arg : id);
	free(arg);
	if (proc_is_stopping() && !s->is_closing) {
		session_reply(s, REPLY_SHUTDOWN, NULL);
		session_finish(s);
	}
}

/* The message ended in its header. */
static void
data_header_only(struct session *s)
{
	struct tx	*tx = s->tx;

	/* Only a chunk can end inside of a line, which is a field as well. */
	if (tx->header.size > tx->header.line)
		on_data_put(s, "\r\n", 2);
	if (!tx->header_done && tx->failed == REPLY_NONE)
		data_header_end(s);
}

void
smtp_data_end(struct session *s)
{
	struct net_queue_end	 end;
	struct tx		*tx = s->tx;

	if (!tx->header_done && tx->failed == REPLY_NONE)
		data_header_only(s);
	body_flush(s);
	if (tx->header_asked && tx->failed == REPLY_NONE) {
		tx->end_waits = 1;
		s->wait = WAIT_SYNC;
		session_deadline(s, SESSION_INTERNAL_S);
		return;
	}
	if (tx->failed == REPLY_NONE) {
		memset(&end, 0, sizeof(end));
		end.session = s->id;
		end.tx = tx->id;
		end.size = tx->sent;
		end.nrcpt = tx->nrcpt;
		end.flags = tx->flags & ~(uint32_t)MAIL_8BITMIME;
		if (tx->data.has_8bit)
			end.flags |= MAIL_8BITMIME;
		if (queue_end(&end) == -1)
			smtp_data_fail(s, REPLY_TRY_LATER);
	}
	if (tx->failed != REPLY_NONE) {
		data_finish(s, data_verdict(tx), 0);
		return;
	}
	tx->is_ended = 1;
	free(tx->body);
	tx->body = NULL;
	s->wait = WAIT_QUEUE;
	session_deadline(s, SESSION_INTERNAL_S);
}

void
smtp_data_fault(struct session *s)
{
	if (s->tx->data.fault != DATA_FINE)
		smtp_data_fail(s, data_verdict(s->tx));
}

void
smtp_data_pause(struct session *s)
{
	if (queue_backlog() <= BACKLOG_MAX)
		return;
	s->wait = WAIT_QUEUE;
	s->tx->paused_ms = proc_now_ms();
	somebody_paused = 1;
}

size_t
smtp_data_input(struct session *s, const char *buf, size_t size)
{
	size_t		 used;
	int		 is_end;

	if (s->chunk.is_on)
		return smtp_bdat_input(s, buf, size);
	is_end = data_feed(&s->tx->data, buf, size, &used);
	s->tx->received += used;
	smtp_data_fault(s);
	if (is_end)
		smtp_data_end(s);
	else
		smtp_data_pause(s);
	return used;
}

void
smtp_data_done(struct session *s, uint32_t tx, uint64_t message,
    uint32_t reply)
{
	if (s->tx == NULL || s->tx->id != tx || !s->tx->is_ended) {
		stats_add(STAT_STALE, 1);
		return;
	}
	if (s->is_closing) {
		/* It had its 421 already: a 250 behind it would be read as
		 * the answer to nothing. */
		log_warnx("session=%016llx message=%013llx: the queue answered "
		    "too late", (unsigned long long)s->id,
		    (unsigned long long)message);
		smtp_reset(s);
		return;
	}
	session_wake(s);
	data_finish(s, reply == REPLY_NONE ? REPLY_TRY_LATER : reply, message);
}

/* The time that it paused was ours. */
static void
data_resume(struct session *s, void *arg)
{
	struct tx	*tx = s->tx;
	uint64_t	 ms;

	(void)arg;
	if (s->wait != WAIT_QUEUE || tx == NULL || tx->is_ended)
		return;
	ms = proc_now_ms() - tx->paused_ms;
	tx->begun_ms += ms;
	tx->start_ms += ms;
	s->deadline_ms += ms;
	s->last_ms = proc_now_ms();
	session_wake(s);
}

void
smtp_data_turn(void)
{
	if (!somebody_paused || queue_backlog() > BACKLOG_LOW)
		return;
	somebody_paused = 0;
	session_each(data_resume, NULL);
}

/* What the queue had of a transaction is gone with it. */
void
smtp_queue_down(struct session *s, void *arg)
{
	struct tx	*tx = s->tx;

	(void)arg;
	if (tx == NULL)
		return;
	if (tx->is_ended) {
		session_wake(s);
		data_finish(s, REPLY_TRY_LATER, 0);
		return;
	}
	tx->is_sent = 0;
	smtp_data_fail(s, REPLY_TRY_LATER);
}
