/*
 * A link at whose other end anybody may be: the bytes of a stream of
 * messages.  A handler sees only what keeps the shape of its message and its
 * state, with every string terminated; whatever else comes is one fault, and
 * after it nothing is handled.  What may not be sent from here is no fault of
 * the other end.
 *
 * Behind the first byte pieces follow: a byte says what is made of the bytes
 * behind it.  Bit 7: a whole message is built, its type
 * from the table of shapes (next byte), its size near what the shape says
 * (next byte, signed), the data from what follows; else up to 127 bytes as
 * they are.  Bit 6: a descriptor comes along.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <imsg.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "fuzz.h"
#include "proto/shape.h"

#define PIECE_FD	0x40
#define PIECE_MADE	0x80
#define STATE		2
#define RULES_MAX	512

static struct link_rule	rules[RULES_MAX];
static size_t		nrules;
static int		ndown, nhandled, nblamed, nfailed, null_fd, pauses;

static void
handle(struct link *l, struct link_in *in)
{
	const struct link_shape *s = proto_shape(in->type);
	const struct link_string *str;
	uint8_t sum = 0;
	size_t i;

	MUST(ndown == 0 && s != NULL && link_state(l) == STATE);
	MUST(in->type % 7 != 0);		/* not in this state */
	MUST(in->size >= s->size_min && in->size <= s->size_max);
	MUST((in->fd != -1) == (s->has_fd != 0));
	MUST(in->size == 0 || ((uintptr_t)in->data & 7) == 0);
	for (i = 0; i < in->size; i++)
		sum += ((const uint8_t *)in->data)[i];
	for (i = 0; i < LINK_STRINGS_MAX && s->strings[i].size > 0; i++) {
		str = &s->strings[i];
		MUST(str->offset + str->size <= in->size);
		MUST(memchr((const char *)in->data + str->offset, '\0',
		    str->size) != NULL);
	}
	nhandled++;
	if (sum == 7)
		link_fault(l, "no meaning");
	else if (sum == 8)
		link_close(l);
	else if (sum == 9 && !pauses++)
		link_pause(l);
}

static void
down(struct link *l, const char *why)
{
	(void)l;
	(void)why;
	MUST(ndown++ == 0);
}

static void
broken(uint32_t peer_id)
{
	MUST(peer_id == 5);
	nblamed++;
}

static void
failed(void)
{
	nfailed++;
}

static void
rules_make(void)
{
	const struct link_shape *shapes;
	size_t i;

	shapes = proto_shapes(&nrules);
	if (nrules > RULES_MAX)
		nrules = RULES_MAX;
	for (i = 0; i < nrules; i++) {
		rules[i].type = shapes[i].type;
		rules[i].states = shapes[i].type % 7 == 0 ? 1 : STATE;
		rules[i].handle = handle;
	}
}

static void
send_raw(int fd, const void *data, size_t size, int with_fd)
{
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int))];
	} cmsg;

	if (with_fd) {
		memset(&cmsg, 0, sizeof(cmsg));
		msg.msg_control = &cmsg;
		msg.msg_controllen = sizeof(cmsg.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &null_fd, sizeof(int));
	}
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Type and size from two bytes, data from the rest; the bytes used. */
static size_t
send_made(int fd, const uint8_t *data, size_t size, int with_fd)
{
	static uint8_t buf[sizeof(struct imsg_hdr) + 70000];
	const struct link_shape *shapes, *s;
	struct imsg_hdr hdr;
	size_t n, len, have;

	if (size < 2)
		return size;
	shapes = proto_shapes(&n);
	s = &shapes[data[0] % n];
	len = s->size_min;
	if (data[1] < 0x40)
		len = s->size_max;
	len += (size_t)(data[1] & 0x0f);
	len -= data[1] & 0x10 && len >= 8 ? 8 : 0;
	have = size - 2 < len ? size - 2 : len;
	if (have > 64)
		have = 64;
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = s->type;
	hdr.len = (uint32_t)(sizeof(hdr) + len) |
	    (with_fd || data[1] & 0x20 ? 0x80000000U : 0);
	memset(buf, data[1] & 0x80 ? 'x' : 0, sizeof(hdr) + len + 8);
	memcpy(buf, &hdr, sizeof(hdr));
	memcpy(buf + sizeof(hdr), data + 2, have);
	send_raw(fd, buf, (sizeof(hdr) + len + 7) & ~(size_t)7, with_fd);
	return 2 + have;
}

static size_t
send_piece(int fd, const uint8_t *data, size_t size)
{
	size_t n;

	if (data[0] & PIECE_MADE)
		return 1 + send_made(fd, data + 1, size - 1,
		    (data[0] & PIECE_FD) != 0);
	n = data[0] & 0x3f;
	if (n > size - 1)
		n = size - 1;
	if (n > 0)
		send_raw(fd, data + 1, n, (data[0] & PIECE_FD) != 0);
	return 1 + n;
}

static void
run(const uint8_t *data, size_t size)
{
	struct link_end end;
	struct link *l;
	int fds[2], is_ours;
	size_t at;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
		abort();
	memset(&end, 0, sizeof(end));
	end.name = "fuzz";
	end.rules = rules;
	end.nrules = nrules;
	end.down = down;
	end.peer_id = 5;
	link_on_broken(broken);
	link_on_failed(failed);
	if ((l = link_new(fds[0], &end)) == NULL)
		abort();
	MUST(strcmp(link_name(l), "fuzz") == 0);
	link_set_state(l, STATE);
	link_set_buffer(l, 1 << 20);
	ndown = nhandled = nblamed = nfailed = pauses = 0;
	is_ours = 0;
	for (at = 1; at < size; at += send_piece(fds[1], data + at,
	    size - at)) {
		link_poll(l);
		link_resume(l);
		if (link_send(l, rules[data[at] % nrules].type, data, at) ==
		    -1 && ndown == 0)
			is_ours = 1;
		link_flush(l);
	}
	close(fds[1]);
	link_poll(l);
	link_resume(l);
	link_poll(l);
	if (ndown == 0 && data[0] & 1)
		link_fault(l, "enough");
	link_close(l);
	MUST(link_queued(l) == 0);
	MUST(nblamed + nfailed <= ndown && (nblamed == 0 || !is_ours));
	link_flush_all();
}

/* A rule for a message that nobody has a shape of. */
static void
check_unknown(void)
{
	static const struct link_rule unknown = { 0xfffffff0U, 1, handle };
	struct link_end end;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	memset(&end, 0, sizeof(end));
	end.rules = &unknown;
	end.nrules = 1;
	MUST(link_new(fds[0], &end) == NULL && errno == EINVAL);
	close(fds[0]);
	MUST(link_new(fds[0], &end) == NULL);
	close(fds[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	int before, after;

	if (base == NULL) {
		base = event_init();
		rules_make();
		check_unknown();
		if (base == NULL || (null_fd = open("/dev/null", O_RDWR)) == -1)
			abort();
	}
	if (size < 2)
		return 0;
	if ((before = fcntl(null_fd, F_DUPFD_CLOEXEC, 0)) == -1)
		abort();
	close(before);
	run(data, size);
	/* Every descriptor that came was closed. */
	if ((after = fcntl(null_fd, F_DUPFD_CLOEXEC, 0)) == -1)
		abort();
	close(after);
	MUST(before == after);
	return 0;
}
