/*
 * AUTH on a connection that client.c has made: PLAIN in one step, or LOGIN.
 * Credentials never leave without TLS that was required, and what held them
 * is wiped.
 */
#include <string.h>

#include "client_impl.h"
#include "mail/base64.h"

#define COMMAND_S	120

/* "word\r\n" with word in base64; the buffers are wiped. */
static int
base64_send(struct client *client, const char *prefix, const void *data,
    size_t size)
{
	char encoded[1536];
	int error;

	if (base64_encode(data, size, encoded, sizeof(encoded)) == -1)
		return client_end(client, "4.7.0", "credentials too long");
	error = client_printf(client, "%s%s\r\n", prefix, encoded);
	explicit_bzero(encoded, sizeof(encoded));
	return error;
}

int
login_start(struct client *client)
{
	const struct parent_relay_action *conf = &client->action->conf;
	char plain[2 * LOGIN_SIZE + 2];
	size_t user = strlen(conf->user), password = strlen(conf->password);
	int error;

	if (!stream_is_secure(client->stream) ||
	    client->rule.tls == RELAY_PLAIN)
		return client_end(client, "4.7.11",
		    "no AUTH without required TLS");
	client_wait(client, COMMAND_S);
	if (client->can.ext & EXT_PLAIN) {
		client->state = CLIENT_AUTH;
		plain[0] = '\0';
		memcpy(plain + 1, conf->user, user + 1);
		memcpy(plain + user + 2, conf->password, password);
		error = base64_send(client, "AUTH PLAIN ", plain,
		    user + password + 2);
		explicit_bzero(plain, sizeof(plain));
		return error;
	}
	if (client->can.ext & EXT_LOGIN) {
		client->state = CLIENT_LOGIN_USER;
		return client_printf(client, "AUTH LOGIN\r\n");
	}
	return client_end(client, "4.7.0",
	    "server offers neither AUTH PLAIN nor LOGIN");
}

int
login_reply(struct client *client)
{
	const struct parent_relay_action *conf = &client->action->conf;

	if (client->reply.code != 334)
		return client_refused(client, "AUTH");
	client_wait(client, COMMAND_S);
	if (client->state == CLIENT_LOGIN_USER) {
		client->state = CLIENT_LOGIN_PASSWORD;
		return base64_send(client, "", conf->user, strlen(conf->user));
	}
	client->state = CLIENT_AUTH;
	return base64_send(client, "", conf->password, strlen(conf->password));
}
