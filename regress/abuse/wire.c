/*
 * Messages in and out, past all checks of our own sending side.  Reading is
 * the library's, as what comes from the others is well formed; writing is
 * done by hand, because what goes to them need not be.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <imsg.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

#define WIRES_MAX	256
#define INBOX_MAX	8192		/* messages; the oldest goes */
#define FDS_MAX		64		/* with one write */
#define FD_MARK		0x80000000U
#define FRAME(len)	(((len) + 7) & ~(size_t)7)
#define PATIENCE_MS	20000		/* for a full socket */
#define TYPES		0x10000

struct wire {
	struct imsgbuf	 ib;
	uint32_t	 peer_id;
	uint8_t		 kind;
	int		 is_up;
	int		 is_deaf;
};

struct got {
	TAILQ_ENTRY(got) entry;
	uint32_t	 type;
	uint8_t		 kind;
	size_t		 size;
	uint8_t		*data;
};

static struct wire	 wires[WIRES_MAX];
static int		 nwires;
static TAILQ_HEAD(, got) inbox = TAILQ_HEAD_INITIALIZER(inbox);
static unsigned int	 ninbox;
static uint64_t		 counts[TYPES];
static int		 null_fd = -1;

void
wire_init(void)
{
	if ((null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
		_exit(3);
}

int
wire_add(uint8_t kind, uint32_t peer_id, int fd)
{
	struct wire	*w;
	int		 flags;

	if (nwires == WIRES_MAX) {
		close(fd);
		return -1;
	}
	w = &wires[nwires];
	memset(w, 0, sizeof(*w));
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    imsgbuf_init(&w->ib, fd) == -1)
		return -1;
	imsgbuf_allow_fdpass(&w->ib);
	w->kind = kind;
	w->peer_id = peer_id;
	w->is_up = 1;
	nwires++;
	return 0;
}

static struct wire *
wire_of(uint8_t kind)
{
	int	i;

	for (i = nwires - 1; i >= 0; i--)
		if (wires[i].kind == kind)
			return &wires[i];
	return NULL;
}

int
wire_is_up(uint8_t kind)
{
	struct wire	*w = wire_of(kind);

	return w != NULL && w->is_up;
}

void
wire_set_deaf(uint8_t kind, int is_deaf)
{
	struct wire	*w = wire_of(kind);

	if (w != NULL)
		w->is_deaf = is_deaf;
}

static void
wire_down(struct wire *w)
{
	w->is_up = 0;
	close(w->ib.fd);
	w->ib.fd = -1;
}

static void
drop(struct got *g)
{
	TAILQ_REMOVE(&inbox, g, entry);
	ninbox--;
	free(g->data);
	free(g);
}

void
wire_forget(void)
{
	while (!TAILQ_EMPTY(&inbox))
		drop(TAILQ_FIRST(&inbox));
}

static void
keep(uint8_t kind, uint32_t type, const void *data, size_t size)
{
	struct got	*g;

	if (ninbox >= INBOX_MAX)
		drop(TAILQ_FIRST(&inbox));
	if ((g = calloc(1, sizeof(*g))) == NULL ||
	    (g->data = malloc(size + 1)) == NULL)
		_exit(3);
	g->kind = kind;
	g->type = type;
	g->size = size;
	if (size > 0)
		memcpy(g->data, data, size);
	TAILQ_INSERT_TAIL(&inbox, g, entry);
	ninbox++;
}

static void
take_message(struct wire *w, struct imsg *imsg)
{
	struct ibuf	 body;
	const void	*data = NULL;
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 size = imsg_get_len(imsg);
	int		 fd = imsg_get_fd(imsg);

	if (imsg_get_ibuf(imsg, &body) == 0)
		data = ibuf_data(&body);
	counts[type % TYPES]++;
	if (w->kind == PROC_PARENT && boot_take(type, data, size, fd))
		return;
	if (fd != -1)
		close(fd);
	keep(w->kind, type, data, size);
}

static void
wire_read(struct wire *w)
{
	struct imsg	imsg;
	int		n;

	if ((n = imsgbuf_read(&w->ib)) != 1) {
		wire_down(w);
		return;
	}
	while (w->is_up && (n = imsgbuf_get(&w->ib, &imsg)) > 0) {
		take_message(w, &imsg);
		imsg_free(&imsg);
	}
	if (n == -1)
		wire_down(w);
}

int
wire_pump(int ms, int other_fd)
{
	struct pollfd	 fds[WIRES_MAX + 1];
	struct wire	*of[WIRES_MAX];
	uint64_t	 end = now_ms() + (uint64_t)ms;
	int		 i, n, left, did = 0;

	do {
		for (i = n = 0; i < nwires; i++) {
			if (!wires[i].is_up || wires[i].is_deaf)
				continue;
			of[n] = &wires[i];
			fds[n].fd = wires[i].ib.fd;
			fds[n++].events = POLLIN;
		}
		fds[n].fd = other_fd;
		fds[n].events = POLLIN;
		fds[n].revents = 0;
		left = ms < 0 ? -1 : end > now_ms() ? (int)(end - now_ms()) : 0;
		if (poll(fds, (nfds_t)n + 1, left) == -1 && errno != EINTR)
			_exit(3);
		for (i = 0; i < n; i++)
			if (fds[i].revents != 0 && of[i]->is_up) {
				wire_read(of[i]);
				did = 1;
			}
		if (fds[n].revents != 0)
			return 1;
	} while (!did && (ms < 0 || now_ms() < end));
	return 0;
}

/* What is there now, and room in w's socket or a moment's wait for it. */
static void
wait_for_room(struct wire *w)
{
	struct pollfd	pfd = { .fd = w->ib.fd, .events = POLLOUT };

	(void)wire_pump(0, -1);
	if (w->is_up)
		(void)poll(&pfd, 1, 50);
}

static ssize_t
write_some(struct wire *w, const uint8_t *p, size_t size, int nfds)
{
	struct iovec	 iov = { .iov_base = (void *)(uintptr_t)p,
			    .iov_len = size };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr	*c;
	int		 i;
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} cmsg;

	if (nfds > FDS_MAX)
		nfds = FDS_MAX;
	if (nfds > 0) {
		memset(&cmsg, 0, sizeof(cmsg));
		msg.msg_control = &cmsg;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		for (i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int),
			    &null_fd, sizeof(int));
	}
	return sendmsg(w->ib.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
wire_write(uint8_t kind, const void *bytes, size_t size, int nfds)
{
	struct wire	*w = wire_of(kind);
	const uint8_t	*p = bytes;
	uint64_t	 end = now_ms() + PATIENCE_MS;
	ssize_t		 n;

	if (w == NULL || !w->is_up)
		return -1;
	while (size > 0) {
		n = write_some(w, p, size, nfds);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
			nfds = 0;
			continue;
		}
		if (n == -1 && errno != EAGAIN && errno != EINTR &&
		    errno != ENOBUFS) {
			/* Reading finds the end, after what was said. */
			(void)wire_pump(0, -1);
			if (w->is_up)
				wire_down(w);
			return -1;
		}
		if (now_ms() > end)
			return -1;
		wait_for_room(w);
		if (!w->is_up)
			return -1;
	}
	return 0;
}

