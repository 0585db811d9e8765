/*
 * What destination.c and slot.c call, replaced: connections, routes, actions
 * and the clock; and what may happen to them.  Include it once, in a test's .c
 * file.
 */
#ifndef RELAY_DESTINATION_FAKE_H
#define RELAY_DESTINATION_FAKE_H

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
#define DELIVERIES	4000

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
static unsigned int		 nunfit;	/* of those that come */
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
    const char *domain, struct targets *t)
{
	struct client *client = calloc(1, sizeof(*client));

	(void)action;
	(void)domain;
	(void)t;
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
	ngiven++;
	if (nunfit > 0) {
		nunfit--;
		ndone++;
		return;
	}
	client->delivery = d;
	d->client = client;
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
static inline void
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
static inline void
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
static inline void
end(unsigned int i, const char *status, const char *why)
{
	struct client *client = all[i];

	memmove(all + i, all + i + 1, (--nall - i) * sizeof(all[0]));
	destination_client_gone(client->destination, client,
	    client->delivery != NULL ? CLIENT_TOOK_MAIL : client->is_ready ?
	    CLIENT_WAS_READY : CLIENT_NOT_READY, status, why);
	free(client);
	destination_turn();
}

/* Everything that is being sent is over, connections stay. */
static inline void
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
static inline void
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

#endif
