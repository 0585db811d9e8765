/*
 * The questions of relay processes: hosts(5) first, then an A and an AAAA
 * query by libunbound.  libunbound runs on this process's own event loop
 * (unbound-event.h), so neither threads nor processes are made in the
 * sandbox.  Owns the libunbound context (and its cache), which each new
 * configuration replaces, and the questions in flight.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "proto/boot.h"
#include "proto/relay_resolver.h"

#include "dns.h"
#include "hosts.h"
#include "lookup.h"

#define LOOKUPS_MAX	1000	/* in flight */
#define LOOKUP_S	30
#define HOSTS_TTL_S	60
#define RELAYS_MAX	32
#define CLASS_IN	1

enum { QUERY_A, QUERY_AAAA, QUERIES };

struct lookup {
	TAILQ_ENTRY(lookup)	 entry;
	struct link		*relay;		/* NULL: nobody waits any more */
	uint64_t		 request;
	struct event		 timer;
	unsigned int		 pending;	/* callbacks that will come */
	int			 is_answered;
	int			 status[QUERIES];	/* enum resolve_status */
	struct query		*query[QUERIES];	/* in flight */
	struct dns_addresses	 addresses[QUERIES];
	char			 name[HOSTNAME_SIZE];
};

/* What libunbound hands back; cut off when its lookup is over. */
struct query {
	struct lookup	*lookup;
	int		 which;
};

static TAILQ_HEAD(, lookup) lookups = TAILQ_HEAD_INITIALIZER(lookups);
static unsigned int lookup_count;
static struct ub_ctx *context;
static struct event base_probe;
static struct blob forwarders_new, hosts_new;
static int is_reading[RESOLVER_HOSTS + 1];
static struct link *relays[RELAYS_MAX];

static void
answer_send(struct link *relay, const struct resolver_relay_host_done *done)
{
	link_send(relay, MSG_RESOLVER_RELAY_HOST_DONE, done, sizeof(*done));
}

static void
status_send(struct link *relay, uint64_t request, uint32_t status)
{
	struct resolver_relay_host_done done;

	memset(&done, 0, sizeof(done));
	done.request = request;
	done.status = status;
	answer_send(relay, &done);
}

/* IPv6 and IPv4 in turn: a broken family costs one attempt, not all. */
static void
answer_fill(const struct lookup *l, struct resolver_relay_host_done *done)
{
	const struct dns_addresses *v6 = &l->addresses[QUERY_AAAA];
	const struct dns_addresses *v4 = &l->addresses[QUERY_A];
	struct host_address *address;
	uint32_t i;

	for (i = 0; i < RESOLVE_MAX && done->count < RESOLVE_MAX; i++) {
		if (i < v6->count) {
			address = &done->address[done->count++];
			address->family = 6;
			memcpy(address->bytes, v6->bytes[i], 16);
		}
		if (i < v4->count && done->count < RESOLVE_MAX) {
			address = &done->address[done->count++];
			address->family = 4;
			memcpy(address->bytes, v4->bytes[i], 4);
		}
	}
	done->ttl_s = v6->count > 0 ? v6->ttl_s : v4->ttl_s;
	if (v4->count > 0 && v4->ttl_s < done->ttl_s)
		done->ttl_s = v4->ttl_s;
}

static void
lookup_answer(struct lookup *l)
{
	struct resolver_relay_host_done done;

	if (l->is_answered)
		return;
	l->is_answered = 1;
	evtimer_del(&l->timer);
	if (l->relay == NULL)
		return;
	memset(&done, 0, sizeof(done));
	done.request = l->request;
	answer_fill(l, &done);
	/* One family's failure matters only if the other has nothing. */
	if (done.count > 0)
		done.status = RESOLVE_OK;
	else if (l->status[QUERY_A] == RESOLVE_NONE &&
	    l->status[QUERY_AAAA] == RESOLVE_NONE)
		done.status = RESOLVE_NONE;
	else
		done.status = RESOLVE_LATER;
	log_debug("lookup %s: status %u, %u addresses", log_vis(l->name),
	    done.status, done.count);
	answer_send(l->relay, &done);
	l->relay = NULL;
}

static void
lookup_free_if_done(struct lookup *l)
{
	if (l->pending > 0)
		return;
	evtimer_del(&l->timer);
	TAILQ_REMOVE(&lookups, l, entry);
	lookup_count--;
	free(l);
}

