/*
 * The one loop that reads all links, and the only place that sends on them.
 *
 * Called by proc.c and the parent's loop (link_flush_all() at the end of a
 * turn) and by every program's handlers.  State: the list of links.  It
 * checks type, size, descriptor, state and string termination before a
 * handler sees a message; it knows no message by name.
 *
 * A link ends in one of three ways: the peer closed it, the peer broke a rule
 * (fault(): it is named to whoever asked for that), or something failed on
 * this side (fail(): no memory, a system call, a message that our own tables
 * do not know).  The last is nobody's fault but ours: no peer may be blamed.
 *
 * Links die in two steps: down (closed, down() called) at once, freed at the
 * end of a turn in which no handler of theirs runs, because a handler still
 * holds its message in the link's buffer.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat/config.h"
#include "base/link.h"
#include "base/log.h"

#define POLL_ROUNDS	16
#define LAST_ROUNDS	64	/* twice what the system holds of one link */

struct link {
	TAILQ_ENTRY(link)	 entry;
	struct link_end		 end;
	const struct link_shape	**shapes;	/* one for each rule */
	struct imsgbuf		 ib;
	struct event		 ev_read;
	struct event		 ev_write;
	uint32_t		 state;
	int			 is_down;
	int			 is_paused;
	int			 waits_write;
	int			 busy;		/* handlers running */
	int			 is_unread;	/* fault it at the end of turn */
	const char		*failed;	/* the same, but ours */
	char			 why[160];
	uint64_t		 sent_bytes, sent_count;
};

static TAILQ_HEAD(, link) links = TAILQ_HEAD_INITIALIZER(links);
static void	(*on_broken)(uint32_t);
static void	(*on_failed)(void);

static void	on_readable(int, short, void *);
static void	on_writable(int, short, void *);

static struct link *
make(int fd, const struct link_end *end)
{
	struct link	*l;
	size_t		 i;
	int		 flags, saved_errno;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return NULL;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->end = *end;
	l->state = 1;
	if ((l->shapes = calloc(end->nrules + 1, sizeof(*l->shapes))) == NULL)
		goto fail;
	for (i = 0; i < end->nrules; i++) {
		if ((l->shapes[i] = proto_shape(end->rules[i].type)) == NULL) {
			errno = EINVAL;
			goto fail;
		}
	}
	if (imsgbuf_init(&l->ib, fd) == -1)
		goto fail;
	/* Where no descriptor may come, none shall wait in our table. */
	for (i = 0; i < end->nrules; i++)
		if (l->shapes[i]->has_fd)
			imsgbuf_allow_fdpass(&l->ib);
	event_set(&l->ev_read, fd, EV_READ | EV_PERSIST, on_readable, l);
	event_set(&l->ev_write, fd, EV_WRITE, on_writable, l);
	if (event_add(&l->ev_read, NULL) == -1) {
		imsgbuf_clear(&l->ib);
		goto fail;
	}
	TAILQ_INSERT_TAIL(&links, l, entry);
	return l;
fail:
	saved_errno = errno;
	free(l->shapes);
	free(l);
	errno = saved_errno;
	return NULL;
}

struct link *
link_new(int fd, const struct link_end *end)
{
	struct link	*l = make(fd, end);
	int		 saved_errno = errno;

	if (l == NULL && !end->is_spare && on_failed != NULL)
		on_failed();
	errno = saved_errno;
	return l;
}

static void
shut(struct link *l)
{
	l->is_down = 1;
	event_del(&l->ev_read);
	event_del(&l->ev_write);
	close(l->ib.fd);
	l->ib.fd = -1;
}

/* The peer closed it. */
static void
end_closed(struct link *l)
{
	if (l->is_down)
		return;
	shut(l);
	if (l->end.down != NULL)
		l->end.down(l, NULL);
}

/* The peer broke a rule. */
static void
fault(struct link *l, const char *why)
{
	if (l->is_down)
		return;
	shut(l);
	if (!l->end.is_quiet)
		log_warnx("link to %s: %s", l->end.name, why);
	if (l->end.down != NULL)
		l->end.down(l, why);
	if (l->end.peer_id != 0 && on_broken != NULL)
		on_broken(l->end.peer_id);
}

/* Something failed here: to the owner it is as if the peer had closed it. */
static void
fail(struct link *l, const char *why)
{
	if (l->is_down)
		return;
	log_warnx("link to %s: failed on this side: %s", l->end.name, why);
	if (!l->end.is_spare && on_failed != NULL)
		on_failed();
	/* The parent kills whoever closes its link, perhaps before more. */
	log_flush();
	shut(l);
	if (l->end.down != NULL)
		l->end.down(l, NULL);
}

void
link_on_broken(void (*f)(uint32_t))
{
	on_broken = f;
}

void
link_on_failed(void (*f)(void))
{
	on_failed = f;
}

