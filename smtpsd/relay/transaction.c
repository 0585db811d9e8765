/*
 * Mail transactions on a READY connection.  With PIPELINING (RFC 2920) MAIL,
 * all RCPTs and DATA leave in one write, and the next transaction's are
 * written behind the dot of the one before; replies then come in the order
 * of the commands, first for tx[0], then for tx[1].  A recipient's result is
 * sent as soon as it is certain.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "proto/net_policy.h"
#include "proto/parent_relay.h"

#include "client_impl.h"
#include "command.h"
#include "destination.h"

#define COMMAND_S	300	/* RFC 5321 4.5.3.2 */
#define BODY_S		180
#define DOT_S		600
#define IDLE_S		30
#define QUIT_S		5
#define OUTPUT_MAX	131072	/* bytes of body put ahead of the socket */
#define MESSAGES_MAX	1000	/* of one connection */
#define TRIES_MAX	3

static const char *
remote(const struct client *client)
{
	return client->host;
}

/* Class, status and text of a refusal out of the server's reply. */
static int
reply_class(const struct smtp_reply *r, char *status, size_t status_size,
    char *text, size_t text_size)
{
	int class = r->code / 100 == 2 ? AGENT_OK :
	    r->code / 100 == 5 ? AGENT_PERMFAIL : AGENT_TEMPFAIL;
	const char *fallback = class == AGENT_OK ? "2.0.0" :
	    class == AGENT_PERMFAIL ? "5.0.0" : "4.0.0";

	strlcpy(status, r->enhanced[0] != '\0' && r->code / 100 != 3 ?
	    r->enhanced : fallback, status_size);
	snprintf(text, text_size, "%d %s%s%s", r->code, r->enhanced,
	    r->enhanced[0] != '\0' ? " " : "", r->text);
	return class;
}

static void
result_from_reply(struct client *client, struct delivery *d, uint32_t n)
{
	char status[12], text[TEXT_SIZE + 32];
	int class;

	class = reply_class(&client->reply, status, sizeof(status), text,
	    sizeof(text));
	/* By LMTP it is in the mailbox; else it went on, who knows where. */
	if (class == AGENT_OK && !client->action->conf.lmtp)
		class = client->can.ext & EXT_DSN ? AGENT_RELAYED_DSN :
		    AGENT_RELAYED;
	delivery_result(d, n, class, status, remote(client), text);
}

static void
result_rest_from_reply(struct client *client, struct delivery *d)
{
	uint32_t n;

	for (n = 0; n < d->nrcpt; n++)
		result_from_reply(client, d, n);
}

/* A command follows whose reply is the next. */
static void
tx_asks(const struct client *client, struct tx *tx)
{
	tx->asks_at = stream_sent(client->stream) +
	    stream_queued(client->stream);
}

static int
command_write(struct client *client, const char *line)
{
	if (client_write(client, line, strlen(line)) == -1)
		return -1;
	return client_write(client, "\r\n", 2);
}

static int
rcpt_write(struct client *client, struct tx *tx, uint32_t n)
{
	char line[COMMAND_SIZE];

	tx->asked++;
	if (!(client->can.ext & EXT_PIPELINING))
		tx_asks(client, tx);
	command_rcpt(&tx->delivery->rcpt[n], &client->can, line);
	return command_write(client, line);
}

static int
tx_write(struct client *client, struct tx *tx, struct delivery *d)
{
	char line[COMMAND_SIZE];
	uint32_t n;

	memset(tx, 0, sizeof(*tx));
	tx->delivery = d;
	tx->at_line_start = 1;
	tx->is_chunked = (d->flags & MAIL_BINARYMIME) != 0;
	d->client = client;
	d->tries++;
	for (n = 0; n < d->nrcpt; n++)
		d->rcpt[n].is_accepted = 0;
	tx_limit(client, d);
	tx->next = delivery_rcpt_next(d, 0);
	client->messages++;
	if (tx == &client->tx[0])
		client_wait(client, COMMAND_S);
	tx_asks(client, tx);
	command_mail(d, &client->can, line);
	if (command_write(client, line) == -1)
		return -1;
	if (!(client->can.ext & EXT_PIPELINING))
		return 0;
	for (n = tx->next; n < d->nrcpt; n = delivery_rcpt_next(d, n + 1))
		if (rcpt_write(client, tx, n) == -1)
			return -1;
	/* a chunk would have to follow at once: it waits for the replies */
	return tx->is_chunked ? 0 : client_write(client, "DATA\r\n", 6);
}

