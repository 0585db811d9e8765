/*
 * Destinations, one for each action: hands waiting deliveries to up to eight
 * connections, makes them, asks the resolver for addresses.  When nothing
 * can be reached, everything that waits fails at once (the queue knows when
 * to try again) and so does what comes in the next seconds.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/relay_resolver.h"

#include "client.h"
#include "conf.h"
#include "delivery.h"
#include "destination.h"

#define CLIENTS_MAX	8
#define FAIL_MS		5000	/* a failed destination is not asked again */
#define PAUSE_MS	10000	/* between attempts to have one more */
#define TLS_BROKEN_MS	600000
#define RESOLVE_MS	60000
#define TTL_MIN_S	30
#define TTL_MAX_S	3600

struct destination {
	LIST_ENTRY(destination)	 entry;
	TAILQ_ENTRY(destination) dirty;
	TAILQ_HEAD(, delivery)	 waiting;
	struct action		*action;	/* NULL: not configured */
	struct client		*client[CLIENTS_MAX];
	unsigned int		 nclients, nwaiting;
	int			 is_dirty, is_tls_retry;
	struct host_address	 address[RESOLVE_MAX];
	uint32_t		 naddress;
	uint64_t		 address_until_ms;
	uint64_t		 request;	/* to the resolver, 0: none */
	uint64_t		 request_until_ms;
	uint64_t		 connect_after_ms;
	uint64_t		 fail_until_ms, tls_broken_until_ms;
	char			 fail_status[12];
	char			 fail_text[256];
	char			 name[NAME_SIZE];
};

static LIST_HEAD(, destination) destinations =
    LIST_HEAD_INITIALIZER(destinations);
static TAILQ_HEAD(, destination) dirty = TAILQ_HEAD_INITIALIZER(dirty);
static struct link *resolver;
static uint64_t request_last, nclients_all, nwaiting_all;
static struct event tick;

static void
mark(struct destination *dest)
{
	if (dest->is_dirty)
		return;
	dest->is_dirty = 1;
	TAILQ_INSERT_TAIL(&dirty, dest, dirty);
}

static struct destination *
destination_get(const char *name)
{
	struct destination *dest;

	LIST_FOREACH(dest, &destinations, entry)
		if (strcmp(dest->name, name) == 0)
			return dest;
	if ((dest = calloc(1, sizeof(*dest))) == NULL)
		return NULL;
	TAILQ_INIT(&dest->waiting);
	strlcpy(dest->name, name, sizeof(dest->name));
	dest->action = action_get(name);
	LIST_INSERT_HEAD(&destinations, dest, entry);
	return dest;
}

static unsigned int
ready_count(const struct destination *dest)
{
	unsigned int i, n = 0;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] != NULL && client_is_ready(dest->client[i]))
			n++;
	return n;
}

static void
delivery_fail(struct delivery *d, const char *status, const char *remote,
    const char *text)
{
	delivery_result_rest(d, AGENT_TEMPFAIL, status, remote, text);
	delivery_done(d);
}

static const char *
remote(const struct destination *dest)
{
	return dest->action == NULL ? "" : dest->action->conf.host;
}

/* Nobody can be reached there. */
static void
destination_fail(struct destination *dest, const char *status,
    const char *text)
{
	struct delivery *d;

	strlcpy(dest->fail_status, status[0] == '4' ? status : "4.4.1",
	    sizeof(dest->fail_status));
	strlcpy(dest->fail_text, text, sizeof(dest->fail_text));
	dest->fail_until_ms = proc_now_ms() + FAIL_MS;
	dest->address_until_ms = 0;
	if (dest->nwaiting > 0)
		log_info("action %s: %u deliveries put off: %s",
		    log_vis(dest->name), dest->nwaiting, log_vis(text));
	while ((d = destination_take(dest)) != NULL)
		delivery_fail(d, dest->fail_status, remote(dest),
		    dest->fail_text);
}

static void
waiting_insert(struct destination *dest, struct delivery *d, int first)
{
	d->destination = dest;
	if (first)
		TAILQ_INSERT_HEAD(&dest->waiting, d, waiting);
	else
		TAILQ_INSERT_TAIL(&dest->waiting, d, waiting);
	d->is_waiting = 1;
	dest->nwaiting++;
	nwaiting_all++;
	mark(dest);
}

static void
waiting_remove(struct destination *dest, struct delivery *d)
{
	TAILQ_REMOVE(&dest->waiting, d, waiting);
	d->is_waiting = 0;
	dest->nwaiting--;
	nwaiting_all--;
}

