/*
 * What the parent says about logins: to net the answers, to policy who is
 * logged in where and whose password is no longer good, to the queue, which
 * has a disk, when a password was used.  Called by
 * authenticate.c and, with old and new users files, by parent.c.  No state.
 */
#include <string.h>

#include "attempt.h"
#include "authanswer.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "mail/table.h"
#include "mail/usersfile.h"
#include "proto/parent_policy.h"
#include "proto/parent_queue.h"

/* Seconds that the login is good for; 0: for ever. */
static uint32_t
seconds_left(const struct attempt *a)
{
	int64_t	 left = a->until_s - time(NULL);

	if (a->until_s == 0)
		return 0;
	return left < 1 ? 1 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

void
authanswer_net(uint32_t net_id, uint64_t session, enum auth_result result,
    const struct attempt *a)
{
	struct parent_net_auth_done	 done = { 0 };

	done.session = session;
	done.result = result;
	if (result == AUTH_OK) {
		done.valid_s = seconds_left(a);
		strlcpy(done.user, a->user, sizeof(done.user));
		if (a->device[0] != '\0')
			strlcat(done.user, "/", sizeof(done.user));
		strlcat(done.user, a->device, sizeof(done.user));
	}
	(void)link_send(child_link_by_id(PROC_NET, net_id),
	    MSG_PARENT_NET_AUTH_DONE, &done, sizeof(done));
}

void
authanswer_challenge(const struct attempt *a, const char *text, size_t size)
{
	struct parent_net_challenge	 m = { 0 };

	m.session = a->session;
	(void)link_send_tail(child_link_by_id(PROC_NET, a->net_id),
	    MSG_PARENT_NET_AUTH_CHALLENGE, &m, sizeof(m), text, size);
}

int
authanswer_policy(const struct attempt *a)
{
	struct parent_policy_authenticated	 m = { 0 };
	struct link				*policy;

	if ((policy = child_link(PROC_POLICY, 0)) == NULL)
		return -1;
	m.session = a->session;
	m.listener = a->listener;
	m.valid_s = seconds_left(a);
	strlcpy(m.user, a->user, sizeof(m.user));
	strlcpy(m.device, a->device, sizeof(m.device));
	strlcpy(m.scope, a->scope, sizeof(m.scope));
	if (link_send(policy, MSG_PARENT_POLICY_AUTHENTICATED, &m,
	    sizeof(m)) == -1)
		return -1;
	link_flush(policy);
	return 0;
}

void
authanswer_used(const char *login, time_t when)
{
	struct parent_queue_login	 m = { 0 };

	m.used_s = (uint64_t)when;
	strlcpy(m.login, login, sizeof(m.login));
	(void)link_send(child_link(PROC_QUEUE, 0), MSG_PARENT_QUEUE_LOGIN, &m,
	    sizeof(m));
}

static int
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
revoke(struct link *policy, const struct user *user)
{
	struct parent_policy_revoked	 m = { 0 };

	if (users_owner(user, m.user, sizeof(m.user)) == -1)
		return;
	if (user->device != NULL)
		strlcpy(m.device, user->device, sizeof(m.device));
	(void)link_send(policy, MSG_PARENT_POLICY_REVOKED, &m, sizeof(m));
	log_info("event=auth-revoked user=%s",
	    log_vis(user->login));
}

struct certs {
	const struct users	*users;	/* that the logins were of, or NULL */
	const struct table	*now;	/* or NULL */
	struct link		*policy;
};

static void
revoke_cert(const char *key, const char *login, void *arg)
{
	const struct certs	*c = arg;
	const struct user	*found;
	struct user		 user = { 0 };

	if (c->now != NULL && is_same_text(table_get(c->now, key), login))
		return;
	/* Where there were no users, a login is a whole user. */
	user.login = login;
	found = c->users == NULL ? &user : users_find(c->users, login);
	if (found != NULL)
		revoke(c->policy, found);
}

static void
revoke_certs(const struct conf *old, const struct conf *new)
{
	const struct conf_listener	*was, *is;
	struct certs			 c;
	size_t				 i;

	if ((c.policy = child_link(PROC_POLICY, 0)) == NULL)
		return;
	for (i = 0; i < old->nlisteners; i++) {
		was = old->listeners[i];
		if (was->certs == NULL || was->naddrs == 0)
			continue;
		is = conf_listener_by_id(new, was->addrs[0].id);
		c.users = was->users == NULL ? NULL : was->users->users;
		c.now = is == NULL ? NULL : is->certs;
		table_each(was->certs, revoke_cert, &c);
	}
	link_flush(c.policy);
}

/* Only the hash and the scope decide: a verifier added later is no change. */
void
authanswer_revoked(const struct users *old, const struct users *new)
{
	const struct user	*was, *is;
	struct link		*policy;
	size_t			 i;

	/* Without policy there is nothing to revoke: it knows nobody. */
	policy = child_link(PROC_POLICY, 0);
	for (i = 0; i < users_count(old); i++) {
		was = users_at(old, i);
		is = new == NULL ? NULL : users_find_live(new, was->login);
		if (is == NULL || strcmp(is->hash, was->hash) != 0)
			authanswer_used(was->login, 0);
		if (is == NULL || strcmp(is->hash, was->hash) != 0 ||
		    (is->device == NULL) != (was->device == NULL) ||
		    !is_same_text(is->scope, was->scope))
			revoke(policy, was);
	}
	link_flush(policy);
}

/* The users file of the same path, or NULL. */
static const struct users *
users_of(const struct conf *c, const char *path)
{
	size_t	 i;

	for (i = 0; i < c->ntables; i++)
		if (c->tables[i]->users != NULL &&
		    strcmp(c->tables[i]->path, path) == 0)
			return c->tables[i]->users;
	return NULL;
}

void
authanswer_revoked_conf(const struct conf *old, const struct conf *new)
{
	size_t	 i;

	for (i = 0; i < old->ntables; i++)
		if (old->tables[i]->users != NULL)
			authanswer_revoked(old->tables[i]->users,
			    users_of(new, old->tables[i]->path));
	revoke_certs(old, new);
}
