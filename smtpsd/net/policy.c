/*
 * The link to policy.  A reply for a session or transaction that is gone is
 * stale: counted, ignored.
 */
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "policy.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"

#define BACKLOG_MAX	(16U << 20)	/* bytes that policy has not read */

static struct link	*policy;

/* The words behind a struct, or NULL. */
static const char *
tail_text(const struct link_in *in, size_t size)
{
	static char	text[REPLY_ARG_MAX + 1];

	if (in->size == size)
		return NULL;
	memcpy(text, (const char *)in->data + size, in->size - size);
	text[in->size - size] = '\0';
	return text;
}

static void
on_policy_mail_done(struct link *link, struct link_in *in)
{
	struct policy_net_mail_done	 done;
	struct session			*s;

	(void)link;
	memcpy(&done, in->data, sizeof(done));
	if ((s = session_find(done.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_mail_done(s, done.tx, done.message, done.reply,
		    tail_text(in, sizeof(done)));
}

static void
on_policy_rcpt_done(struct link *link, struct link_in *in)
{
	struct policy_net_rcpt_done	 done;
	struct session			*s;

	(void)link;
	memcpy(&done, in->data, sizeof(done));
	if ((s = session_find(done.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_rcpt_done(s, done.tx, done.n, done.reply, done.count,
		    tail_text(in, sizeof(done)));
}

static void
on_policy_header_done(struct link *link, struct link_in *in)
{
	struct policy_net_header_done	 done;
	struct session			*s;

	(void)link;
	memcpy(&done, in->data, sizeof(done));
	if ((s = session_find(done.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_header_done(s, done.tx, done.reply, done.n);
}

static void
on_policy_revoked(struct link *link, struct link_in *in)
{
	struct policy_net_revoked	 m;
	struct session			*s;

	(void)link;
	memcpy(&m, in->data, sizeof(m));
	if ((s = session_find(m.session)) == NULL)
		stats_add(STAT_STALE, 1);
	else
		smtp_revoked(s, m.tx);
}

static const struct link_rule rules[] = {
	{ MSG_POLICY_NET_MAIL_DONE, LINK_STATE_ANY, on_policy_mail_done },
	{ MSG_POLICY_NET_RCPT_DONE, LINK_STATE_ANY, on_policy_rcpt_done },
	{ MSG_POLICY_NET_HEADER_DONE, LINK_STATE_ANY, on_policy_header_done },
	{ MSG_POLICY_NET_REVOKED, LINK_STATE_ANY, on_policy_revoked },
};

static void
policy_is_down(void)
{
	policy = NULL;
	session_each(smtp_policy_down, NULL);
}

static void
on_policy_down(struct link *link, const char *why)
{
	log_warnx("policy: link down: %s", why == NULL ? "closed" : why);
	if (link == policy)
		policy_is_down();
}

void
policy_set_link(int fd, uint32_t peer_id)
{
	struct link_end	end;

	if (policy != NULL) {
		link_close(policy);
		policy_is_down();
	}
	memset(&end, 0, sizeof(end));
	end.name = "policy";
	end.rules = rules;
	end.nrules = sizeof(rules) / sizeof(rules[0]);
	end.down = on_policy_down;
	end.peer_id = peer_id;
	if ((policy = link_new(fd, &end)) == NULL) {
		log_warn("policy: link");
		close(fd);
	}
}

/*
 * Clients may send as fast as they like, without waiting for an answer: that
 * policy cannot keep pace is no fault of it, and theirs to be told.
 */
static int
is_behind(void)
{
	return link_queued(policy) > BACKLOG_MAX;
}

int
policy_mail(const struct net_policy_mail *m, const char *envid)
{
	return is_behind() ? -1 : link_send_tail(policy, MSG_NET_POLICY_MAIL,
	    m, sizeof(*m), envid, strlen(envid));
}

int
policy_rcpt(const struct net_policy_rcpt *r, const char *orcpt)
{
	return is_behind() ? -1 : link_send_tail(policy, MSG_NET_POLICY_RCPT,
	    r, sizeof(*r), orcpt, strlen(orcpt));
}

int
policy_header(uint64_t session, uint32_t tx, const char *tail, size_t size)
{
	struct net_policy_header	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	return is_behind() ? -1 : link_send_tail(policy, MSG_NET_POLICY_HEADER,
	    &m, sizeof(m), tail, size);
}

static void
policy_session(uint32_t type, uint64_t session, uint32_t tx)
{
	struct net_policy_session	m;

	memset(&m, 0, sizeof(m));
	m.session = session;
	m.tx = tx;
	(void)link_send(policy, type, &m, sizeof(m));
}

void
policy_reset(uint64_t session, uint32_t tx)
{
	policy_session(MSG_NET_POLICY_RESET, session, tx);
}

void
policy_end(uint64_t session)
{
	policy_session(MSG_NET_POLICY_END, session, 0);
}
