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

#include <event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attempt.h"
#include "authanswer.h"
#include "authenticate.h"
#include "authlimit.h"
#include "authparse.h"
#include "backoff.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "memo.h"
#include "parent.h"
#include "proto/net_parent.h"

#define PENDING_MAX	4096
#define DIALOGUES_MAX	4096	/* wait for the client; the oldest goes */

static TAILQ_HEAD(, attempt)	 attempts = TAILQ_HEAD_INITIALIZER(attempts);
static struct authenticate_stats stats;
static uint64_t			 last_request;
static size_t			 ndialogues;

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
	return authlimit_init() == -1 || memo_init() == -1 ? -1 : 0;
}

void
authenticate_on_users(void)
{
	const struct conf_listener	*l;
	struct attempt			*a;

	authusers_on_users();
	memo_clear();
	/* A password that was taken away while a worker looked at it. */
	TAILQ_FOREACH(a, &attempts, entry) {
		l = conf_listener_by_id(parent_conf(), a->listener);
		if (a->flaw == NULL && a->backend->is_current != NULL &&
		    (l == NULL || !a->backend->is_current(a, l)))
			a->flaw = "password-changed";
	}
}

void
authenticate_get_stats(struct authenticate_stats *out)
{
	*out = stats;
}

/* It is the client's turn, which may take its time. */
static int
is_asking(uint8_t stage)
{
	return stage == STAGE_DIALOGUE || stage == STAGE_LAST;
}

/* The two kinds of waiting have limits of their own. */
static void
set_stage(struct attempt *a, enum attempt_stage stage)
{
	if (is_asking(a->stage) && !is_asking(stage)) {
		ndialogues--;
		stats.pending++;
	} else if (!is_asking(a->stage) && is_asking(stage)) {
		ndialogues++;
		stats.pending--;
	}
	a->stage = stage;
}