void
destination_add(struct delivery *d)
{
	struct destination *dest = destination_get(d->action);

	if (dest == NULL || dest->action == NULL) {
		delivery_fail(d, "4.3.5", "", dest == NULL ? "out of memory" :
		    "action is not configured");
		return;
	}
	if (dest->fail_until_ms > proc_now_ms() && ready_count(dest) == 0) {
		delivery_fail(d, dest->fail_status, remote(dest),
		    dest->fail_text);
		return;
	}
	waiting_insert(dest, d, 0);
}

void
destination_return(struct delivery *d)
{
	waiting_insert(d->destination, d, 1);
}

void
destination_forget(struct delivery *d)
{
	waiting_remove(d->destination, d);
}

struct delivery *
destination_take(struct destination *dest)
{
	struct delivery *d = TAILQ_FIRST(&dest->waiting);

	if (d != NULL)
		waiting_remove(dest, d);
	return d;
}

void
destination_client_ready(struct destination *dest, struct client *client)
{
	(void)client;
	dest->fail_until_ms = 0;
}

void
destination_client_gone(struct destination *dest, struct client *client,
    int was_ready, const char *status, const char *why)
{
	uint64_t now = proc_now_ms();
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] == client) {
			dest->client[i] = NULL;
			dest->nclients--;
			nclients_all--;
		}
	mark(dest);
	if (proc_is_stopping() && !destination_is_busy())
		proc_exit(0);
	if (why == NULL || was_ready)
		return;
	if (dest->is_tls_retry) {
		dest->is_tls_retry = 0;
		return;
	}
	/* A server may allow fewer connections than we would like. */
	if (dest->nclients > 0)
		dest->connect_after_ms = now + PAUSE_MS;
	else
		destination_fail(dest, status, why);
}

void
destination_tls_broken(struct destination *dest)
{
	dest->tls_broken_until_ms = proc_now_ms() + TLS_BROKEN_MS;
	dest->is_tls_retry = 1;
}

static int
numeric_address(const char *s, struct host_address *out)
{
	memset(out, 0, sizeof(*out));
	out->family = 4;
	if (inet_pton(AF_INET, s, out->bytes) == 1)
		return 1;
	out->family = 6;
	return inet_pton(AF_INET6, s, out->bytes) == 1;
}

/* 1: addresses are there; 0: they will come, or it failed. */
static int
addresses_get(struct destination *dest)
{
	struct relay_resolver_host msg;
	uint64_t now = proc_now_ms();

	if (dest->naddress > 0 && dest->address_until_ms > now)
		return 1;
	if (numeric_address(dest->action->conf.host, &dest->address[0])) {
		dest->naddress = 1;
		dest->address_until_ms = UINT64_MAX;
		return 1;
	}
	if (dest->request != 0)
		return 0;
	memset(&msg, 0, sizeof(msg));
	msg.request = ++request_last;
	strlcpy(msg.name, dest->action->conf.host, sizeof(msg.name));
	if (link_send(resolver, MSG_RELAY_RESOLVER_HOST, &msg,
	    sizeof(msg)) == -1) {
		destination_fail(dest, "4.4.3", "resolver is not running");
		return 0;
	}
	dest->request = msg.request;
	dest->request_until_ms = now + RESOLVE_MS;
	return 0;
}

static void
client_start(struct destination *dest)
{
	struct client *client;
	unsigned int i;

	client = client_new(dest, dest->action, dest->address, dest->naddress,
	    dest->tls_broken_until_ms > proc_now_ms());
	if (client == NULL) {
		destination_fail(dest, "4.3.0", "out of memory");
		return;
	}
	for (i = 0; dest->client[i] != NULL; i++)
		;
	dest->client[i] = client;
	dest->nclients++;
	nclients_all++;
	client_tick(client, proc_now_ms());
}

/* Give what waits to clients that have this kind of room. */
static void
hand_out(struct destination *dest, int room)
{
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX && dest->nwaiting > 0; i++)
		if (dest->client[i] != NULL &&
		    client_has_room(dest->client[i]) == room)
			client_give(dest->client[i], destination_take(dest));
}

static void
dispatch(struct destination *dest)
{
	hand_out(dest, 1);
	hand_out(dest, 2);
	/* As many more connections as there are deliveries without one. */
	while (dest->nwaiting > dest->nclients - ready_count(dest) &&
	    dest->nclients < CLIENTS_MAX && dest->action != NULL &&
	    dest->connect_after_ms <= proc_now_ms()) {
		if (!addresses_get(dest))
			break;
		client_start(dest);
	}
	if (dest->action == NULL && dest->nclients == 0)
		destination_fail(dest, "4.3.5", "action is not configured");
}

