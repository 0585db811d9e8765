/*
 * Routes: what the resolver says and what becomes of it.  The link to it is
 * replaced: questions are kept, answers are handed to the rules of route.c.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/proc.h"
#include "base/tap.h"

#include "route.h"

#define ASKED_MAX	64

static struct link_end			 end;
static struct relay_resolver_host	 asked[ASKED_MAX];
static uint32_t				 asked_type[ASKED_MAX];
static unsigned int			 nasked;
static int				 is_gone;
static uint64_t				 now_ms = 1000;
static char				 got[128];	/* of done() */

uint64_t
proc_now_ms(void)
{
	return now_ms;
}

struct link *
link_new(int fd, const struct link_end *e)
{
	(void)fd;
	end = *e;
	return (struct link *)(void *)&end;
}

void
link_close(struct link *link)
{
	(void)link;
}

const char *
link_name(struct link *link)
{
	(void)link;
	return "resolver";
}

int
link_send(struct link *link, uint32_t type, const void *data, size_t size)
{
	if (link == NULL || is_gone || nasked == ASKED_MAX)
		return -1;
	asked_type[nasked] = type;
	memcpy(&asked[nasked++], data, size);
	return 0;
}

static void
answer(uint32_t type, const void *data, uint32_t size)
{
	struct link_in	in = { .type = type, .size = size, .data = data,
			    .fd = -1 };
	size_t		i;

	for (i = 0; i < end.nrules; i++)
		if (end.rules[i].type == type)
			end.rules[i].handle((struct link *)(void *)&end, &in);
}

static void
on_done(void *arg, const struct route_why *why)
{
	(void)arg;
	if (why == NULL)
		strlcpy(got, "ok", sizeof(got));
	else
		snprintf(got, sizeof(got), "%s %s", why->is_permanent ?
		    "permanent" : "later", why->status);
}

static struct route *
make(const char *host, const char *domain, int allow_loopback)
{
	struct route_def	 def = { .host = host, .domain = domain,
				    .own_name = "mail.example.org",
				    .allow_loopback = allow_loopback,
				    .done = on_done };
	struct route		*r = route_new(&def);

	if (r == NULL)
		abort();
	nasked = 0;
	got[0] = '\0';
	return r;
}

static uint32_t	is_proved = 1;	/* what the next answers say of DNSSEC */

/* "10 a, 20 b": of question n. */
static void
answer_mx(unsigned int n, uint32_t status, const char *list)
{
	struct resolver_relay_mx_done	 msg;
	char				*copy = strdup(list), *s = copy, *one;

	memset(&msg, 0, sizeof(msg));
	msg.request = asked[n].request;
	msg.status = status;
	msg.ttl_s = 60;
	msg.is_secure = is_proved;
	while ((one = strsep(&s, ",")) != NULL && *list != '\0' &&
	    msg.count < MX_MAX) {
		msg.mx[msg.count].preference = (uint32_t)strtoul(one, &one,
		    10);
		strlcpy(msg.mx[msg.count++].host, one + 1,
		    sizeof(msg.mx[0].host));
	}
	free(copy);
	answer(MSG_RESOLVER_RELAY_MX_DONE, &msg, sizeof(msg));
}

/* Numeric addresses, "192.0.2.1 2001:db8::1", or "": none. */
static void
answer_host(unsigned int n, uint32_t status, const char *list)
{
	struct resolver_relay_host_done	 msg;
	struct host_address		*a;
	char				*copy = strdup(list), *s = copy, *one;

	memset(&msg, 0, sizeof(msg));
	msg.request = asked[n].request;
	msg.status = status;
	msg.ttl_s = 60;
	msg.is_secure = is_proved;
	while ((one = strsep(&s, " ")) != NULL && *list != '\0' &&
	    msg.count < RESOLVE_MAX) {
		a = &msg.address[msg.count++];
		a->family = 4;
		if (inet_pton(AF_INET, one, a->bytes) != 1) {
			a->family = 6;
			inet_pton(AF_INET6, one, a->bytes);
		}
	}
	free(copy);
	answer(MSG_RESOLVER_RELAY_HOST_DONE, &msg, sizeof(msg));
}

