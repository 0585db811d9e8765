/*
 * Destinations: how many connections there are, how that grows and falls,
 * the pace, and what becomes of deliveries when nobody can be reached.
 * Connections, routes, actions and the clock are replaced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "base/tap.h"

#include "client.h"
#include "conf.h"
#include "delivery.h"
#include "destination.h"
#include "route.h"

#define CLIENTS		512
#define DELIVERIES	2000

struct client {
	struct destination	*destination;
	struct delivery		*delivery;	/* being sent */
	int			 is_ready;
	int			 is_retired;
	unsigned int		 nsockets;
};

static struct client		*all[CLIENTS];	/* those that stand */
static unsigned int		 nall, nmade, ngiven, nretired;
static struct delivery		 deliveries[DELIVERIES];
static struct rcpt		 rcpts[DELIVERIES];
static unsigned int		 ndeliveries, ndone;
static int			 last_class;
static char			 last_status[16];
static uint64_t			 now_ms = 100000;
static struct action		 actions[] = {
	{ .conf = { .name = "mx", .is_socket = 1 } },
	{ .conf = { .name = "mx20", .is_socket = 1, .connections = 20 } },
	{ .conf = { .name = "mx1", .is_socket = 1, .connections = 1 } },
	{ .conf = { .name = "mx999", .is_socket = 1, .connections = 999 } },
	{ .conf = { .name = "host", .is_socket = 1, .host = "h" } },
	{ .conf = { .name = "tcp", .host = "h" } },
	{ .conf = { .name = "tcp1", .host = "h", .connections = 1 } },
	{ .conf = { .name = "slow", .is_socket = 1, .pace = 60 } },
	{ .conf = { .name = "fast", .is_socket = 1, .pace = 600 } },
};

static struct targets		 targets = { .refs = 1, .count = 2 };

/* --- what is replaced --- */

uint64_t
proc_now_ms(void)
{
	return now_ms;
}

int
proc_is_stopping(void)
{
	return 0;
}

void
proc_exit(int status)
{
	exit(status);
}

struct action *
action_get(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].conf.name, name) == 0)
			return &actions[i];
	return NULL;
}

void
action_release(struct action *action)
{
	(void)action;
}

const char *
conf_hostname(void)
{
	return "here.example";
}

struct route *
route_new(const struct route_def *def)
{
	(void)def;
	return (struct route *)(void *)&targets;
}

void
route_free(struct route *route)
{
	(void)route;
}

struct targets *
route_targets(struct route *route)
{
	(void)route;
	targets.refs++;
	return &targets;
}

void
targets_unref(struct targets *t)
{
	if (t != NULL)
		t->refs--;
}

void
route_expire(struct route *route)
{
	(void)route;
}

void
route_tick(struct route *route, uint64_t ms)
{
	(void)route;
	(void)ms;
}

struct client *
client_new(struct destination *destination, struct action *action,
    const char *domain, struct targets *t, int without_tls)
{
	struct client *client = calloc(1, sizeof(*client));

	(void)action;
	(void)domain;
	(void)t;
	(void)without_tls;
	client->destination = destination;
	client->nsockets = 1;
	all[nall++] = client;
	nmade++;
	return client;
}

int
client_is_ready(const struct client *client)
{
	return client->is_ready && !client->is_retired;
}

int
client_has_room(const struct client *client)
{
	return client_is_ready(client) && client->delivery == NULL;
}

void
client_give(struct client *client, struct delivery *d)
{
	client->delivery = d;
	d->client = client;
	ngiven++;
}

void
client_retire(struct client *client)
{
	client->is_retired = 1;
	nretired++;
}

unsigned int
client_count_sockets(const struct client *client)
{
	return client->nsockets;
}

void
client_tick(struct client *client, uint64_t ms)
{
	(void)client;
	(void)ms;
}

void
delivery_result_rest(struct delivery *d, int class, const char *status,
    const char *remote, const char *text)
{
	(void)d;
	(void)remote;
	(void)text;
	last_class = class;
	strlcpy(last_status, status, sizeof(last_status));
}

void
delivery_done(struct delivery *d)
{
	(void)d;
	ndone++;
}

/* --- what happens --- */

/* So many deliveries to a domain. */
static void
add(const char *action, const char *domain, unsigned int n)
{
	struct delivery *d;

	for (; n > 0; n--) {
		d = &deliveries[ndeliveries];
		d->rcpt = &rcpts[ndeliveries++];
		strlcpy(d->action, action, sizeof(d->action));
		snprintf(d->rcpt->recipient, sizeof(d->rcpt->recipient),
		    "u@%s", domain);
		destination_add(d);
	}
	destination_turn();
}

/* All connections that are not ready become so. */
static void
all_ready(void)
{
	unsigned int i, n = nall;

	for (i = 0; i < n; i++)
		if (!all[i]->is_ready) {
			all[i]->is_ready = 1;
			destination_client_ready(all[i]->destination, all[i]);
		}
}