int
wire_send(uint8_t kind, uint32_t type, const void *data, size_t size,
    int nfds)
{
	static uint8_t	 frame[2 * MAX_IMSGSIZE];
	struct imsg_hdr	 hdr;

	if (size > sizeof(frame) - sizeof(hdr) - 8)
		size = sizeof(frame) - sizeof(hdr) - 8;
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.len = (uint32_t)(sizeof(hdr) + size) | (nfds > 0 ? FD_MARK : 0);
	hdr.pid = (uint32_t)getpid();
	memcpy(frame, &hdr, sizeof(hdr));
	if (size > 0)
		memcpy(frame + sizeof(hdr), data, size);
	memset(frame + sizeof(hdr) + size, 0, 8);
	return wire_write(kind, frame, FRAME(sizeof(hdr) + size), nfds);
}

int
wire_send_tail(uint8_t kind, uint32_t type, const void *data, size_t size,
    const void *tail, size_t tail_size)
{
	static uint8_t	whole[MAX_IMSGSIZE];

	if (size + tail_size > sizeof(whole))
		return -1;
	memcpy(whole, data, size);
	if (tail_size > 0)
		memcpy(whole + size, tail, tail_size);
	return wire_send(kind, type, whole, size + tail_size, 0);
}

static struct got *
find(uint8_t kind, uint32_t type, uint64_t session)
{
	struct got	*g;

	TAILQ_FOREACH(g, &inbox, entry)
		if (g->kind == kind && g->type == type &&
		    (session == ANY_SESSION || (g->size >= sizeof(session) &&
		    memcmp(g->data, &session, sizeof(session)) == 0)))
			return g;
	return NULL;
}

ssize_t
wire_take(uint8_t kind, uint32_t type, uint64_t session, void *data,
    size_t size, int ms)
{
	struct got	*g;
	uint64_t	 end = now_ms() + (uint64_t)ms;
	size_t		 n;

	while ((g = find(kind, type, session)) == NULL) {
		if (!wire_is_up(kind))
			return -2;
		if (now_ms() >= end)
			return -1;
		(void)wire_pump((int)(end - now_ms()), -1);
	}
	n = g->size;
	memcpy(data, g->data, n < size ? n : size);
	drop(g);
	return (ssize_t)n;
}

uint64_t
wire_count(uint32_t type)
{
	return counts[type % TYPES];
}
