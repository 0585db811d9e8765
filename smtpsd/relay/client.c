/*
 * A connection from the first address to READY, and its end: greeting, EHLO,
 * STARTTLS, AUTH, and the other addresses when that fails.  The transactions are in transaction.c.
 * The server is not trusted: everything it says is bounded by reply.c, a
 * downgrade of required TLS or bytes in front of the handshake end the
 * connection, and credentials never leave without TLS.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"

#include "client_impl.h"
#include "connect.h"
#include "destination.h"
#include "socket.h"

#define SOCKET_S	30	/* for one by the parent */
#define GREETING_S	300	/* RFC 5321 4.5.3.2.1 */
#define COMMAND_S	120
#define QUIT_S		5
#define TLS_BROKEN_MS	600000	/* where it is not required */

void
client_wait(struct client *client, unsigned int seconds)
{
	client->deadline_ms = proc_now_ms() + 1000ULL * seconds;
}

static void
client_free(struct client *client)
{
	socket_forget(client);
	connect_free(client->connector);
	stream_close(client->stream);
	action_release(client->action);
	targets_unref(client->targets);
	explicit_bzero(client, sizeof(*client));
	free(client);
}

/* The race goes on, or begins; the client may be gone then. */
static void
connect_some(struct client *client)
{
	stream_close(client->stream);
	client->stream = NULL;
	client->state = CLIENT_CONNECT;
	client->deadline_ms = UINT64_MAX;	/* connect.c has its own */
	connect_go(client->connector);
}

/* There is no other address to try. */
static int
client_finish(struct client *client, const char *status, const char *why)
{
	/* What is wrong with the last one says nothing of those before. */
	if (status[0] == '5' && client->has_later)
		status = "4.4.1";
	tx_end_all(client, status, why);
	destination_client_gone(client->destination, client,
	    client->reach, status, why);
	client_free(client);
	return -1;
}

/* why NULL: in order.  Always -1: this connection is gone. */
int
client_end(struct client *client, const char *status, const char *why)
{
	char all[TEXT_SIZE];

	if (why != NULL)
		log_info("%s: %s", log_vis(client->host), log_text(why));
	client->has_later |= status[0] != '5';
	/* Before mail could be sent there may be another address. */
	if (why != NULL && client->connector != NULL) {
		connect_failed(client->connector, why);
		if (!client->is_retired &&
		    connect_has_more(client->connector)) {
			connect_some(client);
			return -1;
		}
		client->has_later |= connect_has_unreached(client->connector);
		connect_why(client->connector, all, sizeof(all));
		why = all;
	}
	return client_finish(client, status, why);
}

int
client_write(struct client *client, const void *data, size_t size)
{
	if (stream_write(client->stream, data, size) == -1)
		return client_end(client, "4.3.0", "out of memory");
	return 0;
}

int
client_printf(struct client *client, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n, error;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return client_end(client, "4.3.0", "command too long");
	error = client_write(client, line, (size_t)n);
	explicit_bzero(line, (size_t)n);
	return error;
}

static int
ehlo_send(struct client *client, const char *verb, enum client_state state)
{
	capability_reset(&client->can);
	client->state = state;
	client_wait(client, COMMAND_S);
	return client_printf(client, "%s %s\r\n", verb,
	    action_helo(client->action));
}

static int
ehlo_first(struct client *client)
{
	/* RFC 2033 4.1 */
	return ehlo_send(client, client->action->conf.lmtp ? "LHLO" : "EHLO",
	    CLIENT_EHLO);
}

static int
ready(struct client *client)
{
	client->state = CLIENT_READY;
	client->reach = CLIENT_WAS_READY;
	if (client->connector != NULL) {
		connect_worked(client->connector);
		connect_free(client->connector);
		client->connector = NULL;
	}
	log_debug("%s: ready%s%s", log_vis(client->host),
	    stream_is_secure(client->stream) ? " over " : "",
	    stream_tls_version(client->stream));
	destination_client_ready(client->destination, client);
	return tx_idle(client);
}