void
destination_turn(void)
{
	struct destination *dest;

	while ((dest = TAILQ_FIRST(&dirty)) != NULL) {
		TAILQ_REMOVE(&dirty, dest, dirty);
		dest->is_dirty = 0;
		if (dest->nwaiting > 0 && !proc_is_stopping())
			dispatch(dest);
	}
}

static void
on_resolver_host_done(struct link *link, struct link_in *in)
{
	const struct resolver_relay_host_done *msg = in->data;
	struct destination *dest;
	uint32_t i, ttl;

	(void)link;
	LIST_FOREACH(dest, &destinations, entry)
		if (dest->request == msg->request)
			break;
	if (dest == NULL || msg->request == 0)
		return;
	dest->request = 0;
	dest->naddress = 0;
	for (i = 0; i < msg->count && i < RESOLVE_MAX; i++)
		if (msg->address[i].family == 4 || msg->address[i].family == 6)
			dest->address[dest->naddress++] = msg->address[i];
	if (msg->status != RESOLVE_OK || dest->naddress == 0) {
		dest->naddress = 0;
		destination_fail(dest, "4.4.3", msg->status == RESOLVE_NONE ?
		    "host has no address" : "host name cannot be resolved now");
		return;
	}
	ttl = msg->ttl_s < TTL_MIN_S ? TTL_MIN_S :
	    msg->ttl_s > TTL_MAX_S ? TTL_MAX_S : msg->ttl_s;
	dest->address_until_ms = proc_now_ms() + 1000ULL * ttl;
	mark(dest);
}

static const struct link_rule resolver_rules[] = {
	{ MSG_RESOLVER_RELAY_HOST_DONE, LINK_STATE_ANY,
	    on_resolver_host_done },
};

/* Questions that are lost are asked again. */
static void
requests_lost(void)
{
	struct destination *dest;

	LIST_FOREACH(dest, &destinations, entry)
		dest->request = 0;
}

static void
on_resolver_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (link != resolver)
		return;
	resolver = NULL;
	requests_lost();
}

void
destination_resolver_link(uint32_t peer_id, int fd)
{
	struct link_end end = {
		.name = "resolver", .rules = resolver_rules, .nrules = 1,
		.down = on_resolver_down, .peer_id = peer_id,
	};

	link_close(resolver);
	requests_lost();
	if ((resolver = link_new(fd, &end)) == NULL) {
		log_warn("link to resolver");
		close(fd);
	}
}

static void
on_tick(int fd, short what, void *arg)
{
	struct timeval second = { 1, 0 };
	struct destination *dest;
	uint64_t now = proc_now_ms();
	unsigned int i;

	(void)fd;
	(void)what;
	(void)arg;
	evtimer_add(&tick, &second);
	LIST_FOREACH(dest, &destinations, entry) {
		for (i = 0; i < CLIENTS_MAX; i++)
			if (dest->client[i] != NULL)
				client_tick(dest->client[i], now);
		if (dest->request != 0 && dest->request_until_ms <= now) {
			dest->request = 0;
			destination_fail(dest, "4.4.3", "resolver: timeout");
		}
		if (dest->nwaiting > 0)
			mark(dest);
	}
}

void
destination_init(void)
{
	struct timeval second = { 1, 0 };

	evtimer_set(&tick, on_tick, NULL);
	evtimer_add(&tick, &second);
}

static void
clients_retire(struct destination *dest)
{
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] != NULL)
			client_retire(dest->client[i]);
}

/* Connections keep the old action and end as soon as they are idle. */
void
destination_conf_changed(void)
{
	struct destination *dest;

	LIST_FOREACH(dest, &destinations, entry) {
		action_release(dest->action);
		dest->action = action_get(dest->name);
		dest->naddress = 0;
		dest->request = 0;
		dest->fail_until_ms = dest->connect_after_ms = 0;
		dest->tls_broken_until_ms = 0;
		clients_retire(dest);
		mark(dest);
	}
}

/* What waits stays the queue's. */
void
destination_stop(void)
{
	struct destination *dest;

	LIST_FOREACH(dest, &destinations, entry) {
		while (destination_take(dest) != NULL)
			;
		clients_retire(dest);
	}
	if (!destination_is_busy())
		proc_exit(0);
}

int
destination_is_busy(void)
{
	return nclients_all > 0;
}

uint64_t
destination_count_clients(void)
{
	return nclients_all;
}

uint64_t
destination_count_waiting(void)
{
	return nwaiting_all;
}