/* The one that was made last, or first, ends. */
static void
end(unsigned int i, const char *status, const char *why)
{
	struct client *client = all[i];

	memmove(all + i, all + i + 1, (--nall - i) * sizeof(all[0]));
	destination_client_gone(client->destination, client, client->is_ready,
	    status, why);
	free(client);
	destination_turn();
}

/* Everything that is being sent is over, connections stay. */
static void
all_sent(void)
{
	unsigned int i;

	for (i = 0; i < nall; i++) {
		if (all[i]->delivery != NULL)
			ndone++;
		all[i]->delivery = NULL;
	}
}

/* Nothing waits and no connection stands; the next domain is a new one. */
static void
clear(void)
{
	unsigned int i;

	for (i = 0; i < ndeliveries; i++)
		if (deliveries[i].is_waiting)
			destination_forget(&deliveries[i]);
	while (nall > 0)
		end(nall - 1, "", NULL);
	all_sent();
	memset(deliveries, 0, sizeof(deliveries));
	ndeliveries = nmade = ngiven = nretired = ndone = 0;
	now_ms += 60000;
}

static void
test_grows(void)
{
	add("mx", "grows.example", 40);
	tap_ok(nall == 2, "a domain begins with two: %u", nall);
	add("mx", "grows.example", 1);
	tap_ok(nall == 2, "and no more until they are ready");
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(ngiven == 2 && nall == 4, "two more when both take mail: %u",
	    nall);
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(nall == 6, "two more: %u", nall);
	all_ready();
	add("mx", "grows.example", 1);
	all_ready();
	add("mx", "grows.example", 1);
	tap_ok(nall == 8 && ngiven == 8, "but eight without a word of the "
	    "configuration: %u", nall);
	add("mx", "other.example", 1);
	tap_ok(nall == 9, "another domain has its own, one for one delivery");
	clear();
}

/* Both forms of a name are one destination; what is none fails at once. */
static void
test_idna(void)
{
	add("mx", "m\303\274nchen.example", 1);
	add("mx", "M\303\234nchen.example", 1);
	add("mx", "xn--mnchen-3ya.example", 5);
	tap_ok(nall == 2, "one destination: %u", nall);
	all_ready();
	tap_ok(ndone == 0, "nothing failed");
	last_class = 0;
	add("mx", "\360\237\230\200.example", 1);
	tap_ok(ndone == 1 && last_class == AGENT_PERMFAIL &&
	    strcmp(last_status, "5.1.2") == 0, "no name of IDNA: for good");
	add("host", "\360\237\230\200.example", 1);
	tap_ok(ndone == 1, "a host of the action may know it");
	clear();
}

static void
test_limits(void)
{
	unsigned int i;

	add("mx20", "limits.example", 200);
	for (i = 0; i < 30; i++) {
		all_ready();
		add("mx20", "limits.example", 1);
	}
	tap_ok(nall == 20, "as many as the action says: %u", nall);
	clear();
	add("mx1", "limits.example", 10);
	all_ready();
	add("mx1", "limits.example", 1);
	tap_ok(nall == 1, "even one: %u", nall);
	clear();
	add("mx999", "limits.example", 300);
	for (i = 0; i < 100; i++) {
		all_ready();
		add("mx999", "limits.example", 1);
	}
	tap_ok(nall == 64, "never more than 64: %u", nall);
	clear();
	add("host", "a.example", 40);
	tap_ok(nall == 8, "a host is not a stranger: all at once: %u", nall);
	clear();
	add("host", "a.example", 3);
	tap_ok(nall == 3, "but no more than deliveries: %u", nall);
	clear();
}

static void
test_of_all(void)
{
	char domain[32];
	unsigned int i;

	for (i = 0; i < 200; i++) {
		snprintf(domain, sizeof(domain), "d%u.example", i);
		add("mx", domain, 2);
	}
	tap_ok(nall == 250 && destination_count_clients() == 250,
	    "250 for all destinations: %u", nall);
	clear();
	tap_ok(destination_count_clients() == 0 &&
	    destination_count_waiting() == 0, "none is left, nothing waits");
}

static void
test_falls(void)
{
	unsigned int before, i;

	add("mx", "falls.example", 100);
	all_ready();
	add("mx", "falls.example", 1);
	all_ready();
	add("mx", "falls.example", 1);		/* six may be, and are */
	before = nall;
	end(nall - 1, "4.3.2", "too many connections");
	tap_ok(ndone == 0, "one of several is refused: nothing fails");
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "no other one instead: %u", nall);
	now_ms += 9000;
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "not for ten seconds");
	now_ms += 2000;
	add("mx", "falls.example", 1);
	tap_ok(nall == before - 1, "nor then: half as many may be now");
	/* that they end in order is no reason for less */
	for (i = 0; i < 10; i++)
		end(0, "", NULL);
	tap_ok(before == 6 && nall == 3, "three instead of six: %u", nall);
	clear();
}

