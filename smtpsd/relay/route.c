/*
 * Routes: asks the resolver for mail exchangers and addresses and puts the
 * answers in order (RFC 5321 5.1).  What DNS says is a stranger's word: it
 * is bounded, this host's own name ends the list (a loop), and loopback
 * addresses are no mail exchangers unless the action allows them.  State
 * owned: the link to the resolver and the questions that are open.
 */
#include <sys/types.h>
#include <sys/tree.h>

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"

#include "route.h"

#define ANSWER_MS	60000	/* for the resolver, which has limits of its own */
#define TTL_MIN_S	30
#define TTL_MAX_S	3600

/* One open question; host is its index, MX_QUESTION that for exchangers. */
struct question {
	RB_ENTRY(question)	 entry;
	uint64_t		 id;	/* 0: not open */
	struct route		*route;
	uint32_t		 host;
};
#define MX_QUESTION	ROUTE_HOSTS_MAX

struct route {
	struct route_def	 def;
	struct targets		*targets;	/* NULL: unknown */
	uint64_t		 until_ms;	/* targets are good until then */
	/* While it is being asked: */
	struct question		 question[ROUTE_HOSTS_MAX + 1];
	uint32_t		 nopen, nhosts;
	uint64_t		 asked_ms;
	uint32_t		 ttl_s;
	int			 is_secure, has_later, has_refused;
	int			 has_true_names;
	/* The address that took mail last, over a new question. */
	struct host_address	 worked;
	uint64_t		 worked_until_ms;	/* 0: none */
	char			 hosts[ROUTE_HOSTS_MAX][HOSTNAME_SIZE];
	uint32_t		 preference[ROUTE_HOSTS_MAX];
	struct host_address	 address[ROUTE_HOSTS_MAX][RESOLVE_MAX];
	uint32_t		 naddress[ROUTE_HOSTS_MAX];
	char			 host[HOSTNAME_SIZE];
	char			 domain[HOSTNAME_SIZE];
	char			 own_name[HOSTNAME_SIZE];
};

RB_HEAD(question_tree, question);

static struct question_tree	 questions = RB_INITIALIZER(&questions);
static struct link		*resolver;
static uint64_t			 last_id;

static int
question_compare(struct question *a, struct question *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}
RB_PROTOTYPE(question_tree, question, entry, question_compare)
RB_GENERATE(question_tree, question, entry, question_compare)

struct route *
route_new(const struct route_def *def)
{
	struct route	*r;
	uint32_t	 i;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->def = *def;
	strlcpy(r->host, def->host, sizeof(r->host));
	strlcpy(r->domain, def->domain, sizeof(r->domain));
	strlcpy(r->own_name, def->own_name, sizeof(r->own_name));
	r->def.host = r->host;
	r->def.domain = r->domain;
	r->def.own_name = r->own_name;
	for (i = 0; i <= ROUTE_HOSTS_MAX; i++) {
		r->question[i].route = r;
		r->question[i].host = i;
	}
	return r;
}

static void
question_close(struct question *q)
{
	if (q->id == 0)
		return;
	RB_REMOVE(question_tree, &questions, q);
	q->id = 0;
	q->route->nopen--;
}

static void
questions_close(struct route *r)
{
	uint32_t	i;

	for (i = 0; i <= ROUTE_HOSTS_MAX; i++)
		question_close(&r->question[i]);
}

void
targets_unref(struct targets *t)
{
	if (t != NULL && --t->refs == 0)
		free(t);
}

void
route_expire(struct route *r)
{
	targets_unref(r->targets);
	r->targets = NULL;
	r->worked_until_ms = 0;
}

/* Their time is over, but not that of what is known to work. */
static void
targets_drop(struct route *r)
{
	const struct targets	*t = r->targets;

	if (t == NULL)
		return;
	r->worked = t->target[t->first].address;
	r->worked_until_ms = t->first_until_ms;
	targets_unref(r->targets);
	r->targets = NULL;
}

void
route_free(struct route *r)
{
	if (r == NULL)
		return;
	questions_close(r);
	route_expire(r);
	free(r);
}

static void
route_fail(struct route *r, int is_permanent, const char *status,
    const char *text)
{
	struct route_why	why = { is_permanent, status, text };

	questions_close(r);
	r->def.done(r->def.arg, &why);
}