static int
handshake_start(struct client *client)
{
	const char *why = "no CA bundle to verify with";
	struct tls_config *config;

	client->state = CLIENT_HANDSHAKE;
	client_wait(client, COMMAND_S);
	config = action_tls_config(client->action, &client->rule);
	if (config == NULL ||
	    stream_secure(client->stream, config, client->host, &why) == -1)
		return client_end(client, "4.7.5", why);
	return 0;
}

/* EHLO or HELO was accepted: what comes before mail? */
static int
ehlo_done(struct client *client)
{
	const struct parent_relay_action *conf = &client->action->conf;

	if (!stream_is_secure(client->stream)) {
		if ((client->can.ext & EXT_STARTTLS) && !client->without_tls) {
			client->state = CLIENT_STARTTLS;
			client_wait(client, COMMAND_S);
			return client_printf(client, "STARTTLS\r\n");
		}
		if (client->rule.tls != RELAY_PLAIN)
			return client_end(client, "4.7.4",
			    "server does not offer STARTTLS");
	}
	if (conf->user[0] != '\0')
		return login_start(client);
	return ready(client);
}

int
client_refused(struct client *client, const char *what)
{
	const struct smtp_reply *r = &client->reply;
	char why[600], status[12] = "4.3.0";

	snprintf(why, sizeof(why), "%s refused: %d %.500s", what, r->code,
	    r->text);
	if (r->enhanced[0] != '\0') {
		strlcpy(status, r->enhanced, sizeof(status));
		status[0] = '4';	/* the queue tries again in any case */
	}
	return client_end(client, status, why);
}

static int
starttls_reply(struct client *client, size_t rest)
{
	if (client->reply.code != 220) {
		if (client->rule.tls != RELAY_PLAIN)
			return client_refused(client, "STARTTLS");
		client->without_tls = 1;
		return ehlo_done(client);
	}
	/* An answer to what has not left yet, and would then leave inside TLS
	 * and shift all replies by one: an attack. */
	if (stream_queued(client->stream) > 0)
		return client_end(client, "4.7.5",
		    "reply to STARTTLS before it was sent");
	/* Bytes behind the reply were put there in the clear: an attack. */
	if (rest > 0)
		return client_end(client, "4.7.5",
		    "bytes between STARTTLS and handshake");
	return handshake_start(client);
}

/*
 * Until mail is sent each reply is awaited before the next command: more than
 * that, or a reply to what has not left yet, would shift all that follow.
 */
static int
is_in_advance(const struct client *client, size_t rest)
{
	return client->state != CLIENT_READY && client->state != CLIENT_QUIT &&
	    client->state != CLIENT_STARTTLS &&
	    (rest > 0 || stream_queued(client->stream) > 0);
}

/* rest: bytes that came behind this reply. */
static int
on_reply(struct client *client, size_t rest)
{
	int code = client->reply.code;

	if (is_in_advance(client, rest))
		return client_end(client, "4.5.0", "reply before its command");
	switch (client->state) {
	case CLIENT_GREETING:
		if (code != 220)
			return client_refused(client, "connection");
		return ehlo_first(client);
	case CLIENT_EHLO:
		if (code / 100 == 2)
			return ehlo_done(client);
		if (code / 100 == 5 && !client->action->conf.lmtp)
			return ehlo_send(client, "HELO", CLIENT_HELO);
		return client_refused(client, "EHLO");
	case CLIENT_HELO:
		capability_reset(&client->can);
		return code / 100 == 2 ? ehlo_done(client) :
		    client_refused(client, "HELO");
	case CLIENT_STARTTLS:
		return starttls_reply(client, rest);
	case CLIENT_LOGIN_USER:
	case CLIENT_LOGIN_PASSWORD:
		return login_reply(client);
	case CLIENT_AUTH:
		return code == 235 ? ready(client) :
		    client_refused(client, "AUTH");
	case CLIENT_READY:
		return tx_reply(client);
	case CLIENT_QUIT:
		return client_end(client, "", NULL);
	default:
		return client_end(client, "4.5.0", "reply out of turn");
	}
}

