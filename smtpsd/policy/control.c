/*
 * Answers to control: counters, and what users have used of their limits.
 * State owned: the link.
 */
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"
#include "book.h"
#include "conf.h"
#include "control.h"
#include "quota.h"
#include "session.h"
#include "transaction.h"
#include "users.h"

static struct link	*control;

static void
on_control_stats(struct link *link, struct link_in *in)
{
	const struct control_request	*req = in->data;
	const struct policy_counts	*n = policy_counts();
	struct book_counts		 book = book_count();
	const struct { const char *name; uint64_t value; } all[] = {
		{ "policy.sessions", book.sessions },
		{ "policy.authenticated", book.authenticated },
		{ "policy.mail.accepted", n->mail_ok },
		{ "policy.mail.refused", n->mail_refused },
		{ "policy.rcpt.accepted", n->rcpt_ok },
		{ "policy.rcpt.refused", n->rcpt_refused },
		{ "policy.rcpt.queued", n->handed },
		{ "policy.rcpt.waiting", n->parked },
		{ "policy.users.cached", users_count() },
	};
	size_t				 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		control_answer_stat(link, req->request, all[i].name,
		    all[i].value);
	control_answer_done(link, req->request, 0, NULL);
}

static void
on_limit_row(const struct limit_info *info, void *arg)
{
	struct policy_control_limit	row;

	memset(&row, 0, sizeof(row));
	row.request = *(uint64_t *)arg;
	row.info = *info;
	link_send(control, MSG_POLICY_CONTROL_LIMIT, &row, sizeof(row));
}

static void
on_control_limits(struct link *link, struct link_in *in)
{
	const struct control_request	*req = in->data;
	uint64_t			 request = req->request;
	char				 user[LOGIN_SIZE];
	size_t				 size = in->size - sizeof(*req);

	memcpy(user, req + 1, size);	/* less than LOGIN_SIZE: its shape */
	user[size] = '\0';
	if (!control_answer_may_list(link, request))
		return;
	if (conf_current() != NULL && link == control)
		quota_show(user, &conf_current()->limits, proc_now_s(),
		    on_limit_row, &request);
	control_answer_done(link, request, 0, NULL);
}

/* net is told as well, but may not care. */
static void
on_control_kill(struct link *link, struct link_in *in)
{
	const struct control_request	*req = in->data;

	session_revoke(req->arg);
	control_answer_done(link, req->request, 0, NULL);
}

static const struct link_rule	control_rules[] = {
	{ MSG_CONTROL_NET_KILL, LINK_STATE_ANY, on_control_kill },
	{ MSG_CONTROL_ANY_STATS, LINK_STATE_ANY, on_control_stats },
	{ MSG_CONTROL_POLICY_LIMITS, LINK_STATE_ANY, on_control_limits },
};

static void
on_control_down(struct link *link, const char *why)
{
	(void)why;
	if (link == control)
		control = NULL;
}

void
control_link(uint32_t peer_id, int fd)
{
	struct link_end	 end;
	struct link	*link;

	memset(&end, 0, sizeof(end));
	end.name = "control";
	end.rules = control_rules;
	end.nrules = sizeof(control_rules) / sizeof(control_rules[0]);
	end.down = on_control_down;
	end.peer_id = peer_id;
	if ((link = link_new(fd, &end)) == NULL) {
		log_warn("control link");
		close(fd);
		return;
	}
	link_close(control);
	control = link;
}
