/*
 * Destinations, one for each action with a host and one for each domain of
 * the others: hands waiting deliveries to the connections that slot.c makes,
 * at the pace of the action.  When nothing can be reached, everything that
 * waits fails at once (the queue knows when to try again) and so does what
 * comes in the next seconds.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include <sys/time.h>

#include <ctype.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "mail/domain.h"

#include "client.h"
#include "conf.h"
#include "delivery.h"
#include "destination.h"
#include "destination_impl.h"
#include "route.h"

#define FORGET_MS	600000	/* without deliveries */
#define FAIL_MS		5000	/* a failed destination is not asked again */

RB_HEAD(destination_tree, destination);

static struct destination_tree tree = RB_INITIALIZER(&tree);
static LIST_HEAD(, destination) destinations =
    LIST_HEAD_INITIALIZER(destinations);
static TAILQ_HEAD(, destination) dirty = TAILQ_HEAD_INITIALIZER(dirty);
static uint64_t nwaiting_all;
static struct event tick;

static int
destination_compare(struct destination *a, struct destination *b)
{
	int r = strcmp(a->name, b->name);

	return r != 0 ? r : strcmp(a->domain, b->domain);
}
RB_PROTOTYPE(destination_tree, destination, tree, destination_compare)
RB_GENERATE(destination_tree, destination, tree, destination_compare)

void
destination_mark(struct destination *dest)
{
	if (dest->is_dirty)
		return;
	dest->is_dirty = 1;
	TAILQ_INSERT_TAIL(&dirty, dest, dirty);
}

void
destination_mark_first(struct destination *dest)
{
	if (dest->is_dirty)
		TAILQ_REMOVE(&dirty, dest, dirty);
	dest->is_dirty = 1;
	TAILQ_INSERT_HEAD(&dirty, dest, dirty);
}

struct destination *
destination_each(struct destination *dest)
{
	return dest == NULL ? LIST_FIRST(&destinations) :
	    LIST_NEXT(dest, entry);
}

/* A new configuration, or a new destination. */
static void
destination_configure(struct destination *dest)
{
	action_release(dest->action);
	dest->action = action_get(dest->name);
	route_free(dest->route);
	dest->route = NULL;
	dest->fail_until_ms = dest->connect_after_ms = 0;
	/* A smarthost was chosen to take our mail; others are strangers. */
	dest->limit = dest->domain[0] == '\0' ? slot_limit_max(dest) :
	    CLIENTS_FIRST;
	if (dest->limit > slot_limit_max(dest))
		dest->limit = slot_limit_max(dest);
}

static struct destination *
destination_get(const char *name, const char *domain)
{
	struct destination *dest, wanted;

	strlcpy(wanted.name, name, sizeof(wanted.name));
	strlcpy(wanted.domain, domain, sizeof(wanted.domain));
	if ((dest = RB_FIND(destination_tree, &tree, &wanted)) != NULL)
		return dest;
	if ((dest = calloc(1, sizeof(*dest))) == NULL)
		return NULL;
	TAILQ_INIT(&dest->waiting);
	strlcpy(dest->name, name, sizeof(dest->name));
	strlcpy(dest->domain, domain, sizeof(dest->domain));
	destination_configure(dest);
	RB_INSERT(destination_tree, &tree, dest);
	LIST_INSERT_HEAD(&destinations, dest, entry);
	return dest;
}

/* One for each domain: those that nobody needs go. */
static void
destination_free(struct destination *dest)
{
	slot_forget(dest);
	RB_REMOVE(destination_tree, &tree, dest);
	LIST_REMOVE(dest, entry);
	if (dest->is_dirty)
		TAILQ_REMOVE(&dirty, dest, dirty);
	action_release(dest->action);
	route_free(dest->route);
	free(dest);
}

static const char *
remote(const struct destination *dest)
{
	return dest->domain[0] != '\0' ? dest->domain :
	    dest->action == NULL ? "" : dest->action->conf.host;
}

static void
delivery_fail(struct delivery *d, const struct destination *dest)
{
	delivery_result_rest(d, dest->fail_class, dest->fail_status,
	    remote(dest), dest->fail_text);
	delivery_done(d);
}

/* Nobody can be reached there.  A status 5.x.x is for good. */
void
destination_fail(struct destination *dest, const char *status,
    const char *text)
{
	struct delivery *d;

	dest->fail_class = status[0] == '5' ? AGENT_PERMFAIL : AGENT_TEMPFAIL;
	strlcpy(dest->fail_status, status[0] == '4' || status[0] == '5' ?
	    status : "4.4.1", sizeof(dest->fail_status));
	strlcpy(dest->fail_text, text, sizeof(dest->fail_text));
	dest->fail_until_ms = proc_now_ms() + FAIL_MS;
	if (dest->route != NULL)
		route_expire(dest->route);
	if (dest->nwaiting > 0)
		log_info("event=unreachable action=%s destination=%s "
		    "deliveries=%u status=%s text=\"%s\"",
		    log_vis(dest->name), log_vis(remote(dest)), dest->nwaiting,
		    dest->fail_status, log_text(text));
	while ((d = destination_take(dest)) != NULL)
		delivery_fail(d, dest);
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
	destination_mark(dest);
}

