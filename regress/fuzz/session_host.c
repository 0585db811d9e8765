/*
 * What is around a session: its socket, TLS, the event loop, the clock, the
 * configuration and the log, all made of the input.  In the input a byte 0xff
 * begins an operation, 0xff 0xff is the byte.
 */
#include <sys/types.h>
#include <sys/time.h>

#include <event.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "conf.h"
#include "fuzz.h"
#include "listener.h"
#include "memory.h"
#include "session.h"
#include "session_fuzz.h"
#include "tls_io.h"

struct host	host;
static int	null_fd = -1;
static struct {
	struct event	*ev;
	void		(*call)(int, short, void *);
	void		*arg;
	int		 is_on;
} events[3];
enum { READ_EVENT, WRITE_EVENT, TICK_EVENT };

static void
limits_set(uint8_t bits)
{
	struct parent_net_conf	*c = &host.limits;

	c->message_max = bits & 1 ? 400 : 1000000;
	c->sessions_max = c->sessions_per_ip = bits & 2 ? 0 : 10;
	c->recipients_max = bits & 4 ? 2 : 1000;
	c->messages_max = bits & 8 ? 1 : 1000;
	c->errors_max = bits & 16 ? 3 : 10000;
	c->header_max = bits & 32 ? 200 : 65536;
	c->fields_max = bits & 64 ? 3 : 1000;
	c->received_max = bits & 64 ? 1 : 50;
	c->command_s = 300;
	c->data_s = 3600;
	c->auth_s = 120;
	c->pace = bits & 128 ? 100 : 0;
	strlcpy(c->hostname, "mx.test", sizeof(c->hostname));
}

void
host_begin(uint8_t kind, uint8_t bits)
{
	struct parent_net_listener	*l = &host.listener;

	if (null_fd == -1 && (null_fd = open("/dev/null", O_RDWR)) == -1)
		abort();
	memset(l, 0, sizeof(*l));
	limits_set(bits);
	l->id = 7;
	l->port = 25;
	l->kind = (uint8_t)(kind % 4 + 1);
	host.has_tls = l->kind == LISTENER_SMTPS ||
	    l->kind == LISTENER_SUBMISSION ||
	    (l->kind == LISTENER_SMTP && (kind & HOST_TLS));
	l->auth = host.has_tls && (l->kind != LISTENER_SMTP ||
	    (kind & HOST_AUTH));
	host.has_peer = (kind & HOST_CERT) != 0;
	l->flags = kind & HOST_ANY_FROM ? LISTENER_ANY_FROM |
	    LISTENER_MASK_SOURCE | LISTENER_AUTH_COMPAT : 0;
	l->message_max = host.limits.message_max;
	l->recipients_max = host.limits.recipients_max;
	l->sessions_max = l->sessions_per_ip = host.limits.sessions_max;
	strlcpy(l->hostname, "mx.test", sizeof(l->hostname));
	host.in_at = host.nseen = host.nout = 0;
	host.write_room = SIZE_MAX;
	host.tls = host.may_drop = host.is_gone = host.is_eof = 0;
	host.is_stopping = host.is_active = host.is_broken = 0;
	host.tls_at = SIZE_MAX;
	host.now_ms += 100000000;
	memset(events, 0, sizeof(events[0]) * 2);
}

int
host_fd(void)
{
	return null_fd;
}

struct listener *
host_listener(void)
{
	return (struct listener *)(void *)&host;
}

int
host_has_op(void)
{
	return host.in_at < host.in_size && host.in[host.in_at] == 0xff &&
	    (host.in_at + 1 == host.in_size || host.in[host.in_at + 1] != 0xff);
}

int
host_has_bytes(void)
{
	return host.in_at < host.in_size && !host_has_op();
}

static void
fire(int which, short what)
{
	/* Reading events stay until they are deleted. */
	if (events[which].ev == NULL || !events[which].is_on)
		return;
	if (which != READ_EVENT)
		events[which].is_on = 0;
	events[which].call(null_fd, what, events[which].arg);
}

void
host_readable(void)
{
	fire(READ_EVENT, EV_READ);
}

void
host_writable(void)
{
	fire(WRITE_EVENT, EV_WRITE);
}

void
host_tick(void)
{
	fire(TICK_EVENT, EV_TIMEOUT);
}

void
event_set(struct event *ev, int fd, short what, void (*call)(int, short,
    void *), void *arg)
{
	int which = fd == -1 ? TICK_EVENT : what & EV_READ ? READ_EVENT :
	    WRITE_EVENT;

	events[which].ev = ev;
	events[which].call = call;
	events[which].arg = arg;
	events[which].is_on = 0;
}

static void
event_switch(const struct event *ev, int is_on)
{
	size_t i;

	for (i = 0; i < 3; i++)
		if (events[i].ev == ev)
			events[i].is_on = is_on;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	(void)tv;
	event_switch(ev, 1);
	return 0;
}

int
event_del(struct event *ev)
{
	event_switch(ev, 0);
	if (events[READ_EVENT].ev == ev)
		host.is_active = 0;
	return 0;
}

void
event_active(struct event *ev, int what, short n)
{
	(void)what;
	(void)n;
	MUST(events[READ_EVENT].ev == ev);
	host.is_active = 1;
}

