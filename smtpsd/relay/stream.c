/*
 * Streams.  Plain reads go through one shared buffer; what cannot be used at
 * once is the user's to keep.  A stream is freed at the end of the turn, so
 * that a call back may close it.  Knows nothing of SMTP.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "base/log.h"

#include "stream.h"

#define READ_SIZE	65536
#define READS_MAX	4	/* of one turn: the others want to live, too */
#define OUTPUT_KEEP	32768	/* bytes of buffer an idle stream may keep */

struct stream {
	TAILQ_ENTRY(stream)	 dirty;
	const struct stream_events *on;
	void			*arg;
	struct tls		*tls;
	struct event		 read_event;
	struct event		 write_event;
	int			 fd;
	int			 is_shaking, is_secure;
	int			 is_dead, is_dirty, is_failed;
	int			 write_waits;	/* TLS: for input */
	int			 read_waits;	/* TLS: for room */
	char			*out;
	size_t			 out_start, out_used, out_size;
	uint64_t		 sent;
};

static TAILQ_HEAD(, stream) dirty_streams =
    TAILQ_HEAD_INITIALIZER(dirty_streams);
static char read_buffer[READ_SIZE];

static void	on_readable(int, short, void *);
static void	on_writable(int, short, void *);
static ssize_t	input_read(struct stream *, const char **);

static void
stream_mark(struct stream *s)
{
	if (s->is_dirty)
		return;
	s->is_dirty = 1;
	TAILQ_INSERT_TAIL(&dirty_streams, s, dirty);
}

static void
stream_fail(struct stream *s, const char *why)
{
	if (s->is_dead || s->is_failed)
		return;
	s->is_failed = 1;
	event_del(&s->read_event);
	event_del(&s->write_event);
	s->on->failed(s->arg, why);
}

struct stream *
stream_from_fd(int fd, const struct stream_events *on, void *arg)
{
	struct stream *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->fd = fd;
	s->on = on;
	s->arg = arg;
	event_set(&s->read_event, fd, EV_READ | EV_PERSIST, on_readable, s);
	event_set(&s->write_event, fd, EV_WRITE, on_writable, s);
	event_add(&s->read_event, NULL);
	return s;
}

static void
stream_free(struct stream *s)
{
	if (s->tls != NULL) {
		(void)tls_close(s->tls);
		tls_free(s->tls);
	}
	close(s->fd);
	if (s->out != NULL)
		explicit_bzero(s->out, s->out_size);
	free(s->out);
	free(s);
}

/* Bytes written, 0: it would block, -1: failed. */
static ssize_t
output_write(struct stream *s, const char **why)
{
	const char *data = s->out + s->out_start;
	size_t size = s->out_used - s->out_start;
	ssize_t n;

	if (s->tls != NULL) {
		n = tls_write(s->tls, data, size);
		s->write_waits = n == TLS_WANT_POLLIN;
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT)
			return 0;
		if (n == -1)
			*why = tls_error(s->tls);
		return n;
	}
	n = send(s->fd, data, size, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1)
		*why = strerror(errno);
	return n;
}

/* 0: sent or waiting for room, -1: failed and why. */
static int
output_flush(struct stream *s, const char **why)
{
	ssize_t n = 1;

	if (s->is_shaking)
		return 0;
	while (s->out_start < s->out_used) {
		if ((n = output_write(s, why)) == -1)
			return -1;
		if (n == 0) {
			/* A handshake that the server began and lets hang
			 * must not be asked after all the time. */
			if (!s->write_waits)
				event_add(&s->write_event, NULL);
			return 0;
		}
		s->out_start += (size_t)n;
		s->sent += (uint64_t)n;
	}
	s->out_start = s->out_used = 0;
	if (s->out_size > OUTPUT_KEEP) {
		free(s->out);
		s->out = NULL;
		s->out_size = 0;
	}
	return 0;
}

/*
 * What the server said before it went may be the final reply to a message:
 * who did not read it would send that once more.
 */
static void
write_failed(struct stream *s, const char *why)
{
	char reason[256];
	const char *unused;
	ssize_t n;
	int i;

	strlcpy(reason, why, sizeof(reason));	/* libtls may change it */
	event_del(&s->write_event);
	for (i = 0; i < READS_MAX && !s->is_dead && !s->is_failed; i++) {
		if ((n = input_read(s, &unused)) <= 0)
			break;
		s->on->data(s->arg, read_buffer, (size_t)n);
	}
	stream_fail(s, reason);
}

void
stream_flush_all(void)
{
	struct stream *s;
	const char *why = "failed";

	while ((s = TAILQ_FIRST(&dirty_streams)) != NULL) {
		TAILQ_REMOVE(&dirty_streams, s, dirty);
		s->is_dirty = 0;
		if (s->is_dead) {
			if (!s->is_failed)
				(void)output_flush(s, &why);
			event_del(&s->write_event);
			stream_free(s);
		} else if (!s->is_failed && output_flush(s, &why) == -1)
			write_failed(s, why);
	}
}

void
stream_close(struct stream *s)
{
	if (s == NULL || s->is_dead)
		return;
	s->is_dead = 1;
	event_del(&s->read_event);
	event_del(&s->write_event);
	stream_mark(s);
}

