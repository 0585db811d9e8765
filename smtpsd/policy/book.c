/*
 * Keeps sessions in a hash table and, for each net process, in order of use.
 * A net may have 100,000; what a taken-over net makes up beyond that pushes
 * out its own oldest.  Nets that went away are freed at the end of the turn,
 * because a link can go down in the middle of a handler that holds sessions.  Knows nothing
 * of transactions: session.c's drop function ends them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "book.h"
#include "hash.h"
#include "quota.h"
#include "sender.h"

#define BUCKETS			65536	/* a power of two */
#define SESSIONS_MAX		100000	/* of one net */
#define EARLY_MAX		256

/* What the parent said of sessions of a net that has no link here yet. */
struct early {
	struct parent_policy_authenticated	is;	/* session 0: free */
};

static LIST_HEAD(, session)	buckets[BUCKETS];
static LIST_HEAD(, net)		nets = LIST_HEAD_INITIALIZER(nets);
static struct early		earlies[EARLY_MAX];
static unsigned int		early_next;
static struct book_counts	counts;
static void			(*drop_tx)(struct session *);

void
book_init(void (*drop)(struct session *))
{
	drop_tx = drop;
}

struct net *
book_net_find(uint32_t id)
{
	struct net	*net;

	LIST_FOREACH(net, &nets, all)
		if (net->id == id)
			return net;
	return NULL;
}

struct net *
book_net_new(uint32_t id)
{
	struct net	*net;
	int		 i;

	if ((net = calloc(1, sizeof(*net))) == NULL)
		return NULL;
	net->id = id;
	TAILQ_INIT(&net->sessions);
	LIST_INSERT_HEAD(&nets, net, all);
	for (i = 0; i < EARLY_MAX; i++)
		if (earlies[i].is.session != 0 &&
		    earlies[i].is.session >> 32 == id) {
			book_authenticated(&earlies[i].is);
			earlies[i].is.session = 0;
		}
	return net;
}

void
book_net_each(void (*each)(struct net *))
{
	struct net	*net, *next;

	for (net = LIST_FIRST(&nets); net != NULL; net = next) {
		next = LIST_NEXT(net, all);
		each(net);
	}
}

static void
net_free(struct net *net)
{
	struct session	*s;
	int		 i;

	while ((s = TAILQ_FIRST(&net->sessions)) != NULL)
		book_drop(s);
	for (i = 0; i < EARLY_MAX; i++)
		if (earlies[i].is.session >> 32 == net->id)
			earlies[i].is.session = 0;
	LIST_REMOVE(net, all);
	free(net);
}

void
book_sweep(void)
{
	struct net	*net, *next;

	for (net = LIST_FIRST(&nets); net != NULL; net = next) {
		next = LIST_NEXT(net, all);
		if (net->link == NULL)
			net_free(net);
	}
}

struct session *
book_find(uint64_t id)
{
	struct session	*s;

	LIST_FOREACH(s, &buckets[hash_bytes(&id, sizeof(id)) & (BUCKETS - 1)],
	    by_hash)
		if (s->id == id) {
			TAILQ_REMOVE(&s->net->sessions, s, by_use);
			TAILQ_INSERT_TAIL(&s->net->sessions, s, by_use);
			return s;
		}
	return NULL;
}

struct session *
book_get(struct net *net, uint64_t id)
{
	struct session	*s;

	if ((s = book_find(id)) != NULL)
		return s;
	if (net->nsessions >= SESSIONS_MAX)
		book_drop(TAILQ_FIRST(&net->sessions));
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		log_warn("session");
		return NULL;
	}
	s->id = id;
	s->net = net;
	net->nsessions++;
	counts.sessions++;
	TAILQ_INSERT_TAIL(&net->sessions, s, by_use);
	LIST_INSERT_HEAD(&buckets[hash_bytes(&id, sizeof(id)) & (BUCKETS - 1)],
	    s, by_hash);
	return s;
}

static void
forget_login(struct session *s)
{
	if (s->user != NULL)
		counts.authenticated--;
	quota_drop(s->quota, s->has_seat);
	free(s->user);
	free(s->device);
	free(s->scope);
	s->user = s->device = s->scope = NULL;
	s->quota = NULL;
	s->has_seat = 0;
	s->until_ms = 0;
}

void
book_drop(struct session *s)
{
	drop_tx(s);
	TAILQ_REMOVE(&s->net->sessions, s, by_use);
	LIST_REMOVE(s, by_hash);
	s->net->nsessions--;
	counts.sessions--;
	forget_login(s);
	free(s);
}

static void
remember_early(const struct parent_policy_authenticated *is)
{
	struct early	*e = NULL;
	int		 i;

	for (i = 0; i < EARLY_MAX && e == NULL; i++)
		if (earlies[i].is.session == is->session)
			e = &earlies[i];
	for (i = 0; i < EARLY_MAX && e == NULL; i++)
		if (earlies[i].is.session == 0)
			e = &earlies[i];
	if (e == NULL)
		e = &earlies[early_next++ % EARLY_MAX];
	e->is = *is;
}

/* NULL for "" as well; *failed counts what did not work. */
static char *
copy(const char *text, int *failed)
{
	char	*s;

	if (text[0] == '\0')
		return NULL;
	if ((s = strdup(text)) == NULL)
		(*failed)++;
	return s;
}

/* As sender.c compares it. */
static char *
copy_scope(const char *scope, int *failed)
{
	char	*s;

	switch (sender_list_form(scope, &s)) {
	case 0:
		return s;
	case -1:
		return copy(scope, failed);
	default:
		(*failed)++;
		return NULL;
	}
}

void
book_authenticated(const struct parent_policy_authenticated *is)
{
	struct net	*net = book_net_find(is->session >> 32);
	struct session	*s;
	int		 failed = 0;

	if (net == NULL) {
		remember_early(is);
		return;
	}
	if ((s = book_get(net, is->session)) != NULL) {
		/* Its sender was allowed to somebody else. */
		drop_tx(s);
		forget_login(s);
		s->device = copy(is->device, &failed);
		s->scope = copy_scope(is->scope, &failed);
		/* Without its scope it must not be anybody. */
		if (!failed && (s->quota = quota_hold(is->user)) != NULL &&
		    (s->user = copy(is->user, &failed)) != NULL) {
			counts.authenticated++;
			s->is_revoked = 0;
			s->listener = is->listener;
			if (is->valid_s != 0)
				s->until_ms = proc_now_ms() +
				    (uint64_t)is->valid_s * 1000;
			return;
		}
	}
	log_warnx("no memory: session=%016llx stays unauthenticated",
	    (unsigned long long)is->session);
}

void
book_revoked(const char *user, const char *device,
    void (*gone)(struct session *))
{
	struct session	*s;
	struct net	*net;
	int		 i;

	for (i = 0; i < EARLY_MAX; i++)
		if (strcmp(earlies[i].is.user, user) == 0 &&
		    strcmp(earlies[i].is.device, device) == 0)
			earlies[i].is.session = 0;
	LIST_FOREACH(net, &nets, all)
		TAILQ_FOREACH(s, &net->sessions, by_use) {
			if (s->user == NULL || strcmp(s->user, user) != 0 ||
			    strcmp(s->device != NULL ? s->device : "",
			    device) != 0)
				continue;
			gone(s);
			book_forget(s);
		}
}

void
book_forget(struct session *s)
{
	forget_login(s);
	s->is_revoked = 1;
}

struct book_counts
book_count(void)
{
	return counts;
}