/* -1: the route has failed. */
static int
question_ask(struct route *r, uint32_t host, const char *name)
{
	struct question			*q = &r->question[host];
	struct relay_resolver_host	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.request = ++last_id;
	strlcpy(msg.name, name, sizeof(msg.name));
	if (link_send(resolver, host == MX_QUESTION ? MSG_RELAY_RESOLVER_MX :
	    MSG_RELAY_RESOLVER_HOST, &msg, sizeof(msg)) == -1) {
		route_fail(r, 0, "4.4.3", "resolver is not running");
		return -1;
	}
	q->id = msg.request;
	r->nopen++;
	RB_INSERT(question_tree, &questions, q);
	return 0;
}

static int
is_loopback(const struct host_address *a)
{
	static const uint8_t	 none[16], one[16] = { [15] = 1 };
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t		*b = a->bytes;

	if (a->family == 6) {
		if (memcmp(b, none, 16) == 0 || memcmp(b, one, 16) == 0)
			return 1;
		if (memcmp(b, mapped, sizeof(mapped)) != 0)
			return b[0] == 0xff;		/* multicast */
		b += 12;
	}
	return b[0] == 127 || b[0] == 0 || b[0] >= 224;
}

/* The host's next address of this family; its count: none. */
static uint32_t
address_next(const struct route *r, uint32_t host, uint32_t from, int family)
{
	uint32_t	n;

	for (n = from; n < r->naddress[host]; n++)
		if (r->address[host][n].family == family)
			break;
	return n;
}

/* IPv6 and IPv4 in turn while there are both, RFC 8305 4. */
static void
targets_add(struct targets *t, const struct route *r, uint32_t host)
{
	const uint32_t	 count = r->naddress[host];
	struct target	*target;
	uint32_t	 next[2], is_four = 0;

	next[0] = address_next(r, host, 0, 6);
	next[1] = address_next(r, host, 0, 4);
	while (t->count < ROUTE_TARGETS_MAX &&
	    (next[0] < count || next[1] < count)) {
		if (next[is_four] == count)
			is_four = !is_four;
		target = &t->target[t->count++];
		target->address = r->address[host][next[is_four]];
		target->host = host;
		target->preference = r->preference[host];
		next[is_four] = address_next(r, host, next[is_four] + 1,
		    is_four ? 4 : 6);
		is_four = !is_four;
	}
}

static void
targets_remember(struct targets *t, const struct route *r)
{
	const struct host_address	*a;
	uint32_t			 i;

	for (i = 0; i < t->count && r->worked_until_ms > 0; i++) {
		a = &t->target[i].address;
		if (a->family != r->worked.family ||
		    memcmp(a->bytes, r->worked.bytes, sizeof(a->bytes)) != 0)
			continue;
		t->first = i;
		t->first_until_ms = r->worked_until_ms;
		return;
	}
}

static struct targets *
targets_make(struct route *r)
{
	struct targets	*t;
	uint32_t	 i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->refs = 1;
	t->is_secure = r->is_secure;
	t->has_true_names = r->has_true_names;
	memcpy(t->hosts, r->hosts, sizeof(t->hosts));
	for (i = 0; i < r->nhosts; i++)
		targets_add(t, r, i);
	targets_remember(t, r);
	return t;
}

/* All answers are there. */
static void
route_finish(struct route *r)
{
	uint32_t	ttl;

	if ((r->targets = targets_make(r)) == NULL) {
		route_fail(r, 0, "4.3.0", "out of memory");
		return;
	}
	if (r->targets->count > 0) {
		ttl = r->ttl_s < TTL_MIN_S ? TTL_MIN_S :
		    r->ttl_s > TTL_MAX_S ? TTL_MAX_S : r->ttl_s;
		r->until_ms = proc_now_ms() + 1000ULL * ttl;
		r->def.done(r->def.arg, NULL);
		return;
	}
	route_expire(r);
	if (r->has_later)
		route_fail(r, 0, "4.4.3", "host name cannot be resolved now");
	else if (r->has_refused)
		route_fail(r, 1, "5.4.4",
		    "its mail exchangers are loopback addresses");
	else	/* A host that was configured may be a slip: keep the mail. */
		route_fail(r, r->host[0] == '\0', r->host[0] == '\0' ?
		    "5.4.4" : "4.4.3", "host has no address");
}

