/*
 * AUTH: from net's request to its answer.
 *
 * An attempt first waits its turn (backoff.h, per address and per address and
 * user), then is checked by its backend (attempt.h), then answered.  An
 * unknown user, a name that cannot exist and a wrong password take the same
 * way and the client's answer is the same: the reason stands only in the log.  Everything net says about the client
 * may be a lie, so a net process as a whole has a bucket of failed checks.
 *
 * On success policy hears of it before net does, and the session id is
 * checked to be one of that net's own.
 */
#include <sys/queue.h>

#include <arpa/inet.h>

#include <event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "authenticate.h"
#include "backoff.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "mail/usersfile.h"
#include "memo.h"
#include "parent.h"
#include "proto/net_parent.h"
#include "proto/parent_policy.h"

#define PENDING_MAX	4096
#define ENTRIES_MAX	65536	/* remembered addresses, and pairs */

static const struct backoff_limits address_limits = {
	.nfree = 10, .first_ms = 250, .max_ms = 16000, .line_max_ms = 30000,
	.forget_ms = 60000, .running_max = 64, .count_running = 0
};
static const struct backoff_limits pair_limits = {
	.nfree = 0, .first_ms = 250, .max_ms = 16000, .line_max_ms = 30000,
	.forget_ms = 60000, .running_max = 16, .count_running = 1
};

static TAILQ_HEAD(, attempt)	 attempts = TAILQ_HEAD_INITIALIZER(attempts);
static struct backoff		*addresses, *pairs;
static struct authenticate_stats stats;
static uint64_t			 last_request;

static struct attempt *
find_request(uint64_t request)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry) {
		if (a->request == request)
			break;
	}
	return a;
}

static void
wipe(struct attempt *a)
{
	explicit_bzero(a->password, sizeof(a->password));
	explicit_bzero(a->hash, sizeof(a->hash));
}

int
authenticate_init(void)
{
	addresses = backoff_new(&address_limits, ENTRIES_MAX);
	pairs = backoff_new(&pair_limits, ENTRIES_MAX);
	if (addresses == NULL || pairs == NULL || memo_init() == -1)
		return -1;
	return 0;
}

void
authenticate_on_users(void)
{
	authusers_on_users();
	memo_clear();
}

void
authenticate_get_stats(struct authenticate_stats *out)
{
	*out = stats;
}

static void
attempt_free(struct attempt *a)
{
	evtimer_del(&a->timer);
	TAILQ_REMOVE(&attempts, a, entry);
	stats.pending--;
	explicit_bzero(a, sizeof(*a));
	free(a);
}

static void
answer(uint32_t net_id, uint64_t session, enum auth_result result,
    const char *user)
{
	struct parent_net_auth_done	 done = { 0 };

	if (result == AUTH_LATER)
		stats.later++;
	done.session = session;
	done.result = result;
	if (result == AUTH_OK)
		strlcpy(done.user, user, sizeof(done.user));
	(void)link_send(child_link_by_id(PROC_NET, net_id),
	    MSG_PARENT_NET_AUTH_DONE, &done, sizeof(done));
}

/* Policy must know before net can send MAIL for the session. */
static int
tell_policy(uint64_t session, uint32_t listener, const char *user)
{
	struct parent_policy_authenticated	 m = { 0 };
	struct link				*policy;

	if ((policy = child_link(PROC_POLICY, 0)) == NULL)
		return -1;
	m.session = session;
	m.listener = listener;
	strlcpy(m.user, user, sizeof(m.user));
	if (link_send(policy, MSG_PARENT_POLICY_AUTHENTICATED, &m,
	    sizeof(m)) == -1)
		return -1;
	link_flush(policy);
	return 0;
}

static void
answer_ok(uint32_t net_id, uint64_t session, uint32_t listener,
    const char *user)
{
	stats.ok++;
	if (child_link_by_id(PROC_NET, net_id) == NULL)
		return;
	if (tell_policy(session, listener, user) == -1) {
		answer(net_id, session, AUTH_LATER, NULL);
		return;
	}
	answer(net_id, session, AUTH_OK, user);
}