/* The answer to MX alone; address: of every exchanger. */
static const struct {
	const char	*name;
	uint32_t	 status;
	const char	*mx;
	uint32_t	 host_status;
	const char	*address;
	const char	*want;
	uint32_t	 count;		/* of targets */
} answers[] = {
	{ "two exchangers", RESOLVE_OK, "10 a.example,20 b.example",
	    RESOLVE_OK, "192.0.2.1", "ok", 2 },
	{ "no exchanger: the domain", RESOLVE_NONE, "", RESOLVE_OK,
	    "192.0.2.1", "ok", 1 },
	{ "no exchanger, no address", RESOLVE_NONE, "", RESOLVE_NONE, "",
	    "permanent 5.4.4", 0 },
	{ "no address now", RESOLVE_OK, "10 a.example", RESOLVE_LATER, "",
	    "later 4.4.3", 0 },
	{ "no name", RESOLVE_NO_NAME, "", 0, "", "permanent 5.1.2", 0 },
	{ "null MX", RESOLVE_NULL_MX, "", 0, "", "permanent 5.1.10", 0 },
	{ "no answer", RESOLVE_LATER, "", 0, "", "later 4.4.3", 0 },
	{ "unknown status", 99, "", 0, "", "later 4.4.3", 0 },
	{ "this host is the best", RESOLVE_OK,
	    "10 mail.example.org,20 b.example", 0, "", "permanent 5.4.6", 0 },
	{ "this host is equal", RESOLVE_OK,
	    "10 a.example,10 MAIL.example.org", 0, "", "permanent 5.4.6", 0 },
	{ "this host is the second", RESOLVE_OK,
	    "10 a.example,20 mail.example.org,30 c.example", RESOLVE_OK,
	    "192.0.2.1", "ok", 1 },
	{ "an underscore", RESOLVE_OK, "10 _dc-mx.a.example", RESOLVE_OK,
	    "192.0.2.1", "ok", 1 },
	{ "no host names", RESOLVE_OK, "10 a$b,20 a b", 0, "",
	    "permanent 5.4.4", 0 },
	{ "OK without exchangers", RESOLVE_OK, "", 0, "",
	    "permanent 5.4.4", 0 },
	{ "more than are taken", RESOLVE_OK, "1 a,2 b,3 c,4 d,5 e,6 f,7 g,"
	    "8 h,9 i,10 j", RESOLVE_OK, "192.0.2.1", "ok", ROUTE_HOSTS_MAX },
	{ "loopback", RESOLVE_OK, "10 a.example", RESOLVE_OK, "127.8.9.1",
	    "permanent 5.4.4", 0 },
	{ "IPv6 loopback", RESOLVE_OK, "10 a.example", RESOLVE_OK, "::1",
	    "permanent 5.4.4", 0 },
	{ "mapped loopback", RESOLVE_OK, "10 a.example", RESOLVE_OK,
	    "::ffff:127.0.0.1", "permanent 5.4.4", 0 },
	{ "unspecified", RESOLVE_OK, "10 a.example", RESOLVE_OK, "::",
	    "permanent 5.4.4", 0 },
	{ "multicast", RESOLVE_OK, "10 a.example", RESOLVE_OK, "ff02::1",
	    "permanent 5.4.4", 0 },
	{ "broadcast", RESOLVE_OK, "10 a.example", RESOLVE_OK,
	    "255.255.255.255", "permanent 5.4.4", 0 },
};

static void
check_answer(size_t i)
{
	struct route	*r = make("", "example.net", 0);
	struct targets	*t = route_targets(r);
	unsigned int	 n;
	int		 is_good;

	is_good = t == NULL && nasked == 1 &&
	    asked_type[0] == MSG_RELAY_RESOLVER_MX &&
	    strcmp(asked[0].name, "example.net") == 0;
	answer_mx(0, answers[i].status, answers[i].mx);
	for (n = 1; n < nasked; n++)
		answer_host(n, answers[i].host_status, answers[i].address);
	if (strcmp(got, "ok") == 0)
		t = route_targets(r);
	tap_ok(is_good && strcmp(got, answers[i].want) == 0 &&
	    (t == NULL ? 0 : t->count) == answers[i].count, "%s: %s",
	    answers[i].name, got);
	targets_unref(t);
	route_free(r);
}

