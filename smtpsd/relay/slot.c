/*
 * Connections of destinations: within a limit that grows while a destination
 * takes them and falls when it does not.  All together have a bound, too: the
 * last of these places are for who has none, idle connections give theirs up
 * to who waits for one, and so does who has several between two messages.
 * State owned: the number of all and who waits for a place, in order.
 */
#include <stdlib.h>

#include "base/proc.h"

#include "client.h"
#include "conf.h"
#include "destination_impl.h"
#include "route.h"

#define CLIENTS_DEFAULT	8
#define CLIENTS_ALL_MAX	250
#define CLIENTS_SHARED	200	/* of these; the others are first ones */
#define PAUSE_MS	10000	/* between attempts to have one more */

static TAILQ_HEAD(, destination) hungry = TAILQ_HEAD_INITIALIZER(hungry);
static unsigned int	nhungry;
static unsigned int	nleaving;	/* of the connections, for these */
static uint64_t		nclients_all;

/* More connections than this never: what the action says, or 8. */
unsigned int
slot_limit_max(const struct destination *dest)
{
	unsigned int n = dest->action == NULL ? 0 :
	    dest->action->conf.connections;

	return n == 0 ? CLIENTS_DEFAULT : n > CLIENTS_MAX ? CLIENTS_MAX : n;
}

unsigned int
slot_ready_count(const struct destination *dest)
{
	unsigned int i, n = 0;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] != NULL && client_is_ready(dest->client[i]))
			n++;
	return n;
}

static unsigned int
socket_count(const struct destination *dest)
{
	unsigned int i, n = 0;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] != NULL)
			n += client_count_sockets(dest->client[i]);
	return n;
}

int
destination_has_room(const struct destination *dest)
{
	return socket_count(dest) < slot_limit_max(dest);
}

void
slot_forget(struct destination *dest)
{
	if (!dest->is_hungry)
		return;
	TAILQ_REMOVE(&hungry, dest, hungry);
	dest->is_hungry = 0;
	nhungry--;
}

/* A place is free: it is the one's who has waited longest. */
static void
slot_offer(void)
{
	struct destination *dest;

	if (nleaving > 0)
		nleaving--;
	while ((dest = TAILQ_FIRST(&hungry)) != NULL) {
		slot_forget(dest);
		if (dest->nwaiting > 0) {
			destination_mark_first(dest);
			return;
		}
	}
}

int
destination_is_wanted(const struct destination *dest)
{
	return nleaving < nhungry && slot_ready_count(dest) > 1;
}

int
destination_gives_up(struct destination *dest)
{
	if (!destination_is_wanted(dest))
		return 0;
	nleaving++;
	return 1;
}

/* A connection of that one which waits for mail; NULL: none. */
static struct client *
idle_client(const struct destination *dest)
{
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] != NULL &&
		    client_has_room(dest->client[i]) == 1)
			return dest->client[i];
	return NULL;
}

/* There is no place: whoever has not been used for the longest goes. */
static void
slot_wait(struct destination *dest)
{
	struct destination *other = NULL, *oldest = NULL;

	if (!dest->is_hungry) {
		TAILQ_INSERT_TAIL(&hungry, dest, hungry);
		dest->is_hungry = 1;
		nhungry++;
	}
	if (nleaving >= nhungry)
		return;
	while ((other = destination_each(other)) != NULL)
		if (other->nclients > 0 && other->nwaiting == 0 &&
		    (oldest == NULL || other->used_ms < oldest->used_ms) &&
		    idle_client(other) != NULL)
			oldest = other;
	if (oldest == NULL)
		return;
	nleaving++;
	client_retire(idle_client(oldest));
}

/* More than one is more than its share while others have none. */
static int
slot_is_free(const struct destination *dest)
{
	return nclients_all < (dest->nclients == 0 ? CLIENTS_ALL_MAX :
	    CLIENTS_SHARED);
}

void
destination_client_ready(struct destination *dest, struct client *client)
{
	(void)client;
	dest->fail_until_ms = 0;
	destination_mark(dest);
	/* It takes another one: it may take one more. */
	if (dest->nwaiting > 0 && dest->limit < slot_limit_max(dest))
		dest->limit++;
}

void
destination_client_gone(struct destination *dest, struct client *client,
    enum client_reach reach, const char *status, const char *why)
{
	uint64_t now = proc_now_ms();
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (dest->client[i] == client) {
			dest->client[i] = NULL;
			dest->nclients--;
			nclients_all--;
		}
	destination_mark(dest);
	slot_offer();
	if (proc_is_stopping() && !destination_is_busy())
		proc_exit(0);
	if (why == NULL || reach == CLIENT_TOOK_MAIL)
		return;
	dest->limit = dest->limit > 1 ? dest->limit / 2 : 1;
	/* Refused behind the greeting: 421 to MAIL may mean too many. */
	if (reach == CLIENT_WAS_READY)
		return;
	/* A server may allow fewer connections than we would like. */
	if (dest->nclients > 0)
		dest->connect_after_ms = now + PAUSE_MS;
	else
		destination_fail(dest, status, why);
}

static void
on_route_done(void *arg, const struct route_why *why)
{
	struct destination *dest = arg;

	if (why == NULL)
		destination_mark(dest);
	else
		destination_fail(dest, why->status, why->text);
}

/* The targets, counted; NULL: they will come, or it failed. */
static struct targets *
destination_targets(struct destination *dest)
{
	struct route_def def = { .host = dest->action->conf.host,
	    .domain = dest->domain, .own_name = conf_hostname(),
	    .allow_loopback = dest->action->conf.allow_loopback != 0,
	    .done = on_route_done, .arg = dest };

	if (dest->route == NULL && (dest->route = route_new(&def)) == NULL) {
		destination_fail(dest, "4.3.0", "out of memory");
		return NULL;
	}
	return route_targets(dest->route);
}

/*
 * Until one has found an address that works, half of the sockets are left for
 * attempts at the others: else they would all wait for one that is silent.
 */
static int
is_too_early(const struct destination *dest, const struct targets *targets)
{
	return targets != NULL && targets->count > 1 && dest->nclients > 0 &&
	    dest->nclients >= slot_limit_max(dest) / 2 && slot_ready_count(dest) == 0;
}

/* -1: not now. */
static int
client_start(struct destination *dest)
{
	struct targets *targets = NULL;
	struct client *client;
	unsigned int i;

	if (!dest->action->conf.is_socket &&
	    (targets = destination_targets(dest)) == NULL)
		return -1;
	if (is_too_early(dest, targets)) {
		targets_unref(targets);
		return -1;
	}
	client = client_new(dest, dest->action, dest->domain, targets);
	targets_unref(targets);
	if (client == NULL) {
		destination_fail(dest, "4.3.0", "out of memory");
		return -1;
	}
	for (i = 0; dest->client[i] != NULL; i++)
		;
	dest->client[i] = client;
	dest->nclients++;
	nclients_all++;
	client_tick(client, proc_now_ms());
	return 0;
}

/* As many more connections as there are deliveries without one. */
void
slots_fill(struct destination *dest)
{
	while (dest->nwaiting > dest->nclients - slot_ready_count(dest) &&
	    dest->nclients < dest->limit && destination_has_room(dest) &&
	    dest->action != NULL && dest->connect_after_ms <= proc_now_ms()) {
		if (!slot_is_free(dest)) {
			if (dest->nclients == 0)
				slot_wait(dest);
			return;
		}
		if (client_start(dest) == -1)
			return;
	}
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
