/*
 * The questions of relay processes: one or two DNS queries each, by
 * libunbound, and hosts(5) before them where addresses are wanted.  Owns
 * the questions in flight.
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

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "proto/boot.h"
#include "proto/relay_resolver.h"

#include "context.h"
#include "dns.h"
#include "hosts.h"
#include "lookup.h"

#define LOOKUPS_MAX	1000	/* in flight */
#define OF_ONE_RELAY	500	/* of them */
#define LOOKUP_S	30
#define HOSTS_TTL_S	60
#define RELAYS_MAX	32
#define CLASS_IN	1
#define QUERIES		2	/* of one lookup: A and AAAA */

enum lookup_kind { LOOKUP_HOST, LOOKUP_MX, LOOKUP_RECORDS };

/* What came back for one query. */
union answer {
	struct dns_addresses	addresses;
	struct dns_mx		mx;
	struct dns_records	records;
};

/* What libunbound hands back; cut off when its lookup is over. */
struct query {
	struct lookup	*lookup;
	int		 which;
	uint16_t	 type;
};

struct lookup {
	TAILQ_ENTRY(lookup)	 entry;
	struct link		*relay;		/* NULL: nobody waits any more */
	uint64_t		 request;
	struct event		 timer;
	enum lookup_kind	 kind;
	unsigned int		 pending;	/* callbacks that will come */
	int			 is_answered;
	int			 which_relay;	/* -1: not counted any more */
	int			 nqueries;
	int			 status[QUERIES];	/* enum resolve_status */
	int			 is_secure[QUERIES];
	struct query		*query[QUERIES];	/* in flight */
	union answer		*answer[QUERIES];	/* NULL: none yet */
	char			 name[HOSTNAME_SIZE];
};

static TAILQ_HEAD(, lookup)	 lookups = TAILQ_HEAD_INITIALIZER(lookups);
static unsigned int		 lookup_count;
static struct link		*relays[RELAYS_MAX];
static unsigned int		 nlookups[RELAYS_MAX];	/* of that link */

/* IPv6 and IPv4 in turn: a broken family costs one attempt, not all. */
static void
answer_fill(const struct dns_addresses *v6, const struct dns_addresses *v4,
    struct resolver_relay_host_done *done)
{
	struct host_address	*address;
	uint32_t		 i;

	done->ttl_s = UINT32_MAX;
	for (i = 0; i < RESOLVE_MAX && done->count < RESOLVE_MAX; i++) {
		if (v6 != NULL && i < v6->count) {
			address = &done->address[done->count++];
			address->family = 6;
			memcpy(address->bytes, v6->bytes[i], 16);
			done->ttl_s = v6->ttl_s;
		}
		if (v4 != NULL && i < v4->count && done->count < RESOLVE_MAX) {
			address = &done->address[done->count++];
			address->family = 4;
			memcpy(address->bytes, v4->bytes[i], 4);
			if (v4->ttl_s < done->ttl_s)
				done->ttl_s = v4->ttl_s;
		}
	}
}

static void
host_answer(struct lookup *l)
{
	struct resolver_relay_host_done	 done;
	union answer			*v6 = l->answer[0], *v4 = l->answer[1];

	memset(&done, 0, sizeof(done));
	done.request = l->request;
	answer_fill(v6 == NULL ? NULL : &v6->addresses,
	    v4 == NULL ? NULL : &v4->addresses, &done);
	/* One family's failure matters only if the other has nothing. */
	if (done.count > 0)
		done.status = RESOLVE_OK;
	else if (l->status[0] == RESOLVE_LATER ||
	    l->status[1] == RESOLVE_LATER)
		done.status = RESOLVE_LATER;
	else
		done.status = RESOLVE_NONE;
	done.is_secure = l->is_secure[0] && l->is_secure[1];
	(void)link_send(l->relay, MSG_RESOLVER_RELAY_HOST_DONE, &done,
	    sizeof(done));
}