static void
on_stream_data(void *arg, const char *data, size_t size)
{
	struct client *client = arg;
	const char *why = NULL;
	size_t used;
	int done;

	while (size > 0) {
		done = reply_feed(&client->reply, data, size, &used,
		    client->state == CLIENT_EHLO ? capability_line : NULL,
		    &client->can, &why);
		if (done == -1) {
			client_end(client, "4.5.0", why);
			return;
		}
		data += used;
		size -= used;
		if (done == 0)
			continue;
		if (on_reply(client, size) == -1)
			return;
		reply_reset(&client->reply);
	}
}

static void
session_start(struct client *client)
{
	reply_reset(&client->reply);
	if (client->action->conf.host[0] == '\0' &&
	    !client->action->conf.allow_loopback &&
	    stream_is_to_self(client->stream)) {
		client_end(client, "5.4.6",
		    "the mail exchanger is this host: a loop");
		return;
	}
	if (client->rule.tls == RELAY_SMTPS) {
		handshake_start(client);
		return;
	}
	client->state = CLIENT_GREETING;
	client_wait(client, GREETING_S);
}

static void
on_stream_secured(void *arg)
{
	struct client *client = arg;

	reply_reset(&client->reply);
	if (client->rule.pin[0] != '\0' && strcmp(client->rule.pin,
	    stream_tls_fingerprint(client->stream)) != 0) {
		client_end(client, "4.7.5",
		    "the certificate is not the pinned one");
		return;
	}
	if (client->rule.tls == RELAY_SMTPS) {
		client->state = CLIENT_GREETING;
		client_wait(client, GREETING_S);
		return;
	}
	(void)ehlo_first(client);
}

static void
on_stream_room(void *arg)
{
	struct client *client = arg;

	if (client->state == CLIENT_READY)
		(void)tx_pump(client);
}

static void
on_stream_failed(void *arg, const char *why)
{
	struct client *client = arg;

	switch (client->state) {
	case CLIENT_HANDSHAKE:
		if (client->rule.tls == RELAY_PLAIN && !client->without_tls &&
		    client->connector != NULL) {
			/* The same address once more, in the clear. */
			client->target->clear_until_ms = proc_now_ms() +
			    TLS_BROKEN_MS;
			connect_again(client->connector);
			connect_some(client);
			return;
		}
		client_end(client, "4.7.5", why);
		return;
	case CLIENT_QUIT:
		client_end(client, "", NULL);
		return;
	case CLIENT_READY:
		/* An idle connection may be closed without a reason. */
		client_end(client, "4.4.2",
		    client->tx[0].delivery == NULL ? NULL : why);
		return;
	default:
		client_end(client, "4.4.2", why);
	}
}

static const struct stream_events stream_events = {
	.secured = on_stream_secured,
	.data = on_stream_data,
	.room = on_stream_room,
	.failed = on_stream_failed,
};

static int
on_connect_has_room(void *arg)
{
	const struct client *client = arg;

	return destination_has_room(client->destination);
}

static void
on_connect_done(void *arg, int fd, uint32_t n)
{
	struct client *client = arg;
	struct targets *all = client->targets;
	char why[TEXT_SIZE];

	if (fd == -1) {
		connect_why(client->connector, why, sizeof(why));
		(void)client_finish(client, "4.4.1", why);
		return;
	}
	client->target = &all->target[n];
	client->without_tls = client->target->clear_until_ms > proc_now_ms();
	client->host = all->hosts[client->target->host];
	(void)client_connected(client, fd);
}

/* -1: no memory. */
static int
connector_make(struct client *client, struct targets *targets)
{
	const struct parent_relay_action *conf = &client->action->conf;
	struct connect_def def = { .targets = targets, .port = conf->port,
	    .source4 = conf->source4, .source6 = conf->source6,
	    .has_room = on_connect_has_room, .done = on_connect_done,
	    .arg = client };

	if ((client->connector = connect_new(&def)) == NULL)
		return -1;
	client->targets = targets;
	targets->refs++;
	return 0;
}