static void
finish_one(struct attempt *a, enum verdict verdict, const char *reason)
{
	if (verdict == VERDICT_GOOD && !a->cancelled) {
		answer_ok(a->net_id, a->session, a->listener, a->user);
	} else if (verdict == VERDICT_BAD) {
		stats.failed++;
		log_info("auth failed address=%s user=%s reason=%s",
		    log_vis(a->address), log_vis(a->login), reason);
		if (!a->cancelled)
			answer(a->net_id, a->session, AUTH_BAD, NULL);
	} else if (!a->cancelled)
		answer(a->net_id, a->session, AUTH_LATER, NULL);
	attempt_free(a);
}

/* Only failures count in the end. */
static void
give_token_back(const struct attempt *a)
{
	struct link	*link;

	if (a->took_token &&
	    (link = child_link_by_id(PROC_NET, a->net_id)) != NULL)
		bucket_return(child_auth_bucket(link_arg(link)),
		    AUTH_FAIL_BURST);
}

static void
finish(struct attempt *a, enum verdict verdict, const char *reason)
{
	struct attempt		*f, *next;
	enum backoff_result	 result;
	uint64_t		 now = parent_now_ms();

	result = verdict == VERDICT_GOOD ? BACKOFF_GOOD :
	    verdict == VERDICT_BAD ? BACKOFF_BAD : BACKOFF_NOTHING;
	backoff_leave(pairs, a->pair_key, result, now);
	/* A good login must not wash an address clean: guessers have one. */
	backoff_leave(addresses, a->address_key,
	    result == BACKOFF_GOOD ? BACKOFF_NOTHING : result, now);
	if (verdict == VERDICT_GOOD) {
		if (a->backend->remembers)
			memo_add(a->mac, now);
		give_token_back(a);
	}
	TAILQ_FOREACH_SAFE(f, &attempts, entry, next) {
		if (f->stage == STAGE_FOLLOWING && f->leader == a->request)
			finish_one(f, verdict, reason);
	}
	finish_one(a, verdict, reason);
}

void
authenticate_verdict(uint64_t request, enum verdict verdict,
    const char *reason)
{
	struct attempt	*a;

	if ((a = find_request(request)) == NULL || a->stage != STAGE_CHECKING)
		return;
	if (a->flaw != NULL && verdict != VERDICT_UNKNOWN) {
		/* Whatever a dummy gave, it is wrong. */
		verdict = VERDICT_BAD;
		reason = a->flaw;
	}
	finish(a, verdict, reason);
}

void
authenticate_verdict_as(uint64_t request, const char *user)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry) {
		if (a->request == request || (a->stage == STAGE_FOLLOWING &&
		    a->leader == request))
			strlcpy(a->user, user, sizeof(a->user));
	}
	authenticate_verdict(request, VERDICT_GOOD, NULL);
}

static int
is_remembered(const struct attempt *a, uint64_t now)
{
	return a->backend->remembers && a->flaw == NULL &&
	    memo_has(a->mac, now);
}

static void
check(struct attempt *a)
{
	uint64_t	 now = parent_now_ms(), request = a->request;

	/* Its turn may have come after another one proved it right. */
	if (is_remembered(a, now)) {
		stats.remembered++;
		finish(a, VERDICT_GOOD, NULL);
		return;
	}
	a->stage = STAGE_CHECKING;
	if (a->backend->start(a) == -1) {
		authenticate_verdict(request, VERDICT_UNKNOWN, NULL);
		return;
	}
	if ((a = find_request(request)) != NULL)
		wipe(a);
}

static void
on_turn(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	check(arg);
}

/* authzid NUL authcid NUL password (RFC 4616).  NULL: well formed. */
static const char *
parse(struct attempt *a, const char *tail, size_t size)
{
	const char	*authcid, *password;
	size_t		 n;

	if ((authcid = memchr(tail, '\0', size)) == NULL)
		return "malformed";
	authcid++;
	n = size - (authcid - tail);
	if ((password = memchr(authcid, '\0', n)) == NULL)
		return "malformed";
	password++;
	n = size - (password - tail);
	if (strlcpy(a->login, authcid, sizeof(a->login)) >= sizeof(a->login))
		return "name-too-long";
	if (!users_name_ok(a->login))
		return "name-not-possible";
	if (n == 0 || n >= sizeof(a->password) ||
	    memchr(password, '\0', n) != NULL)
		return "password-not-possible";
	memcpy(a->password, password, n);
	a->password[n] = '\0';
	if (tail[0] != '\0' && strcmp(tail, a->login) != 0)
		return "acting-for-another-user";
	return NULL;
}

