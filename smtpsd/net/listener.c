/*
 * Accepts connections, in bounded batches so that a crowd at the door does
 * not starve the sessions inside.  When descriptors run out, accepting
 * pauses: a level-triggered socket that cannot be accepted from would spin.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <event.h>
#include <stdlib.h>
#include <tls.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "listener.h"
#include "session.h"
#include "stats.h"

#define ACCEPT_BATCH	32

struct listener {
	TAILQ_ENTRY(listener)		 entry;
	struct parent_net_listener	 info;
	struct event			 ev;
	struct tls			*server;
	int				 fd;	/* -1: retired */
	uint32_t			 refs;
};

static TAILQ_HEAD(, listener)	 active = TAILQ_HEAD_INITIALIZER(active);
static int			 paused;

static void
listener_pause(void)
{
	struct listener	*l;

	log_warn("accept: pausing");
	stats_add(STAT_ACCEPT_PAUSED, 1);
	TAILQ_FOREACH(l, &active, entry)
		event_del(&l->ev);
	paused = 1;
}

static void
on_accept(int fd, short what, void *arg)
{
	struct listener		*l = arg;
	struct sockaddr_storage	 ss;
	socklen_t		 size;
	int			 i, s, one = 1;

	(void)what;
	for (i = 0; i < ACCEPT_BATCH && !paused && l->fd != -1; i++) {
		size = sizeof(ss);
		s = accept4(fd, (struct sockaddr *)&ss, &size,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM)
				listener_pause();
			return;
		}
		(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		session_new(l, s, (struct sockaddr *)&ss, size);
	}
}

struct listener *
listener_new(const struct parent_net_listener *info, int fd,
    struct tls *server)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		close(fd);
		return NULL;
	}
	l->info = *info;
	l->fd = fd;
	l->server = server;
	l->refs = 1;
	return l;
}

void
listener_start(struct listener *l)
{
	event_set(&l->ev, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	TAILQ_INSERT_TAIL(&active, l, entry);
	if (!paused)
		event_add(&l->ev, NULL);
}

void
listener_retire(struct listener *l)
{
	if (l->fd == -1)
		return;
	event_del(&l->ev);
	TAILQ_REMOVE(&active, l, entry);
	close(l->fd);
	l->fd = -1;
}

struct listener *
listener_ref(struct listener *l)
{
	l->refs++;
	return l;
}

void
listener_unref(struct listener *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	if (l->fd != -1)
		close(l->fd);
	tls_free(l->server);
	free(l);
}

struct tls *
listener_tls(struct listener *l)
{
	return l->server;
}

const struct parent_net_listener *
listener_info(const struct listener *l)
{
	return &l->info;
}

void
listener_tick(void)
{
	struct listener	*l;

	if (!paused)
		return;
	paused = 0;
	TAILQ_FOREACH(l, &active, entry)
		event_add(&l->ev, NULL);
}