static void
waiting_remove(struct destination *dest, struct delivery *d)
{
	TAILQ_REMOVE(&dest->waiting, d, waiting);
	d->is_waiting = 0;
	dest->nwaiting--;
	nwaiting_all--;
}

static void
refuse(struct delivery *d, int class, const char *status, const char *text)
{
	delivery_result_rest(d, class, status, "", text);
	delivery_done(d);
}

/* All forms of a domain are one destination.  -1: refused. */
static int
domain_of(struct delivery *d, char *out, size_t outsize)
{
	/* The queue puts recipients of one domain together. */
	const char *domain = address_domain(d->rcpt[0].recipient);

	switch (domain_to_ascii(domain == NULL ? "" : domain, out, outsize)) {
	case 0:
		for (; *out != '\0'; out++)
			*out = (char)tolower((unsigned char)*out);
		return 0;
	case DOMAIN_NO_MEMORY:
		refuse(d, AGENT_TEMPFAIL, "4.3.0", "out of memory");
		return -1;
	default:
		refuse(d, AGENT_PERMFAIL, "5.1.2",
		    "the domain is no internationalized domain name");
		return -1;
	}
}

void
destination_add(struct delivery *d)
{
	struct destination *dest;
	struct action *action = action_get(d->action);
	char domain[HOSTNAME_SIZE] = "";
	int has_host;

	if (action == NULL) {
		refuse(d, AGENT_TEMPFAIL, "4.3.5", "action is not configured");
		return;
	}
	has_host = action->conf.host[0] != '\0';
	action_release(action);
	if (!has_host && domain_of(d, domain, sizeof(domain)) == -1)
		return;
	if ((dest = destination_get(d->action, domain)) == NULL) {
		refuse(d, AGENT_TEMPFAIL, "4.3.0", "out of memory");
		return;
	}
	dest->used_ms = proc_now_ms();
	if (dest->fail_until_ms > dest->used_ms && slot_ready_count(dest) == 0) {
		delivery_fail(d, dest);
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

/* Whether the pace lets another message go. */
static int
pace_allows(struct destination *dest)
{
	const uint32_t pace = dest->action == NULL ? 0 :
	    dest->action->conf.pace;
	/* Evenly, not in bursts; but the clock ticks once a second. */
	const double most = pace > 60 ? pace / 60.0 : 1;
	uint64_t now = proc_now_ms();

	if (pace == 0)
		return 1;
	dest->tokens += (double)(now - dest->tokens_ms) * pace / 60000;
	dest->tokens_ms = now;
	if (dest->tokens > most)
		dest->tokens = most;
	if (dest->tokens < 1)
		return 0;
	dest->tokens -= 1;
	return 1;
}

struct delivery *
destination_next(struct destination *dest)
{
	if (dest->nwaiting == 0 || !pace_allows(dest))
		return NULL;
	return destination_take(dest);
}

/* Give what waits to clients that have this kind of room. */
static void
hand_out(struct destination *dest, int room)
{
	struct delivery *d;
	unsigned int i;

	for (i = 0; i < CLIENTS_MAX; i++)
		/* one that it cannot carry leaves it as it was */
		while (dest->client[i] != NULL &&
		    client_has_room(dest->client[i]) == room) {
			if ((d = destination_next(dest)) == NULL)
				return;
			client_give(dest->client[i], d);
		}
}

static void
dispatch(struct destination *dest)
{
	hand_out(dest, 1);
	if (!destination_is_wanted(dest))
		hand_out(dest, 2);
	/* What waits for its time does so without connections. */
	if (dest->action != NULL && dest->action->conf.pace > 0 &&
	    slot_ready_count(dest) > 0)
		return;
	slots_fill(dest);
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
on_tick(int fd, short what, void *arg)
{
	struct timeval second = { 1, 0 };
	struct destination *dest, *next;
	uint64_t now = proc_now_ms();
	unsigned int i;

	(void)fd;
	(void)what;
	(void)arg;
	evtimer_add(&tick, &second);
	LIST_FOREACH_SAFE(dest, &destinations, entry, next) {
		for (i = 0; i < CLIENTS_MAX; i++)
			if (dest->client[i] != NULL)
				client_tick(dest->client[i], now);
		if (dest->route != NULL)
			route_tick(dest->route, now);
		if (dest->nwaiting > 0)
			destination_mark(dest);
		else if (dest->nclients == 0 && now - dest->used_ms > FORGET_MS)
			destination_free(dest);
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
		destination_configure(dest);
		clients_retire(dest);
		destination_mark(dest);
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

uint64_t
destination_count_waiting(void)
{
	return nwaiting_all;
}