/* RFC 5321 5.1: those of the same preference in random order. */
static void
mx_shuffle(struct mail_exchanger *mx, uint32_t count)
{
	struct mail_exchanger	 other;
	uint32_t		 i, j, first = 0;

	for (i = 1; i < count; i++) {
		if (mx[i].preference != mx[first].preference)
			first = i;
		j = first + arc4random_uniform(i - first + 1);
		other = mx[i];
		mx[i] = mx[j];
		mx[j] = other;
	}
}

static void
mx_answer(struct lookup *l)
{
	struct resolver_relay_mx_done	 done;
	struct dns_mx			*mx;

	memset(&done, 0, sizeof(done));
	done.request = l->request;
	done.status = (uint32_t)l->status[0];
	done.is_secure = (uint32_t)l->is_secure[0];
	if (l->answer[0] != NULL) {
		mx = &l->answer[0]->mx;
		done.count = mx->count;
		done.ttl_s = mx->ttl_s;
		memcpy(done.mx, mx->mx, sizeof(done.mx));
		mx_shuffle(done.mx, done.count);
	}
	(void)link_send(l->relay, MSG_RESOLVER_RELAY_MX_DONE, &done,
	    sizeof(done));
}

static void
records_answer(struct lookup *l)
{
	struct resolver_relay_records_done	 done;
	const struct dns_records		*records = NULL;

	memset(&done, 0, sizeof(done));
	done.request = l->request;
	done.status = (uint32_t)l->status[0];
	done.is_secure = (uint32_t)l->is_secure[0];
	if (l->answer[0] != NULL) {
		records = &l->answer[0]->records;
		done.count = records->count;
		done.ttl_s = records->ttl_s;
	}
	(void)link_send_tail(l->relay, MSG_RESOLVER_RELAY_RECORDS_DONE, &done,
	    sizeof(done), records == NULL ? NULL : records->data,
	    records == NULL ? 0 : records->size);
}

static void
lookup_answer(struct lookup *l)
{
	static void (*const answer[])(struct lookup *) = {
		[LOOKUP_HOST] = host_answer, [LOOKUP_MX] = mx_answer,
		[LOOKUP_RECORDS] = records_answer,
	};

	if (l->is_answered)
		return;
	l->is_answered = 1;
	evtimer_del(&l->timer);
	if (l->relay == NULL)
		return;
	log_debug("lookup %s: kind %u, status %d%s", log_vis(l->name), l->kind,
	    l->status[0], l->is_secure[0] ? ", secure" : "");
	answer[l->kind](l);
	l->relay = NULL;
}

static void
lookup_free_if_done(struct lookup *l)
{
	int	i;

	if (l->pending > 0)
		return;
	evtimer_del(&l->timer);
	TAILQ_REMOVE(&lookups, l, entry);
	lookup_count--;
	if (l->which_relay != -1)
		nlookups[l->which_relay]--;
	for (i = 0; i < QUERIES; i++)
		free(l->answer[i]);
	free(l);
}

/* Takes the records out of a good answer; gives its status. */
static int
answer_read(struct lookup *l, const struct query *query, const void *packet,
    size_t size)
{
	union answer	*a;
	uint32_t	 count;
	int		 error;

	if ((a = malloc(sizeof(*a))) == NULL)
		return RESOLVE_LATER;
	switch (l->kind) {
	case LOOKUP_HOST:
		error = dns_addresses(packet, size, query->type, &a->addresses);
		count = a->addresses.count;
		break;
	case LOOKUP_MX:
		error = dns_mx(packet, size, &a->mx);
		count = a->mx.count;
		break;
	default:
		error = dns_records(packet, size, query->type, &a->records);
		count = a->records.count;
		break;
	}
	if (error == -1) {
		free(a);
		return RESOLVE_LATER;
	}
	l->answer[query->which] = a;
	if (l->kind == LOOKUP_MX && a->mx.is_null)
		return RESOLVE_NULL_MX;
	/* RFC 5321 5.1: there are exchangers, so the domain itself is none. */
	if (l->kind == LOOKUP_MX && a->mx.has_unusable)
		return RESOLVE_OK;
	return count > 0 ? RESOLVE_OK : RESOLVE_NONE;
}

