/*
 * The connection: bytes between client.c and the socket.
 *
 * Called from the loop.  The socket comes connected from the parent, which
 * is asked for one when there is none: at once, then after pauses that
 * double up to PAUSE_MAX_MS.  While there is none every check is answered
 * "later"; none waits for a connection with its password in memory.
 */
#include <sys/types.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "client.h"
#include "connection.h"

#define PAUSE_MIN_MS	250
#define PAUSE_MAX_MS	8000
#define HELLO_MS	10000	/* for the handshake */
#define TICK_S		1

static struct {
	struct client	*client;
	int		 fd;		/* -1: none */
	int		 is_asked;	/* the parent owes an answer */
	int		 is_told;	/* the log knows that it is down */
	uint64_t	 since_ms;
	uint32_t	 pause_ms;
	struct event	 readable;
	struct event	 writable;
	struct event	 again;
	struct event	 tick;
	char		 path[PATHNAME_SIZE];
} conn = { .fd = -1 };

static void	flush(void);

static void
ask_for_one(void)
{
	if (conn.fd != -1 || conn.is_asked || conn.path[0] == '\0')
		return;
	conn.is_asked = 1;
	(void)link_send(proc_parent(), MSG_DOVECOT_PARENT_CONNECT, NULL, 0);
}

static void
ask_later(void)
{
	struct timeval	 tv;

	conn.pause_ms = conn.pause_ms == 0 ? PAUSE_MIN_MS :
	    conn.pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS :
	    conn.pause_ms * 2;
	tv.tv_sec = conn.pause_ms / 1000;
	tv.tv_usec = conn.pause_ms % 1000 * 1000;
	evtimer_add(&conn.again, &tv);
}

static void
drop(const char *why)
{
	if (conn.fd == -1)
		return;
	event_del(&conn.readable);
	event_del(&conn.writable);
	close(conn.fd);
	conn.fd = -1;
	client_give_up(conn.client, "connection-lost");
	if (!conn.is_told)
		log_warnx("%s: %s", log_vis(conn.path), why);
	conn.is_told = 1;
	client_start(conn.client, (unsigned int)getpid());
	ask_later();
}

static void
on_again(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ask_for_one();
}

static void
on_tick(int fd, short what, void *arg)
{
	struct timeval	 tv = { TICK_S, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	if (conn.fd != -1 && !client_is_ready(conn.client) &&
	    proc_now_ms() - conn.since_ms > HELLO_MS)
		drop("does not say hello");
	client_tick(conn.client, proc_now_ms());
	flush();
	evtimer_add(&conn.tick, &tv);
}

static void
flush(void)
{
	const char	*data;
	size_t		 size;
	ssize_t		 n;

	data = client_output(conn.client, &size);
	if (conn.fd == -1 || size == 0)
		return;
	if ((n = write(conn.fd, data, size)) == -1) {
		if (errno != EAGAIN && errno != EINTR) {
			drop(strerror(errno));
			return;
		}
		n = 0;
	}
	client_sent(conn.client, (size_t)n);
	if ((size_t)n < size)
		event_add(&conn.writable, NULL);
}

static void
on_writable(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	flush();
}

static void
on_readable(int fd, short what, void *arg)
{
	const char	*why = NULL;
	char		 buf[16384];
	int		 was_ready = client_is_ready(conn.client);
	ssize_t		 n;

	(void)what;
	(void)arg;
	if ((n = read(fd, buf, sizeof(buf))) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			drop(strerror(errno));
		return;
	}
	if (n == 0)
		drop("closed by Dovecot");
	else if (client_input(conn.client, buf, (size_t)n, &why) == -1)
		drop(why);
	else if (!was_ready && client_is_ready(conn.client)) {
		conn.pause_ms = 0;
		conn.is_told = 0;
		log_info("%s: connected", log_vis(conn.path));
	}
	explicit_bzero(buf, sizeof(buf));
	flush();
}

void
on_parent_socket(struct link *l, struct link_in *in)
{
	(void)l;
	conn.is_asked = 0;
	if (conn.fd != -1)	/* closed by the link */
		return;
	conn.fd = in->fd;
	in->fd = -1;
	(void)fcntl(conn.fd, F_SETFL, O_NONBLOCK);
	conn.since_ms = proc_now_ms();
	event_set(&conn.readable, conn.fd, EV_READ | EV_PERSIST, on_readable,
	    NULL);
	event_set(&conn.writable, conn.fd, EV_WRITE, on_writable, NULL);
	event_add(&conn.readable, NULL);
	client_start(conn.client, (unsigned int)getpid());
	flush();
}

/* The parent has said why in the log. */
void
on_parent_refused(struct link *l, struct link_in *in)
{
	(void)l;
	(void)in;
	conn.is_asked = 0;
	ask_later();
}

void
on_parent_conf(struct link *l, struct link_in *in)
{
	const struct parent_dovecot_conf	*m = in->data;

	(void)l;
	if (strcmp(m->path, conn.path) != 0) {
		drop("another socket is configured");
		strlcpy(conn.path, m->path, sizeof(conn.path));
		conn.pause_ms = 0;
		conn.is_told = 0;
		evtimer_del(&conn.again);
	}
	ask_for_one();
}

static void
on_verdict(const struct backend_parent_result *r)
{
	(void)link_send(proc_parent(), MSG_BACKEND_PARENT_RESULT, r,
	    sizeof(*r));
}

void
on_parent_check(struct link *l, struct link_in *in)
{
	const struct parent_backend_check	*check = in->data;
	struct backend_parent_result		 later;
	const char				*reason;

	(void)l;
	if (client_ask(conn.client, check, proc_now_ms(), &reason) == 0) {
		flush();
		return;
	}
	memset(&later, 0, sizeof(later));
	later.request = check->request;
	later.verdict = BACKEND_LATER;
	strlcpy(later.reason, reason, sizeof(later.reason));
	on_verdict(&later);
}

int
connection_init(void)
{
	struct timeval	 tv = { TICK_S, 0 };

	if ((conn.client = client_new(on_verdict)) == NULL)
		return -1;
	evtimer_set(&conn.again, on_again, NULL);
	evtimer_set(&conn.tick, on_tick, NULL);
	return evtimer_add(&conn.tick, &tv);
}