int
tx_start(struct client *client, struct tx *tx, struct delivery *d)
{
	size_t before = stream_queued(client->stream);

	if (tx_write(client, tx, d) == -1)
		return -1;
	if (tx == &client->tx[1])
		client->behind = stream_queued(client->stream) - before;
	return 0;
}

/* The next waiting delivery that this server can take. */
static struct delivery *
tx_take(struct client *client)
{
	struct delivery *d;

	while ((d = destination_next(client->destination)) != NULL)
		if (!tx_unfit(client, d))
			break;
	return d;
}

static int
may_have_more(const struct client *client)
{
	return client->messages < MESSAGES_MAX && (client->can.mail_max == 0 ||
	    client->messages < client->can.mail_max);
}

/* Nothing is being sent. */
int
tx_idle(struct client *client)
{
	struct delivery *d = NULL;

	if (client->tx[0].delivery != NULL)
		return 0;
	if (!may_have_more(client) ||
	    (!client->is_retired && destination_gives_up(client->destination)))
		client->is_retired = 1;
	if (!client->is_retired)
		d = tx_take(client);
	if (d != NULL)
		return tx_start(client, &client->tx[0], d);
	if (!client->is_retired) {
		client_wait(client, IDLE_S);
		return 0;
	}
	client->state = CLIENT_QUIT;
	client_wait(client, QUIT_S);
	return client_printf(client, "QUIT\r\n");
}

/* tx[0] has all its results. */
static int
tx_finish(struct client *client)
{
	struct delivery *d = client->tx[0].delivery;

	if (client->tx[0].state == TX_DOT)
		client->reach = CLIENT_TOOK_MAIL;
	client->tx[0] = client->tx[1];
	client->tx[1].delivery = NULL;
	d->client = NULL;
	delivery_done(d);
	if (client->tx[0].delivery == NULL)
		return tx_idle(client);
	client_wait(client, COMMAND_S);
	return 0;
}

/* The server has an open transaction that will not be used. */
static int
tx_reset(struct client *client)
{
	client->tx[0].state = TX_RSET;
	tx_asks(client, &client->tx[0]);
	client_wait(client, COMMAND_S);
	return client_write(client, "RSET\r\n", 6);
}

/*
 * The end of the message is written, for a chunk that is nothing: the next
 * transaction may follow at once.
 */
static int
tx_dot(struct client *client, const char *dot)
{
	struct delivery *d;

	client->tx[0].state = TX_DOT;
	client->behind = 0;
	client_wait(client, DOT_S);
	if (client_write(client, dot, strlen(dot)) == -1)
		return -1;
	if (client_has_room(client) == 2 && may_have_more(client) &&
	    !destination_is_wanted(client->destination) &&
	    (d = tx_take(client)) != NULL)
		return tx_start(client, &client->tx[1], d);
	return 0;
}

/*
 * A line end that is not CRLF could be one, or the end of the message, to
 * the next host and not to us: what follows would be commands of whoever
 * wrote the message.  It does not leave, and the connection ends in the
 * middle of it, so that what has left is not taken.
 */
static int
body_refuse(struct client *client, struct delivery *d)
{
	delivery_result_rest(d, AGENT_PERMFAIL, "5.6.0", "",
	    "The message has a bare CR or LF");
	return client_end(client, "4.3.0", "bare CR or LF in a message");
}

