/*
 * Links: order, back pressure, closing and faults inside handlers.  What a
 * hostile peer can send is tested by regress/abuse.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
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

enum act { NOTHING, CLOSE, FAULT, PAUSE, KEEP_FD, POLL };
static enum act		act;
static int		words, downs, last_fd = -1;
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
	words = downs = 0;
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
	tap_ok(downs == 2, "is our own fault");
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
	tap_ok(words == 1 && two == NULL, "fault in a handler");
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
	tap_ok(i < 10000, "more than 64 MiB is refused");
	link_flush_all();
	tap_ok(one == NULL, "and a fault");
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
	test_send();
	test_fds();
	test_ends();
	test_states();
	test_pressure();
	return tap_done();
}