static void
ask_hosts(struct route *r)
{
	uint32_t	i;

	for (i = 0; i < r->nhosts; i++)
		if (question_ask(r, i, r->hosts[i]) == -1)
			return;
}

/* 1: it is a numeric address, and the route is known. */
static int
route_is_numeric(struct route *r)
{
	struct host_address	*a = &r->address[0][0];
	char			 text[IPADDR_SIZE];
	size_t			 n = strlen(r->domain);

	memset(a, 0, sizeof(*a));
	strlcpy(text, r->host, sizeof(text));
	if (r->host[0] == '\0') {
		/* [192.0.2.1] or [IPv6:2001:db8::1], RFC 5321 4.1.3 */
		if (n < 3 || n >= sizeof(text) || r->domain[0] != '[' ||
		    r->domain[n - 1] != ']')
			return 0;
		strlcpy(text, r->domain + 1, sizeof(text));
		text[n - 2] = '\0';
		if (strncasecmp(text, "IPv6:", 5) == 0)
			memmove(text, text + 5, strlen(text + 5) + 1);
	}
	a->family = 4;
	if (inet_pton(AF_INET, text, a->bytes) != 1) {
		a->family = 6;
		if (inet_pton(AF_INET6, text, a->bytes) != 1)
			return 0;
	}
	r->nhosts = 1;
	strlcpy(r->hosts[0], text, sizeof(r->hosts[0]));
	r->ttl_s = TTL_MAX_S;
	if (r->host[0] == '\0' && !r->def.allow_loopback && is_loopback(a))
		r->has_refused = 1;
	else
		r->naddress[0] = 1;
	return 1;
}

struct targets *
route_targets(struct route *r)
{
	uint64_t	now = proc_now_ms();

	if (r->targets != NULL && r->until_ms > now) {
		r->targets->refs++;
		return r->targets;
	}
	if (r->nopen > 0)
		return NULL;
	targets_drop(r);
	r->asked_ms = now;
	r->ttl_s = UINT32_MAX;
	r->is_secure = r->has_true_names = 1;
	r->has_later = r->has_refused = 0;
	r->nhosts = 0;
	memset(r->naddress, 0, sizeof(r->naddress));
	memset(r->preference, 0, sizeof(r->preference));
	if (route_is_numeric(r)) {
		route_finish(r);
		if (r->targets != NULL)
			r->targets->refs++;
		return r->targets;
	}
	if (r->host[0] == '\0') {
		(void)question_ask(r, MX_QUESTION, r->domain);
	} else {
		r->nhosts = 1;
		strlcpy(r->hosts[0], r->host, sizeof(r->hosts[0]));
		ask_hosts(r);
	}
	return NULL;
}

void
route_tick(struct route *r, uint64_t now_ms)
{
	if (r->nopen > 0 && now_ms - r->asked_ms > ANSWER_MS)
		route_fail(r, 0, "4.4.3", "resolver: timeout");
}

static struct question *
question_find(uint64_t id)
{
	struct question	wanted = { .id = id };

	return id == 0 ? NULL : RB_FIND(question_tree, &questions, &wanted);
}

static void
on_resolver_host_done(struct link *link, struct link_in *in)
{
	const struct resolver_relay_host_done	*msg = in->data;
	const struct host_address		*a;
	struct question				*q;
	struct route				*r;
	uint32_t				 i;

	(void)link;
	if ((q = question_find(msg->request)) == NULL ||
	    q->host == MX_QUESTION)
		return;
	r = q->route;
	question_close(q);
	for (i = 0; i < msg->count && i < RESOLVE_MAX; i++) {
		a = &msg->address[i];
		if (a->family != 4 && a->family != 6)
			continue;
		if (r->host[0] == '\0' && !r->def.allow_loopback &&
		    is_loopback(a)) {
			log_info("domain %s: exchanger %s is a loopback "
			    "address", log_vis(r->domain),
			    log_vis(r->hosts[q->host]));
			r->has_refused = 1;
			continue;
		}
		r->address[q->host][r->naddress[q->host]++] = *a;
	}
	if (msg->status == RESOLVE_OK && msg->ttl_s < r->ttl_s)
		r->ttl_s = msg->ttl_s;
	r->has_later |= msg->status == RESOLVE_LATER;
	r->is_secure &= msg->is_secure != 0;
	if (r->nopen == 0)
		route_finish(r);
}

