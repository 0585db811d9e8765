/*
 * Destinations, one for each action with a host and one for each domain of
 * the others: hands waiting deliveries to connections and makes them, within
 * a limit that grows while the destination takes them and falls when it does
 * not, and at its pace.  When nothing can be reached, everything that waits
 * fails at once (the queue knows when to try again) and so does what comes
 * in the next seconds.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include <sys/time.h>

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
#include "route.h"

#define CLIENTS_MAX	64	/* of one destination */
#define CLIENTS_DEFAULT	8
#define CLIENTS_FIRST	2	/* of a domain not met before */
#define CLIENTS_ALL_MAX	250
#define FORGET_MS	600000	/* without deliveries */
#define FAIL_MS		5000	/* a failed destination is not asked again */
#define PAUSE_MS	10000	/* between attempts to have one more */
#define TLS_BROKEN_MS	600000

struct destination {
	RB_ENTRY(destination)	 tree;
	LIST_ENTRY(destination)	 entry;
	TAILQ_ENTRY(destination) dirty;
	TAILQ_HEAD(, delivery)	 waiting;
	struct action		*action;	/* NULL: not configured */
	struct route		*route;
	struct client		*client[CLIENTS_MAX];
	unsigned int		 nclients, nwaiting;
	unsigned int		 limit;		/* connections for now */
	double			 tokens;	/* of the pace: messages */
	uint64_t		 tokens_ms;
	int			 is_dirty;
	uint64_t		 connect_after_ms;
	uint64_t		 fail_until_ms, tls_broken_until_ms;
	uint64_t		 used_ms;
	int			 fail_class;
	char			 fail_status[12];
	char			 fail_text[TEXT_SIZE];
	char			 name[NAME_SIZE];	/* of the action */
	char			 domain[HOSTNAME_SIZE];	/* in A-labels; "": action's
						 * host */
};

RB_HEAD(destination_tree, destination);

static struct destination_tree tree = RB_INITIALIZER(&tree);
static LIST_HEAD(, destination) destinations =
    LIST_HEAD_INITIALIZER(destinations);
static TAILQ_HEAD(, destination) dirty = TAILQ_HEAD_INITIALIZER(dirty);
static uint64_t nclients_all, nwaiting_all;
static struct event tick;

static int
destination_compare(struct destination *a, struct destination *b)
{
	int r = strcmp(a->name, b->name);

	return r != 0 ? r : strcmp(a->domain, b->domain);
}
RB_PROTOTYPE(destination_tree, destination, tree, destination_compare)
RB_GENERATE(destination_tree, destination, tree, destination_compare)

static void
mark(struct destination *dest)
{
	if (dest->is_dirty)
		return;
	dest->is_dirty = 1;
	TAILQ_INSERT_TAIL(&dirty, dest, dirty);
}

/* More connections than this never: what the action says, or 8. */
static unsigned int
limit_max(const struct destination *dest)
{
	unsigned int n = dest->action == NULL ? 0 :
	    dest->action->conf.connections;

	return n == 0 ? CLIENTS_DEFAULT : n > CLIENTS_MAX ? CLIENTS_MAX : n;
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
	dest->tls_broken_until_ms = 0;
	/* A smarthost was chosen to take our mail; others are strangers. */
	dest->limit = dest->domain[0] == '\0' ? limit_max(dest) :
	    CLIENTS_FIRST;
	if (dest->limit > limit_max(dest))
		dest->limit = limit_max(dest);
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
	RB_REMOVE(destination_tree, &tree, dest);
	LIST_REMOVE(dest, entry);
	if (dest->is_dirty)
		TAILQ_REMOVE(&dirty, dest, dirty);
	action_release(dest->action);
	route_free(dest->route);
	free(dest);
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
	return socket_count(dest) < limit_max(dest);
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
static void
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

static void
refuse(struct delivery *d, int class, const char *status, const char *text)
{
	delivery_result_rest(d, class, status, "", text);
	delivery_done(d);
}

/* Both forms of a domain are one destination.  -1: refused. */
static int
domain_of(struct delivery *d, char *out, size_t outsize)
{
	/* The queue puts recipients of one domain together. */
	const char *domain = address_domain(d->rcpt[0].recipient);

	switch (domain_to_ascii(domain == NULL ? "" : domain, out, outsize)) {
	case 0:
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
	if (dest->fail_until_ms > dest->used_ms && ready_count(dest) == 0) {
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

void
destination_client_ready(struct destination *dest, struct client *client)
{
	(void)client;
	dest->fail_until_ms = 0;
	mark(dest);
	/* It takes another one: it may take one more. */
	if (dest->nwaiting > 0 && dest->limit < limit_max(dest))
		dest->limit++;
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
	dest->limit = dest->limit > 1 ? dest->limit / 2 : 1;
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
}

static void
on_route_done(void *arg, const struct route_why *why)
{
	struct destination *dest = arg;

	if (why == NULL)
		mark(dest);
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
	    dest->nclients >= limit_max(dest) / 2 && ready_count(dest) == 0;
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
	client = client_new(dest, dest->action, dest->domain, targets,
	    dest->tls_broken_until_ms > proc_now_ms());
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
		if (dest->client[i] != NULL &&
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
	hand_out(dest, 2);
	/* What waits for its time does so without connections. */
	if (dest->action != NULL && dest->action->conf.pace > 0 &&
	    ready_count(dest) > 0)
		return;
	/* As many more connections as there are deliveries without one. */
	while (dest->nwaiting > dest->nclients - ready_count(dest) &&
	    dest->nclients < dest->limit && destination_has_room(dest) &&
	    nclients_all < CLIENTS_ALL_MAX &&
	    dest->action != NULL && dest->connect_after_ms <= proc_now_ms())
		if (client_start(dest) == -1)
			break;
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
			mark(dest);
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