static struct client *
client_make(struct destination *destination, struct action *action,
    const char *domain)
{
	struct client *client;

	if ((client = calloc(1, sizeof(*client))) == NULL)
		return NULL;
	client->destination = destination;
	client->action = action;
	client->host = action->conf.host;
	action_tls_rule(action, domain, &client->rule);
	action->refs++;
	reply_reset(&client->reply);
	return client;
}

struct client *
client_new(struct destination *destination, struct action *action,
    const char *domain, struct targets *targets)
{
	struct client *client;

	if ((client = client_make(destination, action, domain)) == NULL)
		return NULL;
	if (targets != NULL && connector_make(client, targets) == -1) {
		client_free(client);
		return NULL;
	}
	/*
	 * The first client_tick() connects: the caller must know the client
	 * before it can fail.
	 */
	client->state = CLIENT_CONNECT;
	client->deadline_ms = 0;
	return client;
}

int
client_connected(struct client *client, int fd)
{
	client->stream = stream_from_fd(fd, &stream_events, client);
	if (client->stream == NULL) {
		close(fd);
		return client_end(client, "4.3.0", "out of memory");
	}
	session_start(client);
	return 0;
}

int
client_is_ready(const struct client *client)
{
	return client->state == CLIENT_READY && !client->is_retired;
}

int
client_has_room(const struct client *client)
{
	if (!client_is_ready(client) || client->tx[1].delivery != NULL)
		return 0;
	if (client->tx[0].delivery == NULL)
		return 1;
	/* The replies to an LMTP dot are many: were they too few, those to
	 * what is written behind it would count as a recipient's. */
	return (client->can.ext & EXT_PIPELINING) &&
	    !client->action->conf.lmtp &&
	    client->tx[0].state == TX_DOT ? 2 : 0;
}

void
client_give(struct client *client, struct delivery *delivery)
{
	struct tx *tx = &client->tx[client->tx[0].delivery == NULL ? 0 : 1];

	if (!tx_unfit(client, delivery))
		(void)tx_start(client, tx, delivery);
}

void
client_body(struct client *client)
{
	if (client->state == CLIENT_READY)
		(void)tx_pump(client);
}

void
client_forget(struct client *client, struct delivery *delivery)
{
	int i;

	for (i = 0; i < 2; i++)
		if (client->tx[i].delivery == delivery)
			client->tx[i].delivery = NULL;
	delivery->client = NULL;
	client_end(client, "4.3.0", NULL);
}

void
client_retire(struct client *client)
{
	client->is_retired = 1;
	if (client->state == CLIENT_READY)
		(void)tx_idle(client);
	else if (client->state != CLIENT_QUIT)
		client_end(client, "", NULL);
}

unsigned int
client_count_sockets(const struct client *client)
{
	unsigned int n = client->connector == NULL ? 0 :
	    connect_count(client->connector);

	return n > 1 ? n : 1;
}

void
client_tick(struct client *client, uint64_t now_ms)
{
	if (client->deadline_ms == 0) {
		if (client->connector != NULL)
			connect_some(client);
		else {
			client_wait(client, SOCKET_S);
			(void)socket_ask(client);
		}
		return;
	}
	if (now_ms < client->deadline_ms)
		return;
	switch (client->state) {
	case CLIENT_CONNECT:
		client_end(client, "4.4.1", "connect: timeout");
		return;
	case CLIENT_READY:
		if (client->tx[0].delivery == NULL) {
			client->state = CLIENT_QUIT;
			client_wait(client, QUIT_S);
			(void)client_printf(client, "QUIT\r\n");
			return;
		}
		break;
	case CLIENT_QUIT:
		client_end(client, "", NULL);
		return;
	default:
		break;
	}
	client_end(client, "4.4.2", "timeout");
}
