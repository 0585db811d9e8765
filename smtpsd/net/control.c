/*
 * Answers control: what sessions there are, what was counted; ends one.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/reply.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"
#include "control.h"
#include "journal.h"
#include "listener.h"
#include "session.h"
#include "stats.h"

static struct link	*control;

static void
on_control_stats(struct link *link, struct link_in *in)
{
	const struct control_request	*req = in->data;
	int				 i;

	for (i = 0; i < STAT_MAX; i++)
		control_answer_stat(link, req->request,
		    stats_name((enum counter)i), stats_get((enum counter)i));
	control_answer_done(link, req->request, 0, NULL);
}

static void
control_session(struct session *s, void *arg)
{
	struct net_control_session	 m;
	struct session_info		*i = &m.info;
	const char			*version, *cipher;

	memset(&m, 0, sizeof(m));
	m.request = *(uint64_t *)arg;
	i->session = s->id;
	i->bytes = s->bytes;
	i->age_s = (proc_now_ms() - s->start_ms) / 1000;
	i->idle_s = (proc_now_ms() - s->last_ms) / 1000;
	i->messages = s->messages;
	i->port = listener_info(s->listener)->port;
	i->kind = listener_info(s->listener)->kind;
	strlcpy(i->address, s->address, sizeof(i->address));
	if (s->tio.is_open) {
		tio_cipher(&s->tio, &version, &cipher);
		strlcpy(i->tls_version, version, sizeof(i->tls_version));
		strlcpy(i->tls_cipher, cipher, sizeof(i->tls_cipher));
	}
	strlcpy(i->state, journal_state(s), sizeof(i->state));
	if (s->user != NULL)
		strlcpy(i->user, s->user, sizeof(i->user));
	(void)link_send(control, MSG_NET_CONTROL_SESSION, &m, sizeof(m));
}

static void
on_control_sessions(struct link *link, struct link_in *in)
{
	struct control_request	req;

	(void)link;
	memcpy(&req, in->data, sizeof(req));
	if (!control_answer_may_list(control, req.request))
		return;
	session_each(control_session, &req.request);
	control_answer_done(control, req.request, 0, NULL);
}

static void
control_listener(struct listener *l, void *arg)
{
	const struct parent_net_listener	*from = listener_info(l);
	struct net_control_listener		 m;

	memset(&m, 0, sizeof(m));
	m.request = *(uint64_t *)arg;
	m.info.id = from->id;
	m.info.sessions = listener_sessions(l);
	m.info.port = from->port;
	m.info.kind = from->kind;
	m.info.has_tls = listener_tls(l) != NULL;
	m.info.has_auth = from->auth;
	strlcpy(m.info.address, from->address, sizeof(m.info.address));
	strlcpy(m.info.tag, from->tag, sizeof(m.info.tag));
	(void)link_send(control, MSG_NET_CONTROL_LISTENER, &m, sizeof(m));
}

static void
on_control_listeners(struct link *link, struct link_in *in)
{
	struct control_request	req;

	(void)link;
	memcpy(&req, in->data, sizeof(req));
	listener_each(control_listener, &req.request);
	control_answer_done(control, req.request, 0, NULL);
}

static void
on_control_kill(struct link *link, struct link_in *in)
{
	struct control_request	 req;
	struct session		*s;

	(void)link;
	memcpy(&req, in->data, sizeof(req));
	if ((s = session_find(req.arg)) == NULL) {
		control_answer_done(control, req.request, 1, "no such session");
		return;
	}
	/* Between replies it can be told; within DATA it is cut. */
	if (s->mode == MODE_COMMAND && s->wait == WAIT_NOTHING &&
	    !s->is_closing) {
		s->why = "ended by the administrator";
		session_reply(s, REPLY_SHUTDOWN, NULL);
		session_finish(s);
	} else {
		session_drop(s, "ended by the administrator");
	}
	control_answer_done(control, req.request, 0, NULL);
}

static void
on_control_pause(struct link *link, struct link_in *in)
{
	const struct control_request	*req = in->data;

	if (req->arg & PAUSE_SMTP)
		listener_hold(req->limit != 0);
	control_answer_done(link, req->request, 0, NULL);
}

static const struct link_rule rules[] = {
	{ MSG_CONTROL_ANY_PAUSE, LINK_STATE_ANY, on_control_pause },
	{ MSG_CONTROL_ANY_STATS, LINK_STATE_ANY, on_control_stats },
	{ MSG_CONTROL_NET_SESSIONS, LINK_STATE_ANY, on_control_sessions },
	{ MSG_CONTROL_NET_LISTENERS, LINK_STATE_ANY, on_control_listeners },
	{ MSG_CONTROL_NET_KILL, LINK_STATE_ANY, on_control_kill },
};

static void
on_control_down(struct link *link, const char *why)
{
	log_warnx("control: link down: %s", why == NULL ? "closed" : why);
	if (link == control)
		control = NULL;
}

void
control_set_link(int fd, uint32_t peer_id)
{
	struct link_end	end;

	link_close(control);
	memset(&end, 0, sizeof(end));
	end.name = "control";
	end.rules = rules;
	end.nrules = sizeof(rules) / sizeof(rules[0]);
	end.down = on_control_down;
	end.peer_id = peer_id;
	if ((control = link_new(fd, &end)) == NULL) {
		log_warn("control: link");
		close(fd);
	}
}
