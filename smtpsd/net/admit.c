/*
 * Who may come in: the limits on sessions, the PROXY header of those that
 * have to send one, and the first step of a session whose address is
 * settled.  listener.c hands over what it accepted; session.c calls when more
 * of a header has come and when a session ends.
 *
 * State owned: how many of the sessions are there only to be refused.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "mail/reply.h"
#include "admit.h"
#include "conf.h"
#include "listener.h"
#include "local.h"
#include "perip.h"
#include "session.h"
#include "smtp.h"
#include "source.h"
#include "stats.h"

#define REFUSED_MAX	64	/* sessions that only get a 421 */

static uint32_t	nrefused;

void
admit_leave(const struct session *s)
{
	if (s->refuse != REPLY_NONE)
		nrefused--;
}

/*
 * A crowd gets a 421, but only so many at a time cost a handshake.  Whose it
 * is is not known yet behind a proxy or at a Unix socket: a loop of one user
 * there must not be the crowd of another (local.c counts his).
 */
static int
admit_check(struct session *s, const struct listener *l, int is_proxy)
{
	const struct parent_net_listener	*info = listener_info(l);
	const uint32_t				 self = s->id != 0;

	if (session_count() - nrefused - self < conf_limits()->sessions_max &&
	    listener_sessions(l) - self < info->sessions_max &&
	    !session_is_stopping() && (is_proxy ||
	    info->kind == LISTENER_LOCAL ||
	    perip_count(s->perip) <= info->sessions_per_ip))
		return 0;
	stats_add(STAT_REFUSED, 1);
	if (nrefused >= REFUSED_MAX || session_is_stopping())
		return -1;
	s->refuse = REPLY_TOO_MANY_SESSIONS;
	s->why = "too many sessions";
	nrefused++;
	return 0;
}

/* The address is settled. */
static void
admit_begin(struct session *s)
{
	const uint8_t	kind = listener_info(s->listener)->kind;

	if (kind == LISTENER_SMTPS) {
		s->mode = MODE_HANDSHAKE;
		if (tio_start_tls(&s->tio, listener_tls(s->listener)) == -1)
			session_drop(s, "no memory");
		return;
	}
	s->mode = MODE_COMMAND;
	if (kind != LISTENER_LOCAL || s->refuse != REPLY_NONE)
		smtp_start(s);
	else if (local_start(s) == -1)
		session_drop(s, "the parent cannot be asked");
}

void
admit_proxy(struct session *s)
{
	struct sockaddr_storage	 ss;
	struct perip		*perip;

	switch (source_proxy(s, &ss)) {
	case SOURCE_MORE:
		return;
	case SOURCE_BAD:
		session_drop(s, "no PROXY header");
		return;
	case SOURCE_OK:
		break;
	}
	if (ss.ss_family != AF_UNSPEC) {
		if ((perip = perip_take((struct sockaddr *)&ss)) == NULL ||
		    source_text(s->address, sizeof(s->address),
		    (struct sockaddr *)&ss) == -1) {
			perip_drop(perip);
			session_drop(s, "no memory");
			return;
		}
		perip_drop(s->perip);
		s->perip = perip;
	}
	if (s->refuse == REPLY_NONE && admit_check(s, s->listener,
	    ss.ss_family == AF_UNSPEC) == -1)
		session_drop(s, "too many sessions");
	else
		admit_begin(s);
}

/* 1: its peer has to begin with a PROXY header; -1: it must not. */
static int
admit_is_proxied(const struct session *s, const struct listener *l)
{
	if ((listener_info(l)->flags & (LISTENER_PROXY_V1 |
	    LISTENER_PROXY_V2)) == 0)
		return 0;
	if (listener_trusts(l, s->address))
		return 1;
	log_info("address=%s port=%u closed: not listed for PROXY",
	    s->address, listener_info(l)->port);
	stats_add(STAT_REFUSED, 1);
	return -1;
}

void
admit_client(struct listener *l, int fd, const struct sockaddr *sa)
{
	struct session	*s;
	int		 is_proxy;

	stats_add(STAT_CONNECTED, 1);
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->perip = perip_take(sa)) == NULL ||
	    source_text(s->address, sizeof(s->address), sa) == -1)
		goto failed;
	if ((is_proxy = admit_is_proxied(s, l)) == -1)
		goto failed;
	tio_open(&s->tio, fd);
	if (admit_check(s, l, is_proxy) == -1) {
		tio_close(&s->tio);
		fd = -1;
		goto failed;
	}
	session_add(s, l, fd);
	if (is_proxy)
		s->mode = MODE_PROXY;
	else
		admit_begin(s);
	return;
failed:
	if (s != NULL)
		perip_drop(s->perip);
	free(s);
	if (fd != -1)
		close(fd);
}