static void
on_unbound(void *arg, int rcode, void *packet, int size, int secure,
    char *why_bogus, int was_ratelimited)
{
	struct query	*query = arg;
	struct lookup	*l = query->lookup;

	(void)was_ratelimited;
	/* rcode is libunbound's own trouble; the answer's is in the answer. */
	if (rcode == DNS_NOERROR && packet != NULL && size >= 4)
		rcode = ((const uint8_t *)packet)[3] & 0xf;
	if (l == NULL) {
		free(query);
		return;
	}
	l->pending--;
	l->query[query->which] = NULL;
	l->is_secure[query->which] = secure == 2;
	if (secure == 1) {
		log_info("lookup %s: forged or broken: %s", log_vis(l->name),
		    log_text(why_bogus));
	} else if (rcode == DNS_NXDOMAIN) {
		l->status[query->which] = l->kind == LOOKUP_HOST ?
		    RESOLVE_NONE : RESOLVE_NO_NAME;
	} else if (rcode == DNS_NOERROR && packet != NULL && size >= 0) {
		l->status[query->which] = answer_read(l, query, packet,
		    (size_t)size);
	}
	free(query);
	if (l->pending == 0) {
		lookup_answer(l);
		lookup_free_if_done(l);
	}
}

static void
on_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	/* libunbound has limits of its own and will call back: free then. */
	lookup_answer(arg);
}

static void
query_start(struct lookup *l, uint16_t type)
{
	struct query	*query;
	int		 error, which = l->nqueries++;

	l->status[which] = RESOLVE_LATER;
	if (context_get() == NULL ||
	    (query = calloc(1, sizeof(*query))) == NULL)
		return;
	query->lookup = l;
	query->which = which;
	query->type = type;
	l->pending++;
	l->query[which] = query;
	error = ub_resolve_event(context_get(), l->name, type, CLASS_IN, query,
	    on_unbound, NULL);
	if (error == 0)
		return;
	log_warnx("libunbound: %s", ub_strerror(error));
	l->pending--;
	l->query[which] = NULL;
	free(query);
}

static int
relay_find(const struct link *link)
{
	int	i;

	for (i = 0; i < RELAYS_MAX && relays[i] != link; i++)
		;
	return i < RELAYS_MAX ? i : -1;
}