/* IPv4 whole, IPv6 by its /64, mapped IPv4 as IPv4.  -1: no address. */
static int
address_prefix(const char *text, char *out, size_t outsize)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	char			 plain[IPADDR_SIZE];
	uint8_t			 a[16];

	strlcpy(plain, text, sizeof(plain));
	plain[strcspn(plain, "%")] = '\0';
	if (inet_pton(AF_INET, plain, a) == 1)
		return strlcpy(out, plain, outsize) >= outsize ? -1 : 0;
	if (inet_pton(AF_INET6, plain, a) != 1)
		return -1;
	if (memcmp(a, mapped, sizeof(mapped)) == 0)
		return inet_ntop(AF_INET, a + 12, out, outsize) == NULL ? -1 : 0;
	memset(a + 8, 0, 8);
	return inet_ntop(AF_INET6, a, out, outsize) == NULL ? -1 : 0;
}

static void
set_keys(struct attempt *a)
{
	uint8_t	 mac[MEMO_MAC_SIZE];

	memo_mac(mac, "address", a->prefix, NULL);
	memcpy(a->address_key, mac, sizeof(a->address_key));
	memo_mac(mac, "pair", a->prefix, a->login);
	memcpy(a->pair_key, mac, sizeof(a->pair_key));
}

/* The same password of the same user that is being looked at already. */
static struct attempt *
find_leader(const struct attempt *a)
{
	struct attempt	*l;

	TAILQ_FOREACH(l, &attempts, entry) {
		if (l != a && l->stage != STAGE_FOLLOWING &&
		    memcmp(l->mac, a->mac, sizeof(a->mac)) == 0 &&
		    memcmp(l->pair_key, a->pair_key, sizeof(a->pair_key)) == 0)
			return l;
	}
	return NULL;
}

/* What a net may cost in failed checks, however many addresses it names. */
static int
take_token(struct attempt *a, struct child *net, uint64_t now)
{
	struct bucket	*b = child_auth_bucket(net);

	if (backoff_was_good(pairs, a->pair_key, now))
		return 1;
	if (bucket_take(b, AUTH_FAIL_RATE, AUTH_FAIL_BURST, now)) {
		a->took_token = 1;
		return 1;
	}
	if (bucket_log_due(b, now))
		log_warnx("auth: too many failures through %s: checks are "
		    "refused", child_name(net));
	return 0;
}

/* Sets the wait of an attempt; -1: it is refused for now. */
static int64_t
stand_in_line(struct attempt *a, uint64_t now)
{
	int64_t	 by_address, by_pair;

	if ((by_address = backoff_enter(addresses, a->address_key, now)) == -1)
		return -1;
	if ((by_pair = backoff_enter(pairs, a->pair_key, now)) == -1) {
		backoff_leave(addresses, a->address_key, BACKOFF_NOTHING, now);
		return -1;
	}
	return by_address > by_pair ? by_address : by_pair;
}

/* -1: answer LATER and forget it. */
static int
begin(struct attempt *a, struct child *net)
{
	struct attempt	*leader;
	struct timeval	 tv;
	uint64_t	 now = parent_now_ms();
	int64_t		 wait_ms;

	if ((leader = find_leader(a)) != NULL) {
		a->stage = STAGE_FOLLOWING;
		a->leader = leader->request;
		wipe(a);
		return 0;
	}
	if (!is_remembered(a, now) && !take_token(a, net, now))
		return -1;
	if ((wait_ms = stand_in_line(a, now)) == -1) {
		log_info("auth refused address=%s user=%s "
		    "reason=too-many-attempts", log_vis(a->address),
		    log_vis(a->login));
		return -1;
	}
	if (wait_ms == 0) {
		check(a);
		return 0;
	}
	tv.tv_sec = wait_ms / 1000;
	tv.tv_usec = wait_ms % 1000 * 1000;
	evtimer_add(&a->timer, &tv);
	return 0;
}

