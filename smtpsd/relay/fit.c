/*
 * What this server cannot carry, before the first command of a transaction:
 * a message that it would refuse or spoil fails (for now if there is a better
 * exchanger), recipients that are too many wait for the next one.  Called by
 * transaction.c; sends nothing.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/net_policy.h"
#include "proto/parent_relay.h"

#include "client_impl.h"
#include "command.h"

#define STATUS_SIZE 12

/*
 * A connection that RFC 8689 allows: its peer is who it should be.  The name
 * of an exchanger is part of that: 4.2.1 wants DNSSEC for it.
 */
static int
is_verified(const struct client *client)
{
	if (!stream_is_secure(client->stream) ||
	    client->rule.tls == RELAY_PLAIN)
		return 0;
	return client->rule.pin[0] != '\0' || (client->rule.verify &&
	    (client->targets == NULL || client->targets->has_true_names));
}

/*
 * A better exchanger was not reached, and may take what this one does not.
 */
static int
is_backup(const struct client *client)
{
	const struct targets *all = client->targets;
	uint32_t i;

	if (all == NULL || client->target == NULL)
		return 0;
	for (i = 0; i < all->count; i++)
		if (all->target[i].preference < client->target->preference)
			return 1;
	return 0;
}

/* Puts the class before the rest of a status: 4 from a backup, else 5. */
static int
unfit_class(const struct client *client, const char *status, char *full,
    size_t size)
{
	int backup = is_backup(client);

	snprintf(full, size, "%c.%s", backup ? '4' : '5', status);
	return backup ? AGENT_TEMPFAIL : AGENT_PERMFAIL;
}

/*
 * An alias or a ~/.forward may lead to an address in UTF-8, whatever the
 * message is: it is refused alone, unless only its domain is.
 */
static void
refuse_utf8(const struct client *client, struct delivery *d)
{
	char text[TEXT_SIZE], full[STATUS_SIZE];
	uint32_t n;
	int class = unfit_class(client, "6.7", full, sizeof(full));

	snprintf(text, sizeof(text), "The next host, %s, does not take "
	    "internationalized addresses (SMTPUTF8)", client->host);
	for (n = 0; n < d->nrcpt; n++)
		if (command_needs_utf8(d->rcpt[n].recipient))
			delivery_result(d, n, class, full, "", text);
}

/*
 * 8-bit text goes out to a server without 8BITMIME as it is: hardly one is
 * left that spoils it, and nobody is helped by a bounce.
 */
int
tx_unfit(struct client *client, struct delivery *d)
{
	const uint32_t binary = EXT_CHUNKING | EXT_BINARYMIME;
	uint32_t ext = client->can.ext;
	const char *status = NULL, *why = "";
	char text[TEXT_SIZE], full[STATUS_SIZE];
	int class;

	if ((d->flags & MAIL_REQUIRETLS) &&
	    (!(ext & EXT_REQUIRETLS) || !is_verified(client))) {
		status = "7.30";
		why = is_verified(client) ? "does not offer REQUIRETLS" :
		    "is not verified by TLS and DNSSEC, as REQUIRETLS "
		    "wants";
	} else if (((d->flags & MAIL_SMTPUTF8) ||
	    command_needs_utf8(d->sender)) && !(ext & EXT_SMTPUTF8)) {
		status = "6.7";
		why = "does not take internationalized mail (SMTPUTF8)";
	} else if ((d->flags & MAIL_BINARYMIME) && (ext & binary) != binary) {
		status = "6.3";
		why = "does not take binary mail (BINARYMIME)";
	} else if (client->can.size_max != 0 &&
	    d->size > client->can.size_max) {
		status = "3.4";
		why = "does not take messages of this size";
	}
	if (status == NULL) {
		if (!(ext & EXT_SMTPUTF8))
			refuse_utf8(client, d);
		if (delivery_rcpt_next(d, 0) < d->nrcpt)
			return 0;
	} else {
		snprintf(text, sizeof(text), "The next host, %s, %s",
		    client->host, why);
		class = unfit_class(client, status, full, sizeof(full));
		delivery_result_rest(d, class, full, "", text);
	}
	delivery_done(d);
	return 1;
}

/* RFC 9422: the rest would be refused; it goes in the next transaction. */
void
tx_limit(const struct client *client, struct delivery *d)
{
	uint32_t n, count = 0;
	char text[TEXT_SIZE];

	if (client->can.rcpt_max == 0 || d->nrcpt <= client->can.rcpt_max)
		return;
	snprintf(text, sizeof(text), "The next host, %s, takes %" PRIu32
	    " recipients at once", client->host, client->can.rcpt_max);
	for (n = delivery_rcpt_next(d, 0); n < d->nrcpt;
	    n = delivery_rcpt_next(d, n + 1))
		if (++count > client->can.rcpt_max)
			delivery_result(d, n, AGENT_AGAIN, "4.5.3", "", text);
}
