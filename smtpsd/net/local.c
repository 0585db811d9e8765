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

void
local_done(struct session *s, uint32_t result, const char *user)
{
	if (s->wait != WAIT_AUTH || s->user != NULL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	session_wake(s);
	if (result == AUTH_OK && *user != '\0' &&
	    (s->user = strdup(user)) != NULL) {
		stats_add(STAT_AUTH_OK, 1);
		journal_login(s);
		smtp_start(s);
		return;
	}
	session_reply(s, result == AUTH_BAD ? REPLY_NO_SERVICE :
	    REPLY_NOT_NOW, NULL);
	session_finish(s);
}