static const struct {
	const char	*host, *domain;
	int		 allow_loopback;
	int		 family;	/* 0: none */
} literals[] = {
	{ "", "[192.0.2.1]", 0, 4 },
	{ "", "[IPv6:2001:db8::1]", 0, 6 },
	{ "", "[ipv6:2001:db8::1]", 0, 6 },
	{ "", "[127.0.0.1]", 0, 0 },
	{ "", "[127.0.0.1]", 1, 4 },
	{ "", "[IPv6:::1]", 0, 0 },
	{ "127.0.0.1", "", 0, 4 },	/* who configures it wants it */
	{ "::1", "", 0, 6 },
};

static void
check_literal(size_t i)
{
	struct route	*r = make(literals[i].host, literals[i].domain,
			    literals[i].allow_loopback);
	struct targets	*t = route_targets(r);

	tap_ok(nasked == 0 && (literals[i].family == 0 ? t == NULL &&
	    strcmp(got, "permanent 5.4.4") == 0 : t != NULL && t->count == 1 &&
	    t->target[0].address.family == literals[i].family),
	    "%s%s, loopback %sallowed", literals[i].host, literals[i].domain,
	    literals[i].allow_loopback ? "" : "not ");
	targets_unref(t);
	route_free(r);
}

/* The addresses of two exchangers, a and b, and the order they are tried in:
 * the last part of each, "/" before another preference. */
static const struct {
	const char	*mx, *a, *b;
	const char	*want;
} orders[] = {
	{ "10 a,20 b", "192.0.2.1 2001:db8::2", "192.0.2.3", "2 1 / 3" },
	{ "10 a,10 b", "192.0.2.1 2001:db8::2", "2001:db8::3", "2 1 3" },
	{ "10 a,20 b", "192.0.2.1 192.0.2.2 2001:db8::3 2001:db8::4",
	    "", "3 1 4 2" },
	{ "10 a,20 b", "2001:db8::1 2001:db8::2 2001:db8::3 192.0.2.4", "",
	    "1 4 2 3" },
	{ "10 a,20 b", "192.0.2.1 192.0.2.2", "192.0.2.3 2001:db8::4",
	    "1 2 / 4 3" },
};

static void
order_text(const struct targets *t, char *out, size_t size)
{
	uint32_t	i;
	const uint8_t	*b;
	size_t		used;

	*out = '\0';
	for (i = 0; t != NULL && i < t->count; i++) {
		b = t->target[i].address.bytes;
		used = strlen(out);
		snprintf(out + used, size - used, "%s%s%u", i == 0 ? "" : " ",
		    i > 0 && t->target[i].preference !=
		    t->target[i - 1].preference ? "/ " : "",
		    (unsigned int)b[t->target[i].address.family == 4 ? 3 :
		    15]);
	}
}

static void
check_order(size_t i)
{
	struct route	*r = make("", "example.net", 0);
	struct targets	*t;
	char		 text[128];

	(void)route_targets(r);
	answer_mx(0, RESOLVE_OK, orders[i].mx);
	answer_host(1, RESOLVE_OK, orders[i].a);
	answer_host(2, RESOLVE_OK, orders[i].b);
	t = route_targets(r);
	order_text(t, text, sizeof(text));
	tap_ok(strcmp(text, orders[i].want) == 0, "order %s: %s",
	    orders[i].want, text);
	targets_unref(t);
	route_free(r);
}

/* What worked is known over the next question, not over a failure. */
static void
check_memory(void)
{
	struct route	*r = make("", "example.net", 0);
	struct targets	*t = NULL;
	int		 i;

	for (i = 0; i < 4; i++) {
		nasked = 0;
		(void)route_targets(r);
		answer_mx(0, RESOLVE_OK, "10 a.example");
		answer_host(1, RESOLVE_OK, i == 0 ?
		    "192.0.2.1 2001:db8::2 192.0.2.3" : i == 1 ?
		    "192.0.2.3 2001:db8::4 192.0.2.5" : "192.0.2.9");
		t = route_targets(r);
		if (i == 0) {
			t->first = 2;		/* 192.0.2.3 */
			t->first_until_ms = now_ms + 300000;
		} else if (i == 1)
			tap_ok(t->first == 1 && t->first_until_ms > now_ms,
			    "what worked is known with new addresses");
		else
			tap_ok(t->first == 0 && t->first_until_ms == 0,
			    "but not if it is not among them");
		targets_unref(t);
		now_ms += 61000;
	}
	nasked = 0;
	(void)route_targets(r);
	answer_mx(0, RESOLVE_OK, "10 a.example");
	answer_host(1, RESOLVE_OK, "192.0.2.1 192.0.2.2");
	t = route_targets(r);
	t->first = 1;
	t->first_until_ms = now_ms + 300000;
	targets_unref(t);
	route_expire(r);
	nasked = 0;
	(void)route_targets(r);
	answer_mx(0, RESOLVE_OK, "10 a.example");
	answer_host(1, RESOLVE_OK, "192.0.2.1 192.0.2.2");
	t = route_targets(r);
	tap_ok(t->first == 0, "nor when all had failed");
	targets_unref(t);
	route_free(r);
}

