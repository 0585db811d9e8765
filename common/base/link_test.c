/*
 * Links: order, back pressure, closing and faults inside handlers.  What a
 * hostile peer can send is tested by regress/abuse.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <event.h>
#include <imsg.h>

/* What fails here, and nowhere at the peer. */
enum broken { NO_EVENT = 1, NO_COMPOSE, NO_READ, NO_WRITE, NO_GET };
static enum broken	broken;
static int		broken_errno;

static int
is_broken(enum broken which)
{
	if (broken == which)
		errno = broken_errno;
	return broken == which;
}

static int
test_event_add(struct event *ev, const struct timeval *tv)
{
	return is_broken(NO_EVENT) ? -1 : event_add(ev, tv);
}

static int
test_composev(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt)
{
	return is_broken(NO_COMPOSE) ? -1 :
	    imsg_composev(ib, type, id, pid, fd, iov, iovcnt);
}

static int
test_read(struct imsgbuf *ib)
{
	return is_broken(NO_READ) ? -1 : imsgbuf_read(ib);
}

static int
test_write(struct imsgbuf *ib)
{
	return is_broken(NO_WRITE) ? -1 : imsgbuf_write(ib);
}

static ssize_t
test_get(struct imsgbuf *ib, struct imsg *imsg)
{
	return is_broken(NO_GET) ? -1 : imsg_get(ib, imsg);
}

#define event_add	test_event_add
#define imsg_composev	test_composev
#define imsgbuf_read	test_read
#define imsgbuf_write	test_write
#define imsg_get	test_get
#include "link.c"

#include "base/tap.h"

#define MSG_WORD	1
#define MSG_DATA	2
#define MSG_FD		3
#define MSG_EMPTY	4
#define MSG_SECRET	5

static const struct link_shape shapes[] = {
	{ .type = MSG_WORD, .name = "WORD", .size_min = 8, .size_max = 8 },
	{ .type = MSG_DATA, .name = "DATA", .size_min = 8, .size_max = 16000 },
	{ .type = MSG_FD, .name = "FD", .has_fd = 1 },
	{ .type = MSG_EMPTY, .name = "EMPTY" },
	{ .type = MSG_SECRET, .name = "SECRET", .size_min = 8, .size_max = 64,
	    .is_secret = 1, .strings = { { 4, 4 } } },
};

/* The test's own table: it needs no message of a real program. */
const struct link_shape *
proto_shape(uint32_t type)
{
	return type >= 1 && type <= 5 ? &shapes[type - 1] : NULL;
}

enum act { NOTHING, CLOSE, FAULT, PAUSE, KEEP_FD, POLL, MORE };
#define MANY	100000
static enum act		act;
static int		words, downs, failures, last_fd = -1;
static uint32_t		accused;
static uint64_t		last_word;
static char		last_why[200];
static struct link	*one, *two;

static void
on_word(struct link *l, struct link_in *in)
{
	words++;
	memcpy(&last_word, in->data, sizeof(last_word));
	if (act == CLOSE)
		link_close(l);
	if (act == FAULT)
		link_fault(l, "of meaning");
	if (act == PAUSE)
		link_pause(l);
	if (act == POLL)
		link_poll(l);
	if (act == MORE && words < MANY) {
		link_send(two, MSG_WORD, &last_word, sizeof(last_word));
		link_flush(two);
	}
	/* The message must still be there. */
	if (memcmp(in->data, &last_word, sizeof(last_word)) != 0)
		last_word = 0;
}

static void
on_fd(struct link *l, struct link_in *in)
{
	(void)l;
	last_fd = in->fd;
	if (act == KEEP_FD)
		in->fd = -1;
}

static void
on_other(struct link *l, struct link_in *in)
{
	(void)l;
	(void)in;
	words++;
}

static const struct link_rule rules[] = {
	{ MSG_WORD, LINK_STATE_ANY, on_word },
	{ MSG_DATA, 0x2, on_other },
	{ MSG_FD, LINK_STATE_ANY, on_fd },
	{ MSG_SECRET, LINK_STATE_ANY, on_other },
};

static void
on_down(struct link *l, const char *why)
{
	downs++;
	strlcpy(last_why, why == NULL ? "closed" : why, sizeof(last_why));
	if (l == one)
		one = NULL;
	if (l == two)
		two = NULL;
}

static void
on_accused(uint32_t peer_id)
{
	accused = peer_id;
}

static void
on_failure(void)
{
	failures++;
}

static void
turn(int n)
{
	for (; n > 0; n--) {
		link_flush_all();
		event_loop(EVLOOP_NONBLOCK);
	}
	link_flush_all();
}

