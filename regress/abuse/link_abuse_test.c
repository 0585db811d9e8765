/*
 * Abuse of every message of every link, generated from the table of shapes:
 * short, long, unterminated, with a stray descriptor or without its own, in
 * the wrong state.  Each must end as a fault and never reach a handler; the
 * right message must reach it.
 *
 * The hostile end writes raw bytes, past the checks of our own sending side.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <fcntl.h>
#include <imsg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"
#include "proto/shape.h"

static int		handled, faults;
static struct link	*victim;
static struct imsgbuf	attacker;

static void
on_any(struct link *l, struct link_in *in)
{
	(void)l;
	(void)in;
	handled++;
}

static void
on_down(struct link *l, const char *why)
{
	(void)l;
	if (why != NULL)
		faults++;
	victim = NULL;
}

static int
count_fds(void)
{
	int	fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

struct attack {
	const struct link_shape	*shape;
	uint32_t		 type;
	size_t			 size;
	int			 with_fd;
	uint32_t		 state;
	int			 fill;		/* byte of all data */
};

static char	data[MAX_IMSGSIZE];

/* 1: the message was handled, -1: it was a fault, 0: neither. */
static int
send_attack(const struct attack *a)
{
	struct link_rule rule = { a->shape->type, 1, on_any };
	struct link_end	 end = { .name = "attacker", .rules = &rule,
			    .nrules = 1, .down = on_down };
	int		 sv[2], i;

	handled = faults = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1 ||
	    (victim = link_new(sv[0], &end)) == NULL ||
	    imsgbuf_init(&attacker, sv[1]) == -1)
		exit(2);
	imsgbuf_allow_fdpass(&attacker);
	link_set_state(victim, a->state);
	memset(data, a->fill, sizeof(data));
	if (imsg_compose(&attacker, a->type, 0, 0,
	    a->with_fd ? open("/dev/null", O_RDONLY) : -1, data,
	    a->size) == -1 || imsgbuf_flush(&attacker) == -1)
		exit(2);
	for (i = 0; i < 3; i++) {
		event_loop(EVLOOP_NONBLOCK);
		link_flush_all();
	}
	link_close(victim);
	link_flush_all();
	imsgbuf_close(&attacker);
	if (handled + faults != 1)
		return 0;
	return handled ? 1 : -1;
}

static void
want(int result, const struct attack *a, const char *what)
{
	int	got = send_attack(a);

	tap_ok(got == result, "%s: %s", a->shape->name, what);
}

static void
abuse_strings(const struct attack *right)
{
	const struct link_shape	*s = right->shape;
	struct link_rule	 rule = { s->type, 1, on_any };
	struct link_end		 end = { .name = "attacker", .rules = &rule,
				    .nrules = 1, .down = on_down };
	int			 sv[2], i, n;

	/* One string after the other, all else zero. */
	for (n = 0; n < LINK_STRINGS_MAX && s->strings[n].size != 0; n++) {
		handled = faults = 0;
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1 ||
		    (victim = link_new(sv[0], &end)) == NULL ||
		    imsgbuf_init(&attacker, sv[1]) == -1)
			exit(2);
		imsgbuf_allow_fdpass(&attacker);
		memset(data, 0, sizeof(data));
		memset(data + s->strings[n].offset, 'A', s->strings[n].size);
		if (imsg_compose(&attacker, s->type, 0, 0,
		    s->has_fd ? open("/dev/null", O_RDONLY) : -1, data,
		    right->size) == -1 || imsgbuf_flush(&attacker) == -1)
			exit(2);
		for (i = 0; i < 3; i++) {
			event_loop(EVLOOP_NONBLOCK);
			link_flush_all();
		}
		link_close(victim);
		link_flush_all();
		imsgbuf_close(&attacker);
		tap_ok(handled == 0 && faults == 1,
		    "%s: string %d not terminated", s->name, n);
	}
}

static void
abuse(const struct link_shape *s)
{
	struct attack	right = { s, s->type, s->size_max, s->has_fd, 1, 0 };
	struct attack	a;
	int		before = count_fds();

	want(1, &right, "as it should be");
	a = right;
	a.size = s->size_min;
	want(1, &a, "the shortest");
	if (s->size_min > 0) {
		a.size = s->size_min - 1;
		want(-1, &a, "one byte short");
		a.size = 0;
		want(-1, &a, "empty");
	}
	a = right;
	a.size = s->size_max + 1;
	want(-1, &a, "one byte long");
	a.size = MAX_IMSGSIZE - sizeof(struct imsg_hdr);
	want(-1, &a, "as long as can be");
	a = right;
	a.with_fd = !s->has_fd;
	want(-1, &a, s->has_fd ? "descriptor missing" : "stray descriptor");
	a = right;
	a.state = 2;
	want(-1, &a, "wrong state");
	a = right;
	a.type = s->type ^ 0x8000;
	want(-1, &a, "another type");
	if (s->strings[0].size != 0) {
		a = right;
		a.fill = 'A';
		want(-1, &a, "nothing terminated");
		abuse_strings(&right);
	}
	tap_ok(count_fds() == before, "%s: no descriptor leaks", s->name);
}

int
main(void)
{
	const struct link_shape	*s;
	size_t			 i, n;
	int			 quiet[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, quiet) == -1)
		return 2;
	log_init("test", quiet[0]);
	if (event_init() == NULL)
		return 2;
	s = proto_shapes(&n);
	for (i = 0; i < n; i++)
		abuse(&s[i]);
	return tap_done();
}