void
link_close(struct link *l)
{
	if (l == NULL || l->is_down)
		return;
	/* What was answered before, such as a last DONE, still leaves. */
	if (imsgbuf_queuelen(&l->ib) != 0)
		(void)imsgbuf_write(&l->ib);
	shut(l);
}

void
link_fault(struct link *l, const char *why)
{
	if (l != NULL)
		fault(l, why);
}

void *
link_arg(struct link *l)
{
	return l->end.arg;
}

uint32_t
link_peer_id(struct link *l)
{
	return l->end.peer_id;
}

const char *
link_name(struct link *l)
{
	return l->end.name;
}

void
link_set_state(struct link *l, uint32_t state_bit)
{
	l->state = state_bit;
}

uint32_t
link_state(struct link *l)
{
	return l->state;
}

/* NULL if the message keeps all rules, else what it breaks. */
static const char *
check(struct link *l, size_t i, const struct link_in *in)
{
	const struct link_shape	*s = l->shapes[i];
	const struct link_string *str;
	const char		*data = in->data;
	size_t			 n;

	if (in->size < s->size_min)
		return "too short";
	if (in->size > s->size_max)
		return "too long";
	if (s->has_fd && in->fd == -1)
		return "descriptor missing";
	if (!s->has_fd && in->fd != -1)
		return "stray descriptor";
	if ((l->end.rules[i].states & l->state) == 0)
		return "not in this state";
	for (n = 0; n < LINK_STRINGS_MAX && s->strings[n].size != 0; n++) {
		str = &s->strings[n];
		if (memchr(data + str->offset, '\0', str->size) == NULL)
			return "string not terminated";
	}
	return NULL;
}

static void
dispatch_one(struct link *l, struct imsg *imsg)
{
	struct link_in	 in;
	struct ibuf	 body;
	const char	*bad;
	size_t		 i;

	in.type = imsg_get_type(imsg);
	in.size = (uint32_t)imsg_get_len(imsg);
	in.data = imsg_get_ibuf(imsg, &body) == 0 ? ibuf_data(&body) : NULL;
	in.fd = imsg_get_fd(imsg);
	for (i = 0; i < l->end.nrules; i++)
		if (l->end.rules[i].type == in.type)
			break;
	if (i == l->end.nrules) {
		snprintf(l->why, sizeof(l->why), "message 0x%04x not allowed",
		    in.type);
		fault(l, l->why);
	} else if ((bad = check(l, i, &in)) != NULL) {
		snprintf(l->why, sizeof(l->why), "%s: %s (%u bytes)",
		    l->shapes[i]->name, bad, in.size);
		fault(l, l->why);
	} else
		l->end.rules[i].handle(l, &in);
	if (in.fd != -1)
		close(in.fd);
}

/* Number of messages handled. */
static int
dispatch(struct link *l)
{
	struct imsg	imsg;
	ssize_t		n = 0;
	int		count = 0;

	l->busy++;
	while (!l->is_down && !l->is_paused &&
	    (n = imsg_get(&l->ib, &imsg)) > 0) {
		dispatch_one(l, &imsg);
		imsg_free(&imsg);
		count++;
	}
	l->busy--;
	if (n == -1 && errno == ENOMEM)
		fail(l, "no memory to receive");
	else if (n == -1)
		fault(l, errno == ERANGE ? "message too long" :
		    "malformed message");
	return count;
}

static int
read_once(struct link *l)
{
	int	n;

	if ((n = imsgbuf_read(&l->ib)) == 1)
		return dispatch(l);
	if (n == 0 || errno == ECONNRESET || errno == EPIPE)
		end_closed(l);
	else if (errno == EBADMSG)
		fault(l, "descriptors without a message");
	else if (errno != ENOMEM && errno != ENOBUFS)
		fail(l, strerror(errno));
	return 0;
}

static void
on_readable(int fd, short what, void *arg)
{
	struct link	*l = arg;

	(void)fd;
	(void)what;
	if (!l->is_down && !l->is_paused && l->busy == 0)
		(void)read_once(l);
}

void
link_poll(struct link *l)
{
	int	i;

	if (l == NULL || l->busy != 0)
		return;
	for (i = 0; i < POLL_ROUNDS && !l->is_down && !l->is_paused; i++)
		if (read_once(l) == 0)
			break;
}

void
link_pause(struct link *l)
{
	if (l == NULL || l->is_down || l->is_paused)
		return;
	l->is_paused = 1;
	event_del(&l->ev_read);
}

void
link_resume(struct link *l)
{
	if (l == NULL || l->is_down || !l->is_paused)
		return;
	l->is_paused = 0;
	if (event_add(&l->ev_read, NULL) == -1) {
		l->failed = "no memory to resume";
		return;
	}
	/* Messages that were read before the pause wake no socket. */
	event_active(&l->ev_read, EV_READ, 1);
}