/* Write bytes of the body with dots doubled (RFC 5321 4.5.2). */
static int
body_write(struct client *client, struct tx *tx, const char *data, size_t size)
{
	const char *start = data, *end = data + size, *lf, *cr;

	for (; data < end; data = lf + 1) {
		if (tx->at_line_start && *data == '.') {
			/* the dot itself goes out with what follows it */
			if (client_write(client, start,
			    (size_t)(data - start)) == -1 ||
			    client_write(client, ".", 1) == -1)
				return -1;
			start = data;
		}
		if ((lf = memchr(data, '\n', (size_t)(end - data))) == NULL)
			lf = end;
		cr = memchr(data, '\r', (size_t)(lf - data));
		if ((tx->has_cr && lf != data) ||
		    (cr != NULL && cr + 1 != lf) ||
		    (lf < end && cr == NULL && !(tx->has_cr && lf == data)))
			return body_refuse(client, tx->delivery);
		tx->at_line_start = lf < end;
		tx->has_cr = lf == end && cr != NULL;
		if (lf == end)
			break;
	}
	return client_write(client, start, (size_t)(end - start));
}

static int
body_end(struct client *client, struct tx *tx)
{
	if (tx->is_chunked)
		return tx_dot(client, "");
	if (tx->has_cr)
		return body_refuse(client, tx->delivery);
	return tx_dot(client, tx->at_line_start ? ".\r\n" : "\r\n.\r\n");
}

int
tx_pump(struct client *client)
{
	struct tx *tx = &client->tx[0];
	struct delivery *d = tx->delivery;
	const char *data;
	size_t size;

	if (d == NULL || tx->state != TX_BODY)
		return 0;
	while ((size = delivery_body(d, &data)) > 0) {
		if (stream_queued(client->stream) >= OUTPUT_MAX)
			return 0;
		client_wait(client, BODY_S);
		if ((tx->is_chunked ? client_write(client, data, size) :
		    body_write(client, tx, data, size)) == -1)
			return -1;
		delivery_take(d, size);
	}
	if (d->taken < d->size)
		return 0;
	return body_end(client, tx);
}

/* All recipients have been answered for: the message itself. */
static int
message_start(struct client *client, struct tx *tx)
{
	if (tx->accepted == 0)
		return tx->is_refused ? tx_finish(client) : tx_reset(client);
	if (!tx->is_chunked) {
		tx->state = TX_DATA;
		tx_asks(client, tx);
		return client_write(client, "DATA\r\n", 6);
	}
	/* RFC 3030 2: one chunk, and it is the last */
	tx->state = TX_BODY;
	client_wait(client, BODY_S);
	if (client_printf(client, "BDAT %" PRIu64 " LAST\r\n",
	    tx->delivery->size) == -1)
		return -1;
	return tx_pump(client);
}

static int
mail_reply(struct client *client, struct tx *tx)
{
	struct delivery *d = tx->delivery;

	if (client->reply.code / 100 != 2) {
		tx->is_refused = 1;
		result_rest_from_reply(client, d);
	}
	if (client->can.ext & EXT_PIPELINING) {
		tx->state = tx->asked > 0 ? TX_RCPT : TX_DATA;
		return 0;
	}
	if (tx->is_refused)
		return tx_finish(client);
	tx->state = TX_RCPT;
	return rcpt_write(client, tx, tx->next);
}

/*
 * RFC 5321 4.5.3.1.10: what was accepted goes now, the rest in another
 * transaction, and 552 is meant as 452.  With nobody accepted it is something
 * else.
 */
static int
is_full(const struct client *client, const struct tx *tx)
{
	const struct smtp_reply *r = &client->reply;

	if (tx->accepted == 0)
		return 0;
	if (r->code == 452)
		return r->enhanced[0] == '\0' ||
		    strcmp(r->enhanced, "4.5.3") == 0;
	return r->code == 552 && strcmp(r->enhanced, "5.5.3") == 0;
}

static int
rcpt_reply(struct client *client, struct tx *tx)
{
	struct delivery *d = tx->delivery;
	uint32_t n = tx->next;

	tx->answered++;
	if (!tx->is_refused) {
		tx->next = delivery_rcpt_next(d, n + 1);
		if (client->reply.code / 100 == 2) {
			d->rcpt[n].is_accepted = 1;
			tx->accepted++;
		} else if (is_full(client, tx))
			delivery_result(d, n, AGENT_AGAIN, "4.5.3",
			    remote(client), client->reply.text);
		else
			result_from_reply(client, d, n);
	}
	if (client->can.ext & EXT_PIPELINING) {
		if (tx->answered < tx->asked)
			return 0;
		if (tx->is_chunked)
			return message_start(client, tx);
		tx->state = TX_DATA;
		return 0;
	}
	if (tx->next < d->nrcpt)
		return rcpt_write(client, tx, tx->next);
	return message_start(client, tx);
}

