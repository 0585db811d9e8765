/*
 * stream.c over a socket pair, with libevent's loop and a TLS of our own that
 * does what it is told.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <tls.h>
#include <unistd.h>

#include "base/tap.h"

#include "stream.h"

#define TURNS	20

static char		got[256];	/* data, then "! why" */
static int		nrooms;
static struct stream	*stream;
static int		peer;

/* What TLS says next; 0: it does its work on the socket, in the clear. */
static ssize_t		read_says, write_says;
static int		nwrites, tls_fd;

struct tls *
tls_client(void)
{
	return (struct tls *)(void *)got;
}

int
tls_configure(struct tls *tls, struct tls_config *config)
{
	(void)tls;
	(void)config;
	return 0;
}

int
tls_connect_socket(struct tls *tls, int fd, const char *host)
{
	(void)tls;
	(void)host;
	tls_fd = fd;
	return 0;
}

int
tls_handshake(struct tls *tls)
{
	(void)tls;
	return 0;
}

ssize_t
tls_read(struct tls *tls, void *data, size_t size)
{
	ssize_t	n;

	(void)tls;
	if (read_says != 0)
		return read_says;
	n = read(tls_fd, data, size);
	return n == -1 ? TLS_WANT_POLLIN : n;
}

ssize_t
tls_write(struct tls *tls, const void *data, size_t size)
{
	(void)tls;
	nwrites++;
	return write_says != 0 ? write_says : write(tls_fd, data, size);
}

const char *
tls_error(struct tls *tls)
{
	(void)tls;
	return read_says == -1 ? "reading" : "writing";
}

int
tls_close(struct tls *tls)
{
	(void)tls;
	return 0;
}

void
tls_free(struct tls *tls)
{
	(void)tls;
}

const char *
tls_peer_cert_hash(struct tls *tls)
{
	(void)tls;
	return NULL;
}

const char *
tls_conn_version(struct tls *tls)
{
	(void)tls;
	return "none";
}

static void
on_secured(void *arg)
{
	(void)arg;
}

static void
on_data(void *arg, const char *data, size_t size)
{
	size_t	used = strlen(got);

	(void)arg;
	if (size > sizeof(got) - used - 1)
		abort();
	memcpy(got + used, data, size);
	got[used + size] = '\0';
}

static void
on_room(void *arg)
{
	(void)arg;
	nrooms++;
}

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	strlcat(got, "! ", sizeof(got));
	strlcat(got, why, sizeof(got));
}

static const struct stream_events events = {
	.secured = on_secured, .data = on_data, .room = on_room,
	.failed = on_failed,
};

static void
turn(void)
{
	event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
	stream_flush_all();
}

static void
begin(int is_secure)
{
	const char	*why;
	int		 fds[2], i;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1 ||
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1 ||
	    (stream = stream_from_fd(fds[0], &events, NULL)) == NULL)
		abort();
	peer = fds[1];
	read_says = write_says = 0;
	if (is_secure && stream_secure(stream, NULL, "", &why) == -1)
		abort();
	for (i = 0; i < TURNS; i++)
		turn();
	nwrites = nrooms = 0;
	got[0] = '\0';
}

static void
finish(void)
{
	stream_close(stream);
	stream_flush_all();
	if (peer != -1)
		close(peer);
}

static void
peer_says(const char *s)
{
	if (write(peer, s, strlen(s)) != (ssize_t)strlen(s))
		abort();
}

/* The server says that it has the message, and goes. */
static void
check_last_word(int is_secure)
{
	begin(is_secure);
	peer_says("250 taken\r\n");
	close(peer);
	peer = -1;
	write_says = is_secure ? -1 : 0;
	stream_write(stream, "MAIL", 4);
	stream_flush_all();
	tap_ok(strncmp(got, "250 taken\r\n! ", 13) == 0 &&
	    (!is_secure || strcmp(got + 13, "writing") == 0),
	    "what was said before a write fails is heard%s",
	    is_secure ? ", TLS" : "");
	turn();
	tap_ok(strchr(got, '!') == strrchr(got, '!'), "it fails once");
	finish();
}

/* It says something while much waits to be written, and goes. */
static void
check_last_word_blocked(void)
{
	char	much[4096];
	int	i;

	begin(0);
	memset(much, 'x', sizeof(much));
	for (i = 0; i < 1024; i++)
		stream_write(stream, much, sizeof(much));
	turn();
	tap_ok(stream_queued(stream) > 0 && got[0] == '\0', "much is written");
	peer_says("250 taken\r\n");
	close(peer);
	peer = -1;
	for (i = 0; i < TURNS; i++)
		turn();
	tap_ok(strncmp(got, "250 taken\r\n! ", 13) == 0,
	    "what was said is heard then, too");
	finish();
}

/* A new handshake that the server begins and does not go on with. */
static void
check_stalled_write(void)
{
	int	i;

	begin(1);
	write_says = TLS_WANT_POLLIN;
	stream_write(stream, "QUIT", 4);
	for (i = 0; i < TURNS; i++)
		turn();
	tap_ok(nwrites <= 2, "who has to wait for input waits: %d writes",
	    nwrites);
	write_says = 0;
	peer_says("x");
	for (i = 0; i < TURNS; i++)
		turn();
	tap_ok(strcmp(got, "x") == 0 && stream_queued(stream) == 0 &&
	    nrooms == 1, "and goes on with it");
	finish();
}

static void
check_stalled_read(void)
{
	int	i;

	begin(1);
	read_says = TLS_WANT_POLLOUT;
	peer_says("x");
	turn();
	tap_ok(got[0] == '\0', "a read that has to write");
	/* TLS has taken it out of the socket: nothing makes it readable. */
	if (read(tls_fd, got, 1) != 1)
		abort();
	got[0] = '\0';
	read_says = -1;
	for (i = 0; i < TURNS; i++)
		turn();
	tap_ok(strcmp(got, "! reading") == 0, "is tried again: %s", got);
	finish();
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	event_init();
	check_last_word(0);
	check_last_word(1);
	check_last_word_blocked();
	check_stalled_write();
	check_stalled_read();
	return tap_done();
}