static void
on_unbound(void *arg, int rcode, void *packet, int size, int secure,
    char *why_bogus, int was_ratelimited)
{
	struct query *query = arg;
	struct lookup *l = query->lookup;
	int which = query->which;

	(void)was_ratelimited;
	(void)why_bogus;
	free(query);
	if (l == NULL)
		return;
	l->pending--;
	l->query[which] = NULL;
	if (secure == 1)		/* bogus */
		l->status[which] = RESOLVE_LATER;
	else if (rcode == DNS_NXDOMAIN)
		l->status[which] = RESOLVE_NONE;
	else if (rcode != DNS_NOERROR || packet == NULL || size < 0 ||
	    dns_addresses(packet, (size_t)size, which == QUERY_A ? DNS_A :
	    DNS_AAAA, &l->addresses[which]) == -1)
		l->status[which] = RESOLVE_LATER;
	else
		l->status[which] = l->addresses[which].count > 0 ?
		    RESOLVE_OK : RESOLVE_NONE;
	if (l->pending == 0) {
		lookup_answer(l);
		lookup_free_if_done(l);
	}
}

static void
on_timeout(int fd, short what, void *arg)
{
	struct lookup *l = arg;

	(void)fd;
	(void)what;
	/* libunbound has limits of its own and will call back: free then. */
	lookup_answer(l);
}

static void
query_start(struct lookup *l, int which)
{
	struct query *query;
	int error;

	l->status[which] = RESOLVE_LATER;
	if (context == NULL || (query = malloc(sizeof(*query))) == NULL)
		return;
	query->lookup = l;
	query->which = which;
	l->pending++;
	l->query[which] = query;
	error = ub_resolve_event(context, l->name, which == QUERY_A ? DNS_A :
	    DNS_AAAA, CLASS_IN, query, on_unbound, NULL);
	if (error == 0)
		return;
	log_warnx("libunbound: %s", ub_strerror(error));
	l->pending--;
	l->query[which] = NULL;
	free(query);
}

static void
lookup_start(struct link *relay, const struct relay_resolver_host *msg)
{
	struct timeval tv = { LOOKUP_S, 0 };
	struct lookup *l;

	if (lookup_count >= LOOKUPS_MAX ||
	    (l = calloc(1, sizeof(*l))) == NULL) {
		status_send(relay, msg->request, RESOLVE_LATER);
		return;
	}
	l->relay = relay;
	l->request = msg->request;
	strlcpy(l->name, msg->name, sizeof(l->name));
	evtimer_set(&l->timer, on_timeout, l);
	evtimer_add(&l->timer, &tv);
	TAILQ_INSERT_TAIL(&lookups, l, entry);
	lookup_count++;
	/* An answer from the cache calls back at once: hold the lookup. */
	l->pending++;
	query_start(l, QUERY_AAAA);
	query_start(l, QUERY_A);
	l->pending--;
	if (l->pending == 0) {
		lookup_answer(l);
		lookup_free_if_done(l);
	}
}

static void
on_relay_host(struct link *link, struct link_in *in)
{
	const struct relay_resolver_host *msg = in->data;
	struct resolver_relay_host_done done;

	memset(&done, 0, sizeof(done));
	done.request = msg->request;
	if (hosts_parse_address(msg->name, &done.address[0]) == 0)
		done.count = 1;
	else if (!address_is_hostname(msg->name)) {
		status_send(link, msg->request, RESOLVE_NONE);
		return;
	} else
		done.count = hosts_find(msg->name, done.address, RESOLVE_MAX);
	if (done.count == 0) {
		lookup_start(link, msg);
		return;
	}
	done.status = RESOLVE_OK;
	done.ttl_s = HOSTS_TTL_S;
	answer_send(link, &done);
}

static const struct link_rule relay_rules[] = {
	{ MSG_RELAY_RESOLVER_HOST, LINK_STATE_ANY, on_relay_host },
};

static void
on_relay_down(struct link *link, const char *why)
{
	struct lookup *l;
	int i;

	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	TAILQ_FOREACH(l, &lookups, entry)
		if (l->relay == link)
			l->relay = NULL;
	for (i = 0; i < RELAYS_MAX; i++)
		if (relays[i] == link)
			relays[i] = NULL;
}