static void
start(void)
{
	struct link_end	end = { .name = "peer", .rules = rules, .nrules = 4,
			    .down = on_down, .arg = &act, .peer_id = 9 };
	int		sv[2];

	act = NOTHING;
	words = downs = failures = 0;
	accused = 0;
	broken = 0;
	last_why[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		exit(2);
	one = link_new(sv[0], &end);
	two = link_new(sv[1], &end);
	if (one == NULL || two == NULL)
		exit(2);
}

static void
stop(void)
{
	link_close(one);
	link_close(two);
	turn(2);
	one = two = NULL;
}

static void
test_send(void)
{
	uint64_t	word;

	start();
	tap_ok(link_arg(one) == &act && link_peer_id(one) == 9, "its end");
	for (word = 1; word <= 100; word++)
		link_send(one, MSG_WORD, &word, sizeof(word));
	tap_ok(link_queued(one) == 100 * 24, "queued bytes");
	turn(2);
	tap_ok(words == 100 && last_word == 100, "all arrive in order");
	tap_ok(link_queued(one) == 0, "nothing is queued");
	tap_ok(link_send(NULL, MSG_WORD, &word, 8) == -1, "no link");
	stop();

	start();
	tap_ok(link_send(one, MSG_WORD, &word, 7) == -1, "too short to send");
	turn(2);
	tap_ok(downs == 2 && failures == 1 && accused == 0,
	    "is our own failure");
	stop();
}

static void
test_fds(void)
{
	int	fd;

	start();
	link_send_fd(one, MSG_FD, open("/dev/null", O_RDONLY), NULL, 0);
	turn(2);
	tap_ok(last_fd != -1 && fcntl(last_fd, F_GETFD) == -1,
	    "a descriptor that nobody takes is closed");
	act = KEEP_FD;
	link_send_fd(one, MSG_FD, open("/dev/null", O_RDONLY), NULL, 0);
	turn(2);
	tap_ok(fcntl(last_fd, F_GETFD) != -1, "one that is taken is not");
	close(last_fd);
	fd = open("/dev/null", O_RDONLY);
	tap_ok(link_send_fd(NULL, MSG_FD, fd, NULL, 0) == -1 &&
	    fcntl(fd, F_GETFD) == -1, "closed on failure");
	stop();
}

static void
test_ends(void)
{
	uint64_t	word = 77;

	start();
	link_close(one);
	turn(2);
	tap_ok(downs == 1 && two == NULL, "the peer hears of a close");
	tap_is_str(last_why, "closed", "without a reason");
	one = NULL;
	stop();

	start();
	link_send(one, MSG_WORD, &word, 8);
	link_close(one);
	one = NULL;
	turn(2);
	tap_ok(words == 1 && downs == 1, "what was queued still leaves");
	stop();

	start();
	act = CLOSE;
	link_send(one, MSG_WORD, &word, 8);
	link_send(one, MSG_WORD, &word, 8);
	turn(1);
	two = NULL;
	turn(2);
	tap_ok(words == 1 && last_word == 77, "close in a handler");
	stop();

	start();
	act = FAULT;
	link_send(one, MSG_WORD, &word, 8);
	link_send(one, MSG_WORD, &word, 8);
	turn(1);
	tap_ok(words == 1 && two == NULL && accused == 9,
	    "fault in a handler");
	turn(2);
	tap_ok(one == NULL && downs == 2, "and the other end");
	stop();

	start();
	link_send(two, MSG_WORD, &word, 8);
	link_flush(two);
	link_close(two);
	two = NULL;
	link_send(one, MSG_WORD, &word, 8);
	link_flush_all();
	tap_ok(words == 1 && downs == 1,
	    "the last words of a dead peer are read");
	stop();

	start();
	link_send(one, MSG_EMPTY, NULL, 0);
	turn(2);
	tap_ok(two == NULL && words == 0 &&
	    downs == 2, "a type without a rule");
	stop();
}

static void
test_states(void)
{
	char	data[16] = { 0 };

	start();
	link_set_state(two, 2);
	link_send(one, MSG_DATA, data, sizeof(data));
	turn(2);
	tap_ok(words == 1 && two != NULL, "in its state");
	link_set_state(two, 4);
	link_send_tail(one, MSG_DATA, data, 8, data, 8);
	turn(1);
	tap_ok(words == 1 && two == NULL, "in another state");
	stop();

	start();
	link_send(one, MSG_SECRET, "abcdefg", 8);
	turn(1);
	tap_ok(words == 1, "terminated");
	link_send(one, MSG_SECRET, "abcdefgh", 8);
	turn(1);
	tap_ok(words == 1 && two == NULL, "not terminated");
	stop();
}

static void
test_pressure(void)
{
	static char	data[16000];
	uint64_t	word;
	int		i, sent = 0;

	start();
	act = PAUSE;
	for (word = 1; word <= 3; word++)
		link_send(one, MSG_WORD, &word, sizeof(word));
	turn(3);
	tap_ok(words == 1, "paused after the first");
	act = NOTHING;
	link_resume(two);
	turn(2);
	tap_ok(words == 3, "the others after resume");
	act = POLL;
	link_send(one, MSG_WORD, &word, sizeof(word));
	link_send(one, MSG_WORD, &word, sizeof(word));
	turn(2);
	tap_ok(words == 5, "poll inside a handler is harmless");
	act = NOTHING;
	link_send(one, MSG_WORD, &word, sizeof(word));
	link_flush(one);
	link_poll(two);
	tap_ok(words == 6, "poll reads at once");

	link_set_state(two, 2);
	link_pause(two);
	words = 0;
	for (i = 0; i < 1000; i++)
		sent += link_send(one, MSG_DATA, data, sizeof(data)) == 0;
	turn(2);
	tap_ok(sent == 1000 && link_queued(one) > 1000000, "16 MB wait");
	link_resume(two);
	for (i = 0; i < 2000 && words < 1000; i++)
		turn(1);
	tap_ok(words == 1000 && link_queued(one) == 0, "and arrive");

	link_pause(two);
	for (i = 0; i < 10000; i++)
		if (link_send(one, MSG_DATA, data, sizeof(data)) == -1)
			break;
	tap_ok(i < 10000, "more than 96 MiB is refused");
	link_flush_all();
	tap_ok(one == NULL && accused == 9 && failures == 0, "and a fault");
	stop();
}

/* It reads no more, says so to the system, and goes on to speak. */
static void
test_deaf(void)
{
	uint64_t	word = 7;

	start();
	act = MORE;
	shutdown(two->ib.fd, SHUT_RD);
	link_send(two, MSG_WORD, &word, sizeof(word));
	link_flush(two);
	link_send(one, MSG_WORD, &word, sizeof(word));
	link_flush(one);
	tap_ok(one == NULL && words > 0 && words < MANY, "a peer that is deaf "
	    "is not heard for ever");
	tap_ok(accused == 0 && failures == 0 && strcmp(last_why, "closed") ==
	    0, "which is an end like any other");
	stop();
}

/* Something fails at the end of a link that is "one". */
static void
break_one(enum broken what, int is_reading)
{
	static char	data[16000];
	uint64_t	word = 7;
	int		i;

	link_send(two, MSG_WORD, &word, sizeof(word));
	link_flush(two);
	if (is_reading)
		link_pause(one);
	else if (what == NO_EVENT)
		for (i = 0; i < 100; i++)
			link_send(one, MSG_DATA, data, sizeof(data));
	broken = what;
	if (is_reading)
		link_resume(one);
	if (what == NO_COMPOSE || what == NO_WRITE)
		link_send(one, MSG_WORD, &word, sizeof(word));
	if (what == NO_READ || what == NO_GET)
		link_poll(one);
	else
		link_flush(one);
	broken = 0;
}

/* Who is blamed for it. */
static void
test_blame(void)
{
	static const struct {
		const char	*name;
		enum broken	 broken;
		int		 error;
		int		 is_peers;
		int		 is_reading;
	} cases[] = {
		{ "no memory to queue", NO_COMPOSE, ENOMEM, 0, 0 },
		{ "no memory to wait", NO_EVENT, ENOMEM, 0, 0 },
		{ "no memory to read on", NO_EVENT, ENOMEM, 0, 1 },
		{ "cannot write", NO_WRITE, EIO, 0, 0 },
		{ "descriptors on their way", NO_WRITE, ETOOMANYREFS, 0, 0 },
		{ "cannot read", NO_READ, EIO, 0, 0 },
		{ "no memory to receive", NO_GET, ENOMEM, 0, 0 },
		{ "stray descriptors", NO_READ, EBADMSG, 1, 0 },
		{ "a malformed message", NO_GET, EBADMSG, 1, 0 },
		{ "a message too long", NO_GET, ERANGE, 1, 0 },
	};
	struct link	*l;
	size_t		 i;
	int		 is_spare, is_peers;

	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char	*name = cases[i / 2].name;

		is_spare = i % 2;
		is_peers = cases[i / 2].is_peers;
		start();
		l = one;
		one->end.is_spare = (uint8_t)is_spare;
		two->end.is_spare = 1;
		broken_errno = cases[i / 2].error;
		break_one(cases[i / 2].broken, cases[i / 2].is_reading);
		tap_ok(l->is_down && accused == (is_peers ? 9 : 0),
		    "%s: %s is named", name, is_peers ? "the peer" : "nobody");
		tap_ok(failures == (!is_peers && !is_spare),
		    "%s: a %s link", name, is_spare ? "spare" : "lasting");
		tap_ok(downs == 1 && (strcmp(last_why, "closed") != 0) ==
		    is_peers, "%s: its owner is told so", name);
		stop();
	}
}

static void
test_no_link(void)
{
	static const struct link_rule	unknown = { 77, 1, on_other };
	struct link_end			end = { .name = "peer",
					    .rules = &unknown, .nrules = 1 };
	int				fd = open("/dev/null", O_RDONLY);

	start();
	tap_ok(link_new(fd, &end) == NULL && errno == EINVAL && failures == 1,
	    "a link that cannot be made");
	end.is_spare = 1;
	tap_ok(link_new(fd, &end) == NULL && failures == 1, "a spare one");
	close(fd);
	stop();
}

int
main(void)
{
	int	quiet[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, quiet) == -1)
		return 2;
	log_init("test", quiet[0]);
	event_init();
	link_on_broken(on_accused);
	link_on_failed(on_failure);
	test_send();
	test_fds();
	test_ends();
	test_states();
	test_pressure();
	test_deaf();
	test_blame();
	test_no_link();
	return tap_done();
}