/* NULL: too many, in all or of this relay; the caller says so. */
static struct lookup *
lookup_new(struct link *relay, uint64_t request, enum lookup_kind kind,
    const char *name)
{
	struct timeval	 tv = { LOOKUP_S, 0 };
	struct lookup	*l;
	int		 which = relay_find(relay);

	if (lookup_count >= LOOKUPS_MAX || which == -1 ||
	    nlookups[which] >= OF_ONE_RELAY ||
	    (l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->relay = relay;
	l->which_relay = which;
	nlookups[which]++;
	l->request = request;
	l->kind = kind;
	strlcpy(l->name, name, sizeof(l->name));
	evtimer_set(&l->timer, on_timeout, l);
	evtimer_add(&l->timer, &tv);
	TAILQ_INSERT_TAIL(&lookups, l, entry);
	lookup_count++;
	return l;
}

static void
lookup_start(struct lookup *l, uint16_t first, uint16_t second)
{
	/* An answer from the cache calls back at once: hold the lookup. */
	l->pending++;
	query_start(l, first);
	if (second != 0)
		query_start(l, second);
	l->pending--;
	if (l->pending == 0) {
		lookup_answer(l);
		lookup_free_if_done(l);
	}
}

static void
host_done(struct link *link, struct resolver_relay_host_done *done,
    uint32_t status)
{
	done->status = status;
	done->ttl_s = HOSTS_TTL_S;
	(void)link_send(link, MSG_RESOLVER_RELAY_HOST_DONE, done,
	    sizeof(*done));
}

static void
on_relay_host(struct link *link, struct link_in *in)
{
	const struct relay_resolver_host	*msg = in->data;
	struct resolver_relay_host_done		 done;
	struct lookup				*l;

	memset(&done, 0, sizeof(done));
	done.request = msg->request;
	if (hosts_parse_address(msg->name, &done.address[0]) == 0)
		done.count = 1;
	else if (!address_is_dns_name(msg->name)) {
		host_done(link, &done, RESOLVE_NONE);
		return;
	} else
		done.count = hosts_find(msg->name, done.address, RESOLVE_MAX);
	if (done.count > 0)
		host_done(link, &done, RESOLVE_OK);
	else if ((l = lookup_new(link, msg->request, LOOKUP_HOST,
	    msg->name)) == NULL)
		host_done(link, &done, RESOLVE_LATER);
	else
		lookup_start(l, DNS_AAAA, DNS_A);
}

static void
on_relay_mx(struct link *link, struct link_in *in)
{
	const struct relay_resolver_host	*msg = in->data;
	struct resolver_relay_mx_done		 done;
	struct lookup				*l = NULL;
	int					 is_name;

	is_name = address_is_hostname(msg->name);
	if (is_name && (l = lookup_new(link, msg->request, LOOKUP_MX,
	    msg->name)) != NULL) {
		lookup_start(l, DNS_MX, 0);
		return;
	}
	memset(&done, 0, sizeof(done));
	done.request = msg->request;
	done.status = is_name ? RESOLVE_LATER : RESOLVE_NO_NAME;
	(void)link_send(link, MSG_RESOLVER_RELAY_MX_DONE, &done, sizeof(done));
}

/* "_25._tcp.host" and "_mta-sts.domain": what is behind the '_' labels. */
static const char *
name_plain(const char *name)
{
	const char	*dot;

	while (*name == '_' && (dot = strchr(name, '.')) != NULL)
		name = dot + 1;
	return name;
}

static void
on_relay_records(struct link *link, struct link_in *in)
{
	const struct relay_resolver_records	*msg = in->data;
	struct resolver_relay_records_done	 done;
	struct lookup				*l = NULL;
	int					 is_name;

	if (msg->type != RECORD_TXT && msg->type != RECORD_TLSA) {
		link_fault(link, "RECORDS of an unknown type");
		return;
	}
	is_name = address_is_hostname(name_plain(msg->name));
	if (is_name && (l = lookup_new(link, msg->request, LOOKUP_RECORDS,
	    msg->name)) != NULL) {
		lookup_start(l, (uint16_t)msg->type, 0);
		return;
	}
	memset(&done, 0, sizeof(done));
	done.request = msg->request;
	done.status = is_name ? RESOLVE_LATER : RESOLVE_NO_NAME;
	(void)link_send_tail(link, MSG_RESOLVER_RELAY_RECORDS_DONE, &done,
	    sizeof(done), NULL, 0);
}

static const struct link_rule relay_rules[] = {
	{ MSG_RELAY_RESOLVER_HOST, LINK_STATE_ANY, on_relay_host },
	{ MSG_RELAY_RESOLVER_MX, LINK_STATE_ANY, on_relay_mx },
	{ MSG_RELAY_RESOLVER_RECORDS, LINK_STATE_ANY, on_relay_records },
};

static void
on_relay_down(struct link *link, const char *why)
{
	struct lookup *l;
	int i = relay_find(link);

	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (i == -1)
		return;
	TAILQ_FOREACH(l, &lookups, entry)
		if (l->which_relay == i) {
			l->relay = NULL;
			l->which_relay = -1;
		}
	relays[i] = NULL;
	nlookups[i] = 0;
}

void
lookup_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = {
		.name = "relay", .rules = relay_rules,
		.nrules = sizeof(relay_rules) / sizeof(relay_rules[0]),
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
lookups_abandon(void)
{
	struct lookup	*l;
	int		 which;

	while ((l = TAILQ_FIRST(&lookups)) != NULL) {
		lookup_answer(l);
		for (which = 0; which < QUERIES; which++)
			if (l->query[which] != NULL)
				l->query[which]->lookup = NULL;
		l->pending = 0;
		lookup_free_if_done(l);
	}
}

void
lookup_on_stop(void)
{
	proc_exit(0);
}