void
lookup_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = {
		.name = "relay", .rules = relay_rules, .nrules = 1,
		.down = on_relay_down, .peer_id = peer_id,
	};
	int i;

	(void)cookie;
	for (i = 0; i < RELAYS_MAX && relays[i] != NULL; i++)
		;
	if (kind != PROC_RELAY || i == RELAYS_MAX) {
		close(fd);
		return;
	}
	if ((relays[i] = link_new(fd, &end)) == NULL) {
		log_warn("link to relay");
		close(fd);
	}
}

void
lookup_conf_begin(void)
{
	blob_free(&forwarders_new);
	blob_free(&hosts_new);
	memset(is_reading, 0, sizeof(is_reading));
}

void
on_parent_resolver_text(struct link *link, struct link_in *in)
{
	const struct conf_piece *piece = in->data;
	struct blob *blob;
	int more;

	if (piece->kind == RESOLVER_FORWARDERS)
		blob = &forwarders_new;
	else if (piece->kind == RESOLVER_HOSTS)
		blob = &hosts_new;
	else {
		link_fault(link, "unknown kind of text");
		return;
	}
	more = blob_add(blob, piece->total, piece->offset, piece + 1,
	    in->size - sizeof(*piece));
	if (more == -1)
		link_fault(link, "bad piece of a text");
	else
		is_reading[piece->kind] = more == 0;
}

/* Forwarders, one on a line; without any the roots are asked. */
static void
context_forward(struct ub_ctx *ctx, char *text)
{
	char *line;
	int error;

	while ((line = strsep(&text, "\n")) != NULL) {
		line[strcspn(line, " \t\r#")] = '\0';
		if (*line == '\0')
			continue;
		if ((error = ub_ctx_set_fwd(ctx, line)) != 0)
			log_warnx("forwarder %s: %s", log_vis(line),
			    ub_strerror(error));
	}
}

static struct ub_ctx *
context_new(char *forwarders)
{
	/* Without any file: the process has none. */
	static const char *const options[][2] = {
		{ "use-syslog:", "no" },
		{ "do-not-query-localhost:", "no" },
		{ "outgoing-range:", "64" },
		{ "num-queries-per-thread:", "512" },
		{ "msg-cache-size:", "4m" },
		{ "rrset-cache-size:", "8m" },
		{ "infra-host-ttl:", "60" },
	};
	struct ub_ctx *ctx;
	size_t i;

	ctx = ub_ctx_create_event(base_probe.ev_base);
	if (ctx == NULL)
		return NULL;
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (ub_ctx_set_option(ctx, options[i][0], options[i][1]) != 0)
			log_debug("libunbound: option %s refused",
			    options[i][0]);
	ub_ctx_debuglevel(ctx, 0);
	ub_ctx_debugout(ctx, NULL);
	if (forwarders != NULL)
		context_forward(ctx, forwarders);
	return ctx;
}

/* Old questions end with RESOLVE_LATER: relay asks again. */
static void
lookups_abandon(void)
{
	struct lookup *l;
	int which;

	while ((l = TAILQ_FIRST(&lookups)) != NULL) {
		lookup_answer(l);
		for (which = 0; which < QUERIES; which++)
			if (l->query[which] != NULL)
				l->query[which]->lookup = NULL;
		l->pending = 0;
		lookup_free_if_done(l);
	}
}

int
lookup_conf_end(void)
{
	struct ub_ctx *ctx;

	if ((forwarders_new.total > 0 && is_reading[RESOLVER_FORWARDERS]) ||
	    (hosts_new.total > 0 && is_reading[RESOLVER_HOSTS]))
		return -1;
	if ((ctx = context_new(forwarders_new.data)) == NULL) {
		log_warnx("libunbound: cannot make a context");
		return -1;
	}
	/*
	 * Deleting a context forgets its questions without a call back; what
	 * their queries hold (a few bytes) is lost, once for each reload.
	 */
	lookups_abandon();
	if (context != NULL)
		ub_ctx_delete(context);
	context = ctx;
	hosts_set(hosts_new.data);
	memset(&hosts_new, 0, sizeof(hosts_new));
	blob_free(&forwarders_new);
	return 0;
}

static void
on_probe(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

int
lookup_init(struct link *parent)
{
	(void)parent;
	/* An event that is never added: it knows the loop's base. */
	evtimer_set(&base_probe, on_probe, NULL);
	return 0;
}

void
lookup_on_stop(void)
{
	proc_exit(0);
}
