/*
 * Accepts connections, in bounded batches so that a crowd at the door does
 * not starve the sessions inside.  When descriptors run out, accepting
 * pauses: a level-triggered socket that cannot be accepted from would spin.
 * It pauses a few descriptors before that, because a process that starts
 * afresh comes with a link, which is a descriptor, and control with another.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/table.h"
#include "admit.h"
#include "listener.h"
#include "stats.h"

#define ACCEPT_BATCH	32
#define RESERVE		16	/* descriptors kept for links */
#define COMPLAIN_MS	60000

/* What listeners of one id share over reloads. */
struct tally {
	TAILQ_ENTRY(tally)	 entry;
	uint32_t		 id;
	uint32_t		 refs;
	uint32_t		 sessions;
};

struct listener {
	TAILQ_ENTRY(listener)		 entry;
	struct parent_net_listener	 info;
	struct event			 ev;
	struct tls			*server;
	struct table			*nets;
	struct tally			*tally;
	int				 fd;	/* -1: retired */
	uint32_t			 refs;
	uint32_t			 mechanisms;	/* AUTH_BIT()s */
};

static TAILQ_HEAD(, listener)	 active = TAILQ_HEAD_INITIALIZER(active);
static TAILQ_HEAD(, tally)	 tallies = TAILQ_HEAD_INITIALIZER(tallies);
static int			 paused;
static int			 held;		/* by the administrator */
static uint64_t			 paused_sessions;	/* then; 0: any */
static uint64_t			 complained_ms;

/* Descriptors are given from the lowest: its number says how many there are. */
static int
is_reserved(int fd)
{
	struct rlimit	rl;
	rlim_t		keep;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return 0;
	keep = rl.rlim_cur / 4 < RESERVE ? rl.rlim_cur / 4 : RESERVE;
	return (rlim_t)fd + keep >= rl.rlim_cur;
}

/* sessions: go on when there are fewer; 0: try again soon. */
static void
listener_pause(const char *why, uint64_t sessions)
{
	struct listener	*l;

	if (complained_ms == 0 || proc_now_ms() - complained_ms > COMPLAIN_MS) {
		complained_ms = proc_now_ms();
		log_warnx("accept: pausing with %llu sessions: %s",
		    (unsigned long long)stats_get(STAT_SESSIONS), why);
	}
	paused_sessions = sessions;
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
				listener_pause(strerror(errno), 0);
			return;
		}
		(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		admit_client(l, s, (struct sockaddr *)&ss);
		if (is_reserved(s))
			listener_pause("too few descriptors left",
			    stats_get(STAT_SESSIONS));
	}
}

static struct tally *
tally_take(uint32_t id)
{
	struct tally	*t;

	TAILQ_FOREACH(t, &tallies, entry)
		if (t->id == id)
			break;
	if (t == NULL) {
		if ((t = calloc(1, sizeof(*t))) == NULL)
			return NULL;
		t->id = id;
		TAILQ_INSERT_TAIL(&tallies, t, entry);
	}
	t->refs++;
	return t;
}

static void
tally_drop(struct tally *t)
{
	if (--t->refs > 0)
		return;
	TAILQ_REMOVE(&tallies, t, entry);
	free(t);
}

struct listener *
listener_new(const struct parent_net_listener *info, int fd,
    struct tls *server, struct table *nets)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->tally = tally_take(info->id)) == NULL) {
		free(l);
		close(fd);
		tls_free(server);
		table_free(nets);
		return NULL;
	}
	l->info = *info;
	l->fd = fd;
	l->server = server;
	l->nets = nets;
	l->refs = 1;
	return l;
}

void
listener_hold(int is_held)
{
	struct listener	*l;

	if (held == is_held)
		return;
	held = is_held;
	TAILQ_FOREACH(l, &active, entry)
		if (held)
			event_del(&l->ev);
		else if (!paused)
			event_add(&l->ev, NULL);
}

void
listener_start(struct listener *l)
{
	event_set(&l->ev, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	TAILQ_INSERT_TAIL(&active, l, entry);
	if (!paused && !held)
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
listener_join(struct listener *l)
{
	l->refs++;
	l->tally->sessions++;
	return l;
}

void
listener_part(struct listener *l)
{
	if (l == NULL)
		return;
	l->tally->sessions--;
	listener_unref(l);
}

uint32_t
listener_sessions(const struct listener *l)
{
	return l->tally->sessions;
}

int
listener_trusts(const struct listener *l, const char *address)
{
	return l->nets != NULL && table_has_net(l->nets, address);
}

void
listener_each(void (*each)(struct listener *, void *), void *arg)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &active, entry)
		each(l, arg);
}

void
listener_unref(struct listener *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	if (l->fd != -1)
		close(l->fd);
	tls_free(l->server);
	table_free(l->nets);
	tally_drop(l->tally);
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

	if (!paused || (paused_sessions != 0 &&
	    stats_get(STAT_SESSIONS) >= paused_sessions))
		return;
	paused = 0;
	TAILQ_FOREACH(l, &active, entry)
		if (!held)
			event_add(&l->ev, NULL);
}

uint32_t
listener_mechanisms(const struct listener *l)
{
	return l->mechanisms;
}

void
listener_set_mechanisms(struct listener *l, uint32_t mechanisms)
{
	l->mechanisms = mechanisms;
}