static void
test_unreachable(void)
{
	add("mx", "down.example", 50);
	end(0, "4.4.1", "refused");
	tap_ok(ndone == 0 && nall == 1, "one of two is refused: the other "
	    "one decides");
	end(0, "4.4.1", "refused");
	tap_ok(ndone == 50 && last_class == AGENT_TEMPFAIL &&
	    strcmp(last_status, "4.4.1") == 0, "the last: all that waits "
	    "fails at once: %u", ndone);
	add("mx", "down.example", 10);
	tap_ok(ndone == 60 && nall == 0, "and what comes in the next seconds");
	add("mx", "up.example", 1);
	tap_ok(nall == 1, "not what goes elsewhere");
	clear();
	now_ms += 5100;
	add("mx", "down.example", 50);
	tap_ok(nall == 1 && ndone == 0, "then it is asked anew, by one: %u",
	    nall);
	all_ready();
	add("mx", "down.example", 1);
	tap_ok(nall == 2 && ngiven == 1, "which takes mail: it grows again");
	end(1, "4.4.1", "refused");
	tap_ok(nall == 1, "and falls again: %u", nall);
	end(0, "4.4.2", "ended after it was ready");
	tap_ok(ndone == 0, "one that was ready ends: nothing fails");
	clear();

	add("mx", "never.example", 3);
	end(0, "5.7.1", "go away");
	end(0, "5.7.1", "go away");
	tap_ok(ndone == 3 && last_class == AGENT_PERMFAIL, "5.x.x is for good");
	clear();
	add("nobody", "x.example", 1);
	tap_ok(ndone == 1 && last_class == AGENT_TEMPFAIL &&
	    strcmp(last_status, "4.3.5") == 0, "an action that is not there");
	clear();
}

/* Given per step when everything is sent at once. */
static unsigned int
given_after(uint64_t ms, const char *action)
{
	unsigned int before;

	now_ms += ms;
	all_sent();
	before = ngiven;
	add(action, "pace.example", 1);
	return ngiven - before;
}

static void
test_pace(void)
{
	unsigned int i, n = 0;

	add("slow", "pace.example", 100);
	all_ready();
	n = given_after(0, "slow");
	tap_ok(n <= 1, "sixty a minute: one at first: %u", n);
	for (n = 0, i = 0; i < 10; i++)
		n += given_after(50, "slow");
	tap_ok(n == 0, "none in half a second");
	tap_ok(given_after(500, "slow") == 1, "one after a second");
	for (n = 0, i = 0; i < 60; i++)
		n += given_after(500, "slow");
	tap_ok(n == 30, "thirty in half a minute: %u", n);
	tap_ok(given_after(600000, "slow") == 1, "no burst after a pause");
	clear();
	add("fast", "pace.example", 200);
	all_ready();
	for (n = 0, i = 0; i < 100; i++) {
		all_ready();
		n += given_after(100, "fast");
	}
	/* it begins with what one second allows */
	tap_ok(n >= 98 && n <= 112, "six hundred a minute: %u in ten seconds",
	    n);
	clear();
}

static void
test_changed(void)
{
	add("mx", "conf.example", 40);
	all_ready();
	add("mx", "conf.example", 1);
	all_ready();
	destination_conf_changed();
	tap_ok(nretired == nall && nall == 4, "a new configuration: all that "
	    "stand go when they are idle: %u", nretired);
	actions[0].conf.connections = 1;
	destination_conf_changed();
	clear();
	add("mx", "conf.example", 40);
	tap_ok(nall == 1, "and a new limit holds: %u", nall);
	clear();
	actions[0].conf.connections = 0;
}

/* A connection may have several sockets while it tries several addresses. */
static void
test_sockets(void)
{
	unsigned int i;

	add("tcp", "", 40);
	tap_ok(nall == 4, "a host with two addresses: half of eight at first: "
	    "%u", nall);
	tap_ok(destination_has_room(all[0]->destination), "room for more "
	    "attempts");
	for (i = 0; i < 4; i++)
		all[i]->nsockets = 2;
	tap_ok(!destination_has_room(all[0]->destination), "eight sockets: "
	    "no room");
	all[0]->nsockets = 1;
	all[0]->is_ready = 1;
	destination_client_ready(all[0]->destination, all[0]);
	destination_turn();
	tap_ok(nall == 5, "one has one, so there is one more: %u", nall);
	for (i = 0; i < 5; i++)
		all[i]->nsockets = 1;
	add("tcp", "", 1);
	tap_ok(nall == 8, "all of them, when one is ready: %u", nall);
	clear();
	add("tcp1", "", 2);
	tap_ok(nall == 1 && !destination_has_room(all[0]->destination),
	    "one connection is one socket");
	clear();
	targets.count = 1;
	add("tcp", "", 40);
	tap_ok(nall == 8, "a single address is not raced for: %u", nall);
	clear();
	targets.count = 2;
	tap_ok(targets.refs == 1, "each count of the targets was given back");
}

int
main(void)
{
	test_grows();
	test_idna();
	test_limits();
	test_of_all();
	test_falls();
	test_unreachable();
	test_pace();
	test_changed();
	test_sockets();
	return tap_done();
}