static int
data_reply(struct client *client, struct tx *tx)
{
	if (client->reply.code == 354) {
		/* With nobody to take it an empty message ends DATA, RFC
		 * 2920 3.1; what the server says then does not matter. */
		if (tx->accepted == 0)
			return tx_dot(client, ".\r\n");
		tx->state = TX_BODY;
		client_wait(client, BODY_S);
		return tx_pump(client);
	}
	if (client->reply.code / 100 < 4)
		return client_end(client, "4.5.0", "bad reply to DATA");
	result_rest_from_reply(client, tx->delivery);
	return tx->is_refused ? tx_finish(client) : tx_reset(client);
}

/* An answer to what has not all been seen; a refusal says why, at least. */
static int
reply_too_early(struct client *client, const char *why)
{
	if (client->reply.code / 100 >= 4)
		return client_refused(client, "message");
	return client_end(client, "4.5.0", why);
}

static int
dot_reply(struct client *client, struct tx *tx)
{
	struct delivery *d = tx->delivery;

	/* who answers before has not seen the message */
	if (stream_queued(client->stream) > client->behind)
		return reply_too_early(client,
		    "reply before the end of the message");
	if (!client->action->conf.lmtp || tx->accepted == 0) {
		result_rest_from_reply(client, d);
		return tx_finish(client);
	}
	/* RFC 2033 4.2: one reply for each accepted recipient, in order. */
	while (tx->told < d->nrcpt && !d->rcpt[tx->told].is_accepted)
		tx->told++;
	if (tx->told < d->nrcpt)
		result_from_reply(client, d, tx->told++);
	if (--tx->accepted > 0)
		return 0;
	return tx_finish(client);
}

int
tx_reply(struct client *client)
{
	struct tx *tx = &client->tx[0];

	if (client->reply.code == 421)
		return client_end(client, "4.4.2", tx->delivery == NULL ?
		    NULL : client->reply.text);
	if (tx->delivery == NULL)
		return client_end(client, "4.5.0", "reply out of turn");
	/* One that follows another may stand in the same packet. */
	if (stream_sent(client->stream) <= tx->asks_at)
		return client_end(client, "4.5.0", "reply before its command");
	if (client->reply.code / 100 == 3 && tx->state != TX_DATA)
		return client_end(client, "4.5.0", "bad reply");
	client_wait(client, COMMAND_S);
	switch (tx->state) {
	case TX_MAIL:
		return mail_reply(client, tx);
	case TX_RCPT:
		return rcpt_reply(client, tx);
	case TX_DATA:
		return data_reply(client, tx);
	case TX_DOT:
		return dot_reply(client, tx);
	case TX_RSET:
		if (client->reply.code / 100 != 2)
			return client_end(client, "4.5.0", "RSET refused");
		return tx_finish(client);
	case TX_BODY:
	default:
		return reply_too_early(client,
		    "reply in the middle of the message");
	}
}

/*
 * The connection is over.  Nothing of the body was sent: another connection
 * may try.  Else its fate is not known: the queue tries again.
 */
void
tx_end_all(struct client *client, const char *status, const char *why)
{
	struct delivery *d;
	int i;

	for (i = 1; i >= 0; i--) {
		if ((d = client->tx[i].delivery) == NULL)
			continue;
		client->tx[i].delivery = NULL;
		d->client = NULL;
		if (delivery_rcpt_next(d, 0) < d->nrcpt && d->taken == 0 &&
		    client->tx[i].state < TX_BODY && d->tries < TRIES_MAX) {
			destination_return(d);
			continue;
		}
		delivery_result_rest(d, AGENT_TEMPFAIL,
		    status[0] == '4' ? status : "4.4.2", remote(client),
		    why == NULL ? "connection ended" : why);
		delivery_done(d);
	}
}