/* Whose word the names of the hosts are. */
static const struct {
	const char	*name, *host, *domain;
	uint32_t	 mx_is_proved, status;
	int		 want;
} words[] = {
	{ "a configured host", "smarthost.example", "", 0, RESOLVE_OK, 1 },
	{ "a literal", "", "[192.0.2.1]", 0, RESOLVE_OK, 1 },
	{ "an exchanger", "", "example.net", 0, RESOLVE_OK, 0 },
	{ "an exchanger by DNSSEC", "", "example.net", 1, RESOLVE_OK, 1 },
	{ "the domain itself", "", "example.net", 0, RESOLVE_NONE, 1 },
};

static void
check_words(size_t i)
{
	struct route	*r = make(words[i].host, words[i].domain, 0);
	struct targets	*t = route_targets(r);

	is_proved = words[i].mx_is_proved;
	if (nasked > 0 && asked_type[0] == MSG_RELAY_RESOLVER_MX)
		answer_mx(0, words[i].status, words[i].status == RESOLVE_OK ?
		    "10 a.example" : "");
	/* that of the address does not matter */
	is_proved = 0;
	if (nasked > 0)
		answer_host(nasked - 1, RESOLVE_OK, "192.0.2.1");
	if (t == NULL)
		t = route_targets(r);
	tap_ok(t != NULL && t->has_true_names == words[i].want,
	    "the name of %s", words[i].name);
	is_proved = 1;
	targets_unref(t);
	route_free(r);
}

/* Targets live as long as somebody counts them, answers as long as a TTL. */
static void
check_time(void)
{
	struct route	*r = make("", "example.net", 0);
	struct targets	*t, *old;

	(void)route_targets(r);
	tap_ok(route_targets(r) == NULL && nasked == 1,
	    "a question is asked once");
	answer_mx(0, RESOLVE_OK, "10 a.example");
	answer_host(1, RESOLVE_OK, "192.0.2.1");
	old = route_targets(r);
	tap_ok(old != NULL && old->is_secure, "secure");
	now_ms += 59000;
	t = route_targets(r);
	tap_ok(t == old && nasked == 2, "kept for its time");
	targets_unref(t);
	now_ms += 2000;
	tap_ok(route_targets(r) == NULL && nasked == 3, "and then asked anew");
	tap_ok(old->count == 1, "a connection has its own still");
	got[0] = '\0';
	answer_host(0, RESOLVE_OK, "192.0.2.1");
	answer_mx(1, RESOLVE_OK, "10 a.example");
	answer_mx(0, RESOLVE_OK, "10 a.example");
	answer_host(2, RESOLVE_OK, "192.0.2.1");
	tap_ok(got[0] == '\0' && nasked == 3,
	    "old answers, and those of the wrong kind, are ignored");
	now_ms += 61000;
	route_tick(r, now_ms);
	tap_ok(strcmp(got, "later 4.4.3") == 0, "a question has an end");
	targets_unref(old);
	(void)route_targets(r);
	got[0] = '\0';
	end.down((struct link *)(void *)&end, NULL);
	tap_ok(strcmp(got, "later 4.4.3") == 0, "the resolver is gone");
	got[0] = '\0';
	(void)route_targets(r);
	tap_ok(strcmp(got, "later 4.4.3") == 0, "and not there");
	route_free(r);
}

int
main(void)
{
	size_t	i;

	route_resolver_link(1, -1);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		check_answer(i);
	for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
		check_literal(i);
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		check_order(i);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		check_words(i);
	check_memory();
	check_time();
	return tap_done();
}
