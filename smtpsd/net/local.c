/*
 * Sessions over a Unix socket: who the user is, the parent finds out from the
 * socket itself.  The greeting waits for it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/link.h"
#include "base/proc.h"
#include "mail/reply.h"
#include "journal.h"
#include "listener.h"
#include "local.h"
#include "perip.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"

int
local_start(struct session *s)
{
	struct net_parent_peer	m;
	int			fd;

	memset(&m, 0, sizeof(m));
	m.session = s->id;
	m.listener = listener_info(s->listener)->id;
	if ((fd = fcntl(s->tio.fd, F_DUPFD_CLOEXEC, 5)) == -1)
		return -1;
	if (link_send_fd(proc_parent(), MSG_NET_PARENT_PEER, fd, &m,
	    sizeof(m)) == -1)
		return -1;
	s->wait = WAIT_AUTH;
	s->policy_knows = 1;	/* before we do: it must hear of the end */
	return 0;
}

/*
 * Until here he was one of all that have no address; now the places he takes
 * are his.
 */
static uint32_t
count_user(struct session *s, const char *user)
{
	struct perip	*perip = perip_take_user(user);

	if (perip == NULL)
		return REPLY_NOT_NOW;
	perip_drop(s->perip);
	s->perip = perip;
	if (perip_count(perip) <= listener_info(s->listener)->sessions_per_ip)
		return REPLY_NONE;
	stats_add(STAT_REFUSED, 1);
	return REPLY_TOO_MANY_SESSIONS;
}

void
local_done(struct session *s, uint32_t result, const char *user)
{
	uint32_t	reply;

	if (s->wait != WAIT_AUTH || s->user != NULL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	session_wake(s);
	if (result == AUTH_OK && *user != '\0')
		reply = count_user(s, user);
	else
		reply = result == AUTH_BAD ? REPLY_NO_SERVICE : REPLY_NOT_NOW;
	if (reply == REPLY_NONE && (s->user = strdup(user)) != NULL) {
		stats_add(STAT_AUTH_OK, 1);
		journal_login(s);
		smtp_start(s);
		return;
	}
	session_reply(s, reply == REPLY_NONE ? REPLY_NOT_NOW : reply, NULL);
	session_finish(s);
}