void
link_set_buffer(struct link *l, int bytes)
{
	if (l == NULL || l->is_down)
		return;
	(void)setsockopt(l->ib.fd, SOL_SOCKET, SO_SNDBUF, &bytes,
	    sizeof(bytes));
	(void)setsockopt(l->ib.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
	    sizeof(bytes));
}

size_t
link_queued(struct link *l)
{
	if (l == NULL || l->is_down)
		return 0;
#ifdef HAVE_IMSG_SYSTEM
	/* It counts messages only: estimate with the mean size. */
	if (l->sent_count == 0)
		return 0;
	return (size_t)(imsgbuf_queuelen(&l->ib) *
	    (l->sent_bytes / l->sent_count));
#else
	return imsgbuf_queued_bytes(&l->ib);
#endif
}

static int
queue_message(struct link *l, uint32_t type, int fd, const struct iovec *iov,
    int iovcnt)
{
	const struct link_shape	*s;
	size_t			 size = 0;
	int			 i;

	if (l == NULL || l->is_down || l->is_unread || l->failed != NULL)
		return -1;
	for (i = 0; i < iovcnt; i++)
		size += iov[i].iov_len;
	/* Our own mistakes end here and not as a fault found by the peer. */
	if ((s = proto_shape(type)) == NULL || size < s->size_min ||
	    size > s->size_max || (s->has_fd != 0) != (fd != -1)) {
		snprintf(l->why, sizeof(l->why),
		    "refused to send %s of %zu bytes",
		    s == NULL ? "unknown message" : s->name, size);
		l->failed = l->why;
		return -1;
	}
	if (link_queued(l) > LINK_UNREAD_MAX) {
		l->is_unread = 1;
		return -1;
	}
	if (imsg_composev(&l->ib, type, 0, 0, fd, iov, iovcnt) == -1) {
		l->failed = "no memory to send";
		return -1;
	}
	l->sent_bytes += size + sizeof(struct imsg_hdr);
	l->sent_count++;
	return 0;
}

int
link_send_tail(struct link *l, uint32_t type, const void *data, size_t size,
    const void *tail, size_t tail_size)
{
	struct iovec	iov[2];

	iov[0].iov_base = (void *)(uintptr_t)data;
	iov[0].iov_len = size;
	iov[1].iov_base = (void *)(uintptr_t)tail;
	iov[1].iov_len = tail_size;
	return queue_message(l, type, -1, iov, tail_size == 0 ? 1 : 2);
}

int
link_send(struct link *l, uint32_t type, const void *data, size_t size)
{
	return link_send_tail(l, type, data, size, NULL, 0);
}

int
link_send_fd(struct link *l, uint32_t type, int fd, const void *data,
    size_t size)
{
	struct iovec	iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = size;
	if (l != NULL && !l->is_down)
		imsgbuf_allow_fdpass(&l->ib);
	if (queue_message(l, type, fd, &iov, 1) == -1) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	return 0;
}

static void
write_failed(struct link *l)
{
	int	i;

	if (errno != EPIPE && errno != ECONNRESET) {
		fail(l, strerror(errno));
		return;
	}
	/* What the peer said before it closed is still to be read: the reading
	 * side finds the end.  One that only reads no more could speak on. */
	for (i = 0; i < LAST_ROUNDS && !l->is_down && !l->is_paused &&
	    l->busy == 0; i++)
		if (read_once(l) == 0)
			break;
	end_closed(l);
}

void
link_flush(struct link *l)
{
	if (l == NULL || l->is_down)
		return;
	if (l->failed != NULL) {
		fail(l, l->failed);
		return;
	}
	if (l->is_unread) {
		fault(l, "peer does not read");
		return;
	}
	if (imsgbuf_queuelen(&l->ib) == 0)
		return;
	if (imsgbuf_write(&l->ib) == -1) {
		write_failed(l);
		return;
	}
	if (imsgbuf_queuelen(&l->ib) != 0 && !l->waits_write) {
		l->waits_write = 1;
		if (event_add(&l->ev_write, NULL) == -1)
			fail(l, "no memory to wait");
	}
}

static void
on_writable(int fd, short what, void *arg)
{
	struct link	*l = arg;

	(void)fd;
	(void)what;
	l->waits_write = 0;
	link_flush(l);
}

void
link_flush_all(void)
{
	struct link	*l, *next;

	/* down() may queue on others or make new ones: they go to the tail. */
	TAILQ_FOREACH(l, &links, entry)
		if (!l->waits_write || l->failed != NULL || l->is_unread)
			link_flush(l);
	for (l = TAILQ_FIRST(&links); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (!l->is_down || l->busy != 0)
			continue;
		TAILQ_REMOVE(&links, l, entry);
		imsgbuf_clear(&l->ib);
		free(l->shapes);
		free(l);
	}
}