/* One net may not wait for all there is: others have users, too. */
static int
has_its_share(uint32_t net_id)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	if (stats.pending < PENDING_MAX / 2)
		return 0;
	TAILQ_FOREACH(a, &attempts, entry)
		n += a->net_id == net_id;
	return n >= PENDING_MAX / 2;
}

/* Who knows the passwords of a listener; NULL: nobody. */
static const struct auth_backend *
backend_of(const struct conf_listener *l)
{
	if (l->auth_system)
		return authsystem_backend();
	if (l->dovecot != 0)
		return authdovecot_backend();
	if (l->users != NULL && l->users->users != NULL)
		return authusers_backend();
	return NULL;
}

static struct attempt *
attempt_new(const struct net_parent_auth *m, uint32_t net_id)
{
	struct attempt	*a;

	if (stats.pending >= PENDING_MAX || has_its_share(net_id) ||
	    (a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->request = ++last_request;
	a->session = m->session;
	a->net_id = net_id;
	a->listener = m->listener;
	a->stage = STAGE_WAITING;
	a->mechanism = m->mechanism;
	strlcpy(a->address, m->address, sizeof(a->address));
	evtimer_set(&a->timer, on_turn, a);
	TAILQ_INSERT_TAIL(&attempts, a, entry);
	stats.pending++;
	return a;
}

static struct attempt *
find_session(uint64_t session)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry) {
		if (a->session == session && !a->cancelled)
			return a;
	}
	return NULL;
}

void
on_net_auth(struct link *link, struct link_in *in)
{
	const struct net_parent_auth	*m = in->data;
	struct child			*net = link_arg(link);
	struct conf_listener		*l;
	const struct auth_backend	*backend;
	struct attempt			*a;
	char				 prefix[IPADDR_SIZE];

	if (m->session >> 32 != child_id(net)) {
		link_fault(link, "AUTH for a session that is not its own");
		return;
	}
	if (m->mechanism != AUTH_PLAIN && m->mechanism != AUTH_LOGIN) {
		link_fault(link, "AUTH with an unknown mechanism");
		return;
	}
	if (address_prefix(m->address, prefix, sizeof(prefix)) == -1) {
		link_fault(link, "AUTH from something that is not an address");
		return;
	}
	if (find_session(m->session) != NULL) {
		link_fault(link, "second AUTH of a session before the answer");
		return;
	}
	/* A listener may have gone by a reload that net has not seen yet. */
	l = conf_listener_by_id(parent_conf(), m->listener);
	if (l == NULL || (backend = backend_of(l)) == NULL ||
	    (a = attempt_new(m, child_id(net))) == NULL) {
		answer(child_id(net), m->session, AUTH_LATER, NULL);
		return;
	}
	a->backend = backend;
	a->flaw = parse(a, (const char *)(m + 1), in->size - sizeof(*m));
	strlcpy(a->prefix, prefix, sizeof(a->prefix));
	set_keys(a);
	a->backend->prepare(a, l);
	if (begin(a, net) == -1) {
		answer(a->net_id, a->session, AUTH_LATER, NULL);
		attempt_free(a);
	}
}

void
on_net_auth_cancel(struct link *link, struct link_in *in)
{
	const struct net_parent_session	*m = in->data;
	struct child			*net = link_arg(link);
	struct attempt			*a;

	if (m->session >> 32 != child_id(net)) {
		link_fault(link, "AUTH_CANCEL of a session that is not its own");
		return;
	}
	/* It goes on: hanging up must not save a guess from being counted. */
	if ((a = find_session(m->session)) != NULL)
		a->cancelled = 1;
}

void
authenticate_on_net_death(uint32_t proc_id)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry) {
		if (a->net_id == proc_id)
			a->cancelled = 1;
	}
}

void
authenticate_local(uint32_t net_id, uint64_t session, uint32_t listener,
    const char *user)
{
	if (user != NULL)
		answer_ok(net_id, session, listener, user);
	else
		answer(net_id, session, AUTH_BAD, NULL);
}
