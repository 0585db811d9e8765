/*
 * What a server cannot carry: for good from the best exchanger, for now from
 * one whose better was not reached.
 */
#include <stdio.h>
#include <string.h>

#include "base/tap.h"
#include "proto/net_policy.h"

#include "client_impl.h"

static int	last_class;
static char	last_status[32];

int
stream_is_secure(const struct stream *stream)
{
	(void)stream;
	return 0;
}

void
delivery_result(struct delivery *d, uint32_t n, int class, const char *status,
    const char *remote, const char *text)
{
	(void)remote;
	(void)text;
	d->rcpt[n].is_done = 1;
	last_class = class;
	snprintf(last_status, sizeof(last_status), "%s", status);
}

void
delivery_result_rest(struct delivery *d, int class, const char *status,
    const char *remote, const char *text)
{
	delivery_result(d, 0, class, status, remote, text);
}

uint32_t
delivery_rcpt_next(const struct delivery *d, uint32_t n)
{
	while (n < d->nrcpt && d->rcpt[n].is_done)
		n++;
	return n;
}

void
delivery_done(struct delivery *d)
{
	(void)d;
}

static void
check(uint32_t on, uint32_t flags, uint64_t size, const char *to,
    const char *status)
{
	static struct targets all;
	struct rcpt rcpt = { .is_done = 0 };
	struct delivery d = { .flags = flags, .size = size, .nrcpt = 1,
	    .rcpt = &rcpt };
	struct client client = { .targets = &all, .host = "mx.example" };

	all.count = 3;
	all.target[0].preference = all.target[1].preference = 10;
	all.target[2].preference = 20;
	client.target = &all.target[on];
	client.can.size_max = 1000;
	snprintf(rcpt.recipient, sizeof(rcpt.recipient), "%s", to);
	last_class = -1;
	tap_ok(tx_unfit(&client, &d) == 1 && strcmp(last_status, status) == 0 &&
	    last_class == (status[0] == '4' ? AGENT_TEMPFAIL : AGENT_PERMFAIL),
	    "exchanger %u: %s", on, status);
}

int
main(void)
{
	const char *plain = "a@b.example", *utf8 = "\xc3\xa9@b.example";

	check(0, 0, 2000, plain, "5.3.4");
	check(1, 0, 2000, plain, "5.3.4");
	check(2, 0, 2000, plain, "4.3.4");
	check(1, MAIL_SMTPUTF8, 10, plain, "5.6.7");
	check(2, MAIL_SMTPUTF8, 10, plain, "4.6.7");
	check(1, MAIL_BINARYMIME, 10, plain, "5.6.3");
	check(2, MAIL_BINARYMIME, 10, plain, "4.6.3");
	check(1, MAIL_REQUIRETLS, 10, plain, "5.7.30");
	check(2, MAIL_REQUIRETLS, 10, plain, "4.7.30");
	check(1, 0, 10, utf8, "5.6.7");
	check(2, 0, 10, utf8, "4.6.7");
	return tap_done();
}