static void
attempt_free(struct attempt *a)
{
	evtimer_del(&a->timer);
	TAILQ_REMOVE(&attempts, a, entry);
	if (is_asking(a->stage))
		ndialogues--;
	else
		stats.pending--;
	freezero(a->data, a->data_size);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

/* A client that has to acknowledge its refusal; it stands in the log. */
static int
refuse_in_dialogue(struct attempt *a)
{
	const char	*text = a->backend->refusal;

	if (text == NULL || a->cancelled || ndialogues >= DIALOGUES_MAX)
		return 0;
	a->is_refused = 1;
	set_stage(a, STAGE_LAST);
	authanswer_challenge(a, text, strlen(text));
	return 1;
}

/* The end of it; what is to be counted has been. */
static void
finish_one(struct attempt *a, enum verdict verdict, const char *reason)
{
	enum auth_result	 result = AUTH_LATER;

	if (verdict == VERDICT_GOOD) {
		stats.ok++;
		if (!a->cancelled && authanswer_policy(a) == 0)
			result = AUTH_OK;
		if (result == AUTH_OK) {
			log_info("event=auth-ok address=%s user=%s mechanism=%s",
			    log_vis(a->address), log_vis(a->login),
			    authparse_mechanism(a->mechanism));
			if (a->backend->is_password)
				authanswer_used(a->login, time(NULL));
		}
	} else if (verdict == VERDICT_BAD) {
		stats.failed++;
		result = AUTH_BAD;
		log_info("event=auth-failed address=%s user=%s mechanism=%s "
		    "reason=%s", log_vis(a->address), log_vis(a->login),
		    authparse_mechanism(a->mechanism), reason);
		if (refuse_in_dialogue(a))
			return;
	}
	if (!a->cancelled) {
		stats.later += result == AUTH_LATER;
		authanswer_net(a->net_id, a->session, result, a);
	}
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
	authlimit_leave(a, result, now);
	if (verdict == VERDICT_GOOD) {
		if (a->backend->remembers)
			memo_add(a->mac, now);
		give_token_back(a);
	}
	TAILQ_FOREACH_SAFE(f, &attempts, entry, next) {
		if (f->stage == STAGE_FOLLOWING && f->leader == a->request)
			finish_one(f, verdict, reason);
	}
	if (verdict == VERDICT_GOOD && a->last[0] != '\0' && !a->cancelled) {
		set_stage(a, STAGE_LAST);
		authanswer_challenge(a, a->last, strlen(a->last));
		return;
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
authenticate_verdict_as(uint64_t request, const char *user, int64_t until_s)
{
	struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry) {
		if (a->request != request && (a->stage != STAGE_FOLLOWING ||
		    a->leader != request))
			continue;
		strlcpy(a->user, user, sizeof(a->user));
		a->until_s = until_s;
		if (a->backend->names_user)
			strlcpy(a->login, user, sizeof(a->login));
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
	set_stage(a, STAGE_CHECKING);
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

/* -1: answer LATER and forget it. */
static int
begin(struct attempt *a, struct child *net)
{
	struct attempt	*leader;
	struct timeval	 tv;
	uint64_t	 now = parent_now_ms();
	int64_t		 wait_ms;

	if ((leader = find_leader(a)) != NULL) {
		set_stage(a, STAGE_FOLLOWING);
		a->leader = leader->request;
		wipe(a);
		return 0;
	}
	if (!is_remembered(a, now) && !authlimit_take_token(a, net, now))
		return -1;
	if ((wait_ms = authlimit_enter(a, now)) == -1) {
		log_info("event=auth-refused address=%s user=%s mechanism=%s "
		    "reason=too-many-attempts", log_vis(a->address),
		    log_vis(a->login), authparse_mechanism(a->mechanism));
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

static size_t
count_of(uint32_t net_id, int asking)
{
	struct attempt	*a;
	size_t		 n = 0;

	TAILQ_FOREACH(a, &attempts, entry)
		n += a->net_id == net_id && is_asking(a->stage) == asking;
	return n;
}

/* One net may not wait for all there is: others have users, too. */
static int
has_its_share(uint32_t net_id)
{
	return stats.pending >= PENDING_MAX / 2 &&
	    count_of(net_id, 0) >= PENDING_MAX / 2;
}

/* Who can check this on a listener; NULL: nobody. */
static const struct auth_backend *
backend_of(const struct conf_listener *l, uint8_t mechanism)
{
	int	 is_scram = mechanism == AUTH_SCRAM ||
		    mechanism == AUTH_SCRAM_PLUS;

	if (mechanism == AUTH_EXTERNAL)
		return l->certs != NULL ? authexternal_backend() : NULL;
	if (mechanism == AUTH_OAUTHBEARER || mechanism == AUTH_XOAUTH2)
		return l->token != NULL ? authtoken_backend() : NULL;
	if (l->auth_system)
		return is_scram ? NULL : authsystem_backend();
	if (l->dovecot != 0)
		return is_scram ? NULL : authdovecot_backend();
	if (l->users != NULL && l->users->users != NULL)
		return is_scram ? authscram_backend() : authusers_backend();
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
	a->has_exporter = m->has_exporter != 0;
	memcpy(a->exporter, m->exporter, sizeof(a->exporter));
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

/* Everything about it is known: it stands in line, or is refused. */
static void
try_now(struct attempt *a, struct child *net, const struct conf_listener *l)
{
	authlimit_know(a, net);
	a->backend->prepare(a, l);
	if (begin(a, net) == -1)
		finish_one(a, VERDICT_UNKNOWN, NULL);
}

/*
 * Clients that never answer must not keep others from being asked, nor one
 * net those of another: it pushes out its own first.
 */
static void
make_room_for_dialogue(uint32_t net_id)
{
	struct attempt	*a;
	int		 is_own;

	if (ndialogues < DIALOGUES_MAX / 2)
		return;
	is_own = count_of(net_id, 1) >= DIALOGUES_MAX / 2;
	if (!is_own && ndialogues < DIALOGUES_MAX)
		return;
	TAILQ_FOREACH(a, &attempts, entry) {
		if (is_asking(a->stage) && (!is_own || a->net_id == net_id)) {
			attempt_free(a);
			return;
		}
	}
}

static void
ask(struct attempt *a, struct child *net, const struct conf_listener *l,
    const char *in, size_t insize)
{
	char	 out[CHALLENGE_MAX];
	int	 n;

	n = a->backend->open(a, l, in, insize, out, sizeof(out));
	if (n > 0) {
		make_room_for_dialogue(a->net_id);
		set_stage(a, STAGE_DIALOGUE);
		authanswer_challenge(a, out, (size_t)n);
	} else if (n == 0 || a->flaw != NULL)
		try_now(a, net, l);
	else
		finish_one(a, VERDICT_UNKNOWN, NULL);
	explicit_bzero(out, sizeof(out));
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
	if (m->mechanism < AUTH_PLAIN || m->mechanism > AUTH_XOAUTH2) {
		link_fault(link, "AUTH with an unknown mechanism");
		return;
	}
	if (authparse_prefix(m->address, prefix, sizeof(prefix)) == -1) {
		link_fault(link, "AUTH from something that is not an address");
		return;
	}
	if (!authlimit_may_ask(net, parent_now_ms())) {
		authanswer_net(child_id(net), m->session, AUTH_LATER, NULL);
		return;
	}
	if (find_session(m->session) != NULL) {
		link_fault(link, "second AUTH of a session before the answer");
		return;
	}
	/* A listener may have gone by a reload that net has not seen yet. */
	l = conf_listener_by_id(parent_conf(), m->listener);
	if (l == NULL || (backend = backend_of(l, m->mechanism)) == NULL ||
	    (a = attempt_new(m, child_id(net))) == NULL) {
		authanswer_net(child_id(net), m->session, AUTH_LATER, NULL);
		return;
	}
	a->backend = backend;
	strlcpy(a->prefix, prefix, sizeof(a->prefix));
	if (a->backend->open != NULL)
		ask(a, net, l, (const char *)(m + 1), in->size - sizeof(*m));
	else {
		a->flaw = authparse_plain(a, (const char *)(m + 1),
		    in->size - sizeof(*m));
		try_now(a, net, l);
	}
}

void
on_net_auth_step(struct link *link, struct link_in *in)
{
	const struct net_parent_step	*m = in->data;
	struct child			*net = link_arg(link);
	struct conf_listener		*l;
	struct attempt			*a;
	size_t				 size = in->size - sizeof(*m);

	if (m->session >> 32 != child_id(net)) {
		link_fault(link, "AUTH_STEP of a session that is not its own");
		return;
	}
	/* Pushed out meanwhile, or its listener went. */
	if ((a = find_session(m->session)) == NULL) {
		authanswer_net(child_id(net), m->session, AUTH_LATER, NULL);
		return;
	}
	l = conf_listener_by_id(parent_conf(), a->listener);
	if (a->stage == STAGE_LAST && a->is_refused) {
		authanswer_net(a->net_id, a->session, AUTH_BAD, a);
		attempt_free(a);
	} else if (a->stage == STAGE_LAST) {
		finish_one(a, size == 0 && a->flaw == NULL ?
		    VERDICT_GOOD : VERDICT_BAD, a->flaw != NULL ? a->flaw :
		    "malformed");
	} else if (a->stage != STAGE_DIALOGUE) {
		link_fault(link, "AUTH_STEP that was not asked for");
	} else if (l == NULL || l->users == NULL || l->users->users == NULL ||
	    stats.pending >= PENDING_MAX) {
		finish_one(a, VERDICT_UNKNOWN, NULL);
	} else {
		set_stage(a, STAGE_WAITING);
		a->backend->proof(a, (const char *)(m + 1), size);
		try_now(a, net, l);
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
	if ((a = find_session(m->session)) == NULL)
		return;
	/* What is checked goes on: hanging up must not save a guess from
	 * being counted. */
	if (is_asking(a->stage))
		attempt_free(a);
	else
		a->cancelled = 1;
}

void
authenticate_on_net_death(uint32_t proc_id)
{
	struct attempt	*a, *next;

	TAILQ_FOREACH_SAFE(a, &attempts, entry, next) {
		if (a->net_id != proc_id)
			continue;
		if (is_asking(a->stage))
			attempt_free(a);
		else
			a->cancelled = 1;
	}
}

void
authenticate_local(uint32_t net_id, uint64_t session, uint32_t listener,
    const char *user)
{
	struct attempt	 a;

	memset(&a, 0, sizeof(a));
	a.session = session;
	a.listener = listener;
	strlcpy(a.user, user != NULL ? user : "", sizeof(a.user));
	if (user == NULL)
		authanswer_net(net_id, session, AUTH_BAD, NULL);
	else if (authanswer_policy(&a) == -1)
		authanswer_net(net_id, session, AUTH_LATER, NULL);
	else {
		stats.ok++;
		authanswer_net(net_id, session, AUTH_OK, &a);
	}
}