int
host_go_on(void)
{
	if (!host.is_active)
		return 0;
	host.is_active = 0;
	events[READ_EVENT].call(3, EV_READ, events[READ_EVENT].arg);
	return 1;
}

void
tio_open(struct tio *t, int fd)
{
	memset(t, 0, sizeof(*t));
	t->fd = fd;
}

int
tio_start_tls(struct tio *t, struct tls *server)
{
	MUST(server != NULL && t->tls == NULL);
	t->tls = server;
	return 0;
}

void
tio_readable(struct tio *t)
{
	t->drained = 0;
}

void
tio_enter(struct tio *t)
{
	(void)t;
}

int
tio_leave(struct tio *t)
{
	(void)t;
	return 0;
}

/* TLS at once needs nothing of the input, STARTTLS an operation T. */
int
tio_handshake(struct tio *t)
{
	if (host.listener.kind != LISTENER_SMTPS) {
		if (host_has_bytes() || host.is_eof) {
			host.may_drop = 1;
			return TIO_ERROR;
		}
		if (!host_has_op() || host.in_at + 1 == host.in_size ||
		    host.in[host.in_at + 1] != 'T')
			return TIO_WANT_READ;
		host.in_at += 2;
	}
	host.tls = t->is_open = 1;
	host.tls_at = host.nseen;
	return 0;
}

ssize_t
tio_read(struct tio *t, void *buf, size_t size)
{
	size_t n = 0;

	MUST(t->tls == NULL || t->is_open);
	if (host.is_broken & BROKEN_READ)
		return TIO_ERROR;
	if (t->drained)
		return TIO_WANT_READ;
	while (n < size && host_has_bytes()) {
		((uint8_t *)buf)[n++] = host.in[host.in_at];
		host.in_at += host.in[host.in_at] == 0xff ? 2 : 1;
	}
	if (n == 0)
		return host.is_eof ? 0 : TIO_WANT_READ;
	if (n < size)
		t->drained = 1;
	MUST(n <= sizeof(host.seen) - host.nseen);
	memcpy(host.seen + host.nseen, buf, n);
	host.nseen += n;
	return (ssize_t)n;
}

ssize_t
tio_write(struct tio *t, const void *buf, size_t size)
{
	MUST(!host.is_gone && (t->tls == NULL || t->is_open));
	MUST(size > 0);
	if (host.is_broken & BROKEN_WRITE)
		return TIO_ERROR;
	if (size > host.write_room)
		size = host.write_room;
	if (size == 0)
		return TIO_WANT_WRITE;
	if (host.write_room != SIZE_MAX)
		host.write_room -= size;
	MUST(size <= sizeof(host.out) - host.nout);
	memcpy(host.out + host.nout, buf, size);
	host.nout += size;
	return (ssize_t)size;
}

const char *
tio_error(struct tio *t)
{
	(void)t;
	return "trouble";
}

void
tio_cipher(struct tio *t, const char **version, const char **cipher)
{
	(void)t;
	*version = "TLSv1.3";
	*cipher = "AES";
}

int
tio_peer(const struct tio *t, const char **hash, const char **subject)
{
	*hash = "SHA256:00";
	*subject = "/CN=x";
	return t->is_open && host.has_peer ? 0 : -1;
}

int
tio_exporter(const struct tio *t, uint8_t *out)
{
	(void)t;
	memset(out, 7, 32);
	return 0;
}

void
tio_close(struct tio *t)
{
	t->fd = -1;
	host.is_gone = 1;
}

struct listener *
listener_join(struct listener *l)
{
	return l;
}

void
listener_part(struct listener *l)
{
	(void)l;
}

uint32_t
listener_sessions(const struct listener *l)
{
	(void)l;
	return session_count();
}

int
listener_trusts(const struct listener *l, const char *address)
{
	(void)l;
	(void)address;
	return 0;
}

struct tls *
listener_tls(struct listener *l)
{
	(void)l;
	return host.has_tls ? (struct tls *)(void *)&host : NULL;
}

const struct parent_net_listener *
listener_info(const struct listener *l)
{
	(void)l;
	return &host.listener;
}

uint32_t
listener_mechanisms(const struct listener *l)
{
	(void)l;
	return AUTH_BIT(AUTH_PLAIN) | AUTH_BIT(AUTH_LOGIN) |
	    AUTH_BIT(AUTH_SCRAM) | AUTH_BIT(AUTH_SCRAM_PLUS) |
	    AUTH_BIT(AUTH_EXTERNAL) | AUTH_BIT(AUTH_XOAUTH2);
}

void
listener_tick(void)
{
}

const struct parent_net_conf *
conf_limits(void)
{
	return &host.limits;
}

void
conf_retire(void)
{
}

void
memory_reach(int fd)
{
	(void)fd;
}

void
memory_trim(uint32_t nsessions)
{
	(void)nsessions;
}

uint32_t
proc_id(void)
{
	return 3;
}

uint64_t
proc_now_ms(void)
{
	return host.now_ms;
}

uint64_t
proc_now_s(void)
{
	return 1700000000 + host.now_ms / 1000;
}

int
proc_is_stopping(void)
{
	return host.is_stopping;
}

void
proc_exit(int status)
{
	(void)status;
	abort();
}