int
stream_write(struct stream *s, const void *data, size_t size)
{
	char *bigger;
	size_t want;

	if (s->is_dead || s->is_failed)
		return -1;
	if (s->out_size - s->out_used < size && s->out_start > 0) {
		memmove(s->out, s->out + s->out_start,
		    s->out_used - s->out_start);
		s->out_used -= s->out_start;
		s->out_start = 0;
	}
	if (s->out_size - s->out_used < size) {
		want = s->out_size == 0 ? 8192 : s->out_size;
		while (want - s->out_used < size)
			want *= 2;
		if ((bigger = realloc(s->out, want)) == NULL)
			return -1;
		s->out = bigger;
		s->out_size = want;
	}
	memcpy(s->out + s->out_used, data, size);
	s->out_used += size;
	stream_mark(s);
	return 0;
}

size_t
stream_queued(const struct stream *s)
{
	return s->out_used - s->out_start;
}

uint64_t
stream_sent(const struct stream *s)
{
	return s->sent;
}

static void
handshake_step(struct stream *s)
{
	int n = tls_handshake(s->tls);

	if (n == TLS_WANT_POLLIN)
		return;
	if (n == TLS_WANT_POLLOUT) {
		event_add(&s->write_event, NULL);
		return;
	}
	if (n != 0) {
		stream_fail(s, tls_error(s->tls));
		return;
	}
	s->is_shaking = 0;
	s->is_secure = 1;
	s->on->secured(s->arg);
	stream_mark(s);
}

int
stream_secure(struct stream *s, struct tls_config *config, const char *host,
    const char **why)
{
	if ((s->tls = tls_client()) == NULL) {
		*why = "out of memory";
		return -1;
	}
	if (tls_configure(s->tls, config) == -1 ||
	    tls_connect_socket(s->tls, s->fd, host) == -1) {
		*why = tls_error(s->tls);
		return -1;
	}
	s->is_shaking = 1;
	/* The first step comes by itself: the socket has room. */
	event_add(&s->write_event, NULL);
	return 0;
}

int
stream_is_secure(const struct stream *s)
{
	return s->is_secure;
}

const char *
stream_tls_fingerprint(const struct stream *s)
{
	const char *hash = s->is_secure ? tls_peer_cert_hash(s->tls) : NULL;

	return hash == NULL ? "" : hash;
}

static int
address_of(const struct sockaddr_storage *ss, const void **bytes)
{
	if (ss->ss_family == AF_INET) {
		*bytes = &((const struct sockaddr_in *)ss)->sin_addr;
		return 4;
	}
	*bytes = &((const struct sockaddr_in6 *)ss)->sin6_addr;
	return ss->ss_family == AF_INET6 ? 16 : 0;
}

int
stream_is_to_self(const struct stream *s)
{
	struct sockaddr_storage here, there;
	socklen_t here_size = sizeof(here), there_size = sizeof(there);
	const void *a, *b;
	int n;

	if (getsockname(s->fd, (struct sockaddr *)&here, &here_size) == -1 ||
	    getpeername(s->fd, (struct sockaddr *)&there, &there_size) == -1)
		return 0;
	n = address_of(&here, &a);
	return n > 0 && n == address_of(&there, &b) &&
	    memcmp(a, b, (size_t)n) == 0;
}

const char *
stream_tls_version(const struct stream *s)
{
	return s->is_secure ? tls_conn_version(s->tls) : "";
}

/* Bytes read, 0: nothing now, -1: the end and why. */
static ssize_t
input_read(struct stream *s, const char **why)
{
	ssize_t n;

	if (s->tls != NULL) {
		n = tls_read(s->tls, read_buffer, sizeof(read_buffer));
		s->read_waits = n == TLS_WANT_POLLOUT;
		if (n == TLS_WANT_POLLIN)
			return 0;
		if (n == TLS_WANT_POLLOUT) {
			event_add(&s->write_event, NULL);
			return 0;
		}
		if (n == -1)
			*why = tls_error(s->tls);
	} else {
		n = recv(s->fd, read_buffer, sizeof(read_buffer), 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n == -1)
			*why = strerror(errno);
	}
	if (n == 0) {
		*why = "connection closed by the server";
		return -1;
	}
	return n;
}

static void
on_readable(int fd, short what, void *arg)
{
	struct stream *s = arg;
	const char *why = NULL;
	ssize_t n;
	int i;

	(void)fd;
	(void)what;
	if (s->is_shaking) {
		handshake_step(s);
		if (s->is_shaking || s->is_dead || s->is_failed)
			return;
	}
	if (s->write_waits) {
		s->write_waits = 0;
		event_add(&s->write_event, NULL);
	}
	/* TLS may hold decrypted bytes that poll does not know of. */
	for (i = 0; i < READS_MAX || s->tls != NULL; i++) {
		n = input_read(s, &why);
		if (n == 0)
			return;
		if (n == -1) {
			stream_fail(s, why);
			return;
		}
		s->on->data(s->arg, read_buffer, (size_t)n);
		if (s->is_dead || s->is_failed || s->is_shaking)
			return;
		if (s->tls == NULL && (size_t)n < sizeof(read_buffer))
			return;
	}
}

static void
on_writable(int fd, short what, void *arg)
{
	struct stream *s = arg;
	const char *why = "failed";

	(void)fd;
	(void)what;
	if (s->is_shaking) {
		/* The greeting may have come with the end of the handshake. */
		on_readable(fd, what, arg);
		return;
	}
	if (output_flush(s, &why) == -1) {
		write_failed(s, why);
		return;
	}
	if (s->out_used == s->out_start)
		s->on->room(s->arg);
	if (s->read_waits && !s->is_dead && !s->is_failed)
		on_readable(fd, what, arg);
}