/* The exchangers before this host's own preference.  -1: it is the best. */
static int
exchangers_take(struct route *r, const struct resolver_relay_mx_done *msg)
{
	const struct mail_exchanger	*mx;
	uint32_t			 i, own = UINT32_MAX;

	for (i = 0; i < msg->count && i < MX_MAX; i++)
		if (strnlen(msg->mx[i].host, HOSTNAME_SIZE) < HOSTNAME_SIZE &&
		    strcasecmp(msg->mx[i].host, r->own_name) == 0 &&
		    msg->mx[i].preference < own)
			own = msg->mx[i].preference;
	for (i = 0; i < msg->count && i < MX_MAX &&
	    r->nhosts < ROUTE_HOSTS_MAX; i++) {
		mx = &msg->mx[i];
		if (strnlen(mx->host, HOSTNAME_SIZE) == HOSTNAME_SIZE ||
		    mx->preference >= own || !address_is_dns_name(mx->host))
			continue;
		r->preference[r->nhosts] = mx->preference;
		strlcpy(r->hosts[r->nhosts++], mx->host,
		    sizeof(r->hosts[0]));
	}
	return r->nhosts == 0 && own != UINT32_MAX ? -1 : 0;
}

static void
on_resolver_mx_done(struct link *link, struct link_in *in)
{
	const struct resolver_relay_mx_done	*msg = in->data;
	struct question				*q;
	struct route				*r;

	(void)link;
	if ((q = question_find(msg->request)) == NULL ||
	    q->host != MX_QUESTION)
		return;
	r = q->route;
	question_close(q);
	r->is_secure &= msg->is_secure != 0;
	switch (msg->status) {
	case RESOLVE_OK:
		r->ttl_s = msg->ttl_s;
		r->has_true_names = msg->is_secure != 0;
		if (exchangers_take(r, msg) == -1)
			route_fail(r, 1, "5.4.6",
			    "this host is its best mail exchanger: a loop");
		else if (r->nhosts == 0)
			route_fail(r, 1, "5.4.4",
			    "its mail exchangers are not host names");
		else
			ask_hosts(r);
		return;
	case RESOLVE_NONE:	/* RFC 5321 5.1: the domain itself */
		r->nhosts = 1;
		strlcpy(r->hosts[0], r->domain, sizeof(r->hosts[0]));
		ask_hosts(r);
		return;
	case RESOLVE_NO_NAME:
		route_fail(r, 1, "5.1.2", "the domain does not exist");
		return;
	case RESOLVE_NULL_MX:
		route_fail(r, 1, "5.1.10", "the domain takes no mail");
		return;
	default:
		route_fail(r, 0, "4.4.3", "mail exchangers are not known now");
	}
}

static const struct link_rule resolver_rules[] = {
	{ MSG_RESOLVER_RELAY_HOST_DONE, LINK_STATE_ANY,
	    on_resolver_host_done },
	{ MSG_RESOLVER_RELAY_MX_DONE, LINK_STATE_ANY, on_resolver_mx_done },
};

/* Whoever waits asks again. */
static void
questions_lost(void)
{
	struct question	*q;

	while ((q = RB_MIN(question_tree, &questions)) != NULL)
		route_fail(q->route, 0, "4.4.3", "resolver was restarted");
}

static void
on_resolver_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (link != resolver)
		return;
	resolver = NULL;
	questions_lost();
}

void
route_resolver_link(uint32_t peer_id, int fd)
{
	struct link_end	 end = {
		.name = "resolver", .rules = resolver_rules,
		.nrules = sizeof(resolver_rules) / sizeof(resolver_rules[0]),
		.down = on_resolver_down, .peer_id = peer_id,
	};

	link_close(resolver);
	resolver = NULL;
	questions_lost();
	if ((resolver = link_new(fd, &end)) == NULL) {
		log_warn("link to resolver");
		close(fd);
	}
}
