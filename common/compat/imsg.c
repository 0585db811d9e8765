/*
 * imsg: framed messages with descriptors over a local stream socket.
 *
 * Called by common/base/link.c and by those that talk synchronously.  State:
 * one read buffer and one contiguous send buffer for each imsgbuf, so that
 * all messages of a turn leave with one sendmsg(2).  Both are wiped as they
 * are used up, because some messages carry passwords.
 *
 * On a Linux SOCK_STREAM socket one recvmsg(2) can return the bytes of a
 * message without a descriptor and of the next one that has it, so the
 * header says which message owns one.  A descriptor arrives no later than
 * the first byte of its sendmsg, which is why each owner starts a new one;
 * received descriptors wait in order of arrival.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

#define FD_MARK		0x80000000U
#define ALLOW_FDPASS	0x01
#define READ_SIZE	(128 * 1024)
#define FDS_PER_RECV	8
#define FDS_WAITING	64		/* more than a peer of ours ever has */
#define FRAME(len)	(((size_t)(len) + 7) & ~(size_t)7)
#define OUT_START	16384

struct fd_out {
	size_t	offset;			/* in out, of its message */
	int	fd;
};

struct imsgbuf_queues {
	unsigned char	*in;
	size_t		 in_start, in_end;
	int		 in_fds[FDS_WAITING];
	size_t		 in_nfds;

	unsigned char	*out;
	size_t		 out_start, out_end, out_size;
	uint32_t	 out_count;
	struct fd_out	*fds;
	size_t		 fds_start, fds_end, fds_size;
};

int
imsgbuf_init(struct imsgbuf *ib, int fd)
{
	memset(ib, 0, sizeof(*ib));
	if ((ib->q = calloc(1, sizeof(*ib->q))) == NULL)
		return -1;
	if ((ib->q->in = aligned_alloc(16, READ_SIZE)) == NULL) {
		free(ib->q);
		ib->q = NULL;
		return -1;
	}
	ib->fd = fd;
	ib->pid = getpid();
	ib->maxsize = MAX_IMSGSIZE;
	return 0;
}

void
imsgbuf_allow_fdpass(struct imsgbuf *ib)
{
	ib->flags |= ALLOW_FDPASS;
}

int
imsgbuf_set_maxsize(struct imsgbuf *ib, uint32_t maxsize)
{
	if (maxsize < IMSG_HEADER_SIZE || maxsize > READ_SIZE / 2) {
		errno = EINVAL;
		return -1;
	}
	ib->maxsize = maxsize;
	return 0;
}

/* Keeps descriptors that came along, in order; closes what is too many. */
static int
take_fds(struct imsgbuf *ib, struct msghdr *msg)
{
	struct imsgbuf_queues	*q = ib->q;
	struct cmsghdr		*c;
	size_t			 i, n;
	int			 fd, bad = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if ((ib->flags & ALLOW_FDPASS) &&
			    q->in_nfds < FDS_WAITING)
				q->in_fds[q->in_nfds++] = fd;
			else {
				close(fd);
				bad = 1;
			}
		}
	}
	if (bad)
		errno = EBADMSG;
	return bad ? -1 : 0;
}

/* Moves an unfinished message to the front, leaving no copy behind. */
static void
compact(struct imsgbuf_queues *q)
{
	size_t	left = q->in_end - q->in_start;

	if (q->in_start == 0)
		return;
	memmove(q->in, q->in + q->in_start, left);
	if (left != 0)
		explicit_bzero(q->in + left, q->in_end - left);
	q->in_start = 0;
	q->in_end = left;
}

int
imsgbuf_read(struct imsgbuf *ib)
{
	struct imsgbuf_queues	*q = ib->q;
	struct msghdr		 msg;
	struct iovec		 iov;
	ssize_t			 n;
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int) * FDS_PER_RECV)];
	} cmsg;

	compact(q);
	if (q->in_end == READ_SIZE) {
		/* The caller has not taken what is here. */
		return 1;
	}
	memset(&msg, 0, sizeof(msg));
	iov.iov_base = q->in + q->in_end;
	iov.iov_len = READ_SIZE - q->in_end;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &cmsg;
	msg.msg_controllen = sizeof(cmsg.buf);
	do {
		n = recvmsg(ib->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1;
	if (take_fds(ib, &msg) == -1)
		return -1;
	if (n == 0)
		return 0;
	q->in_end += (size_t)n;
	return 1;
}

static int
next_fd(struct imsgbuf_queues *q)
{
	int	fd;

	if (q->in_nfds == 0)
		return -1;
	fd = q->in_fds[0];
	q->in_nfds--;
	memmove(q->in_fds, q->in_fds + 1, q->in_nfds * sizeof(q->in_fds[0]));
	return fd;
}

/*
 * A descriptor comes with the first byte of its message or earlier bytes
 * of the stream: with no bytes left, none may be waiting.
 */
static ssize_t
nothing_more(struct imsgbuf_queues *q)
{
	if (q->in_start == q->in_end && q->in_nfds != 0) {
		while (q->in_nfds != 0)
			close(next_fd(q));
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

ssize_t
imsg_get(struct imsgbuf *ib, struct imsg *imsg)
{
	struct imsgbuf_queues	*q = ib->q;
	size_t			 have = q->in_end - q->in_start;
	int			 owns_fd;

	imsg->fd = -1;
	imsg->data = NULL;
	if (have < IMSG_HEADER_SIZE)
		return nothing_more(q);
	memcpy(&imsg->hdr, q->in + q->in_start, IMSG_HEADER_SIZE);
	owns_fd = (imsg->hdr.len & FD_MARK) != 0;
	imsg->hdr.len &= ~FD_MARK;
	if (imsg->hdr.len < IMSG_HEADER_SIZE) {
		errno = EBADMSG;
		return -1;
	}
	if (imsg->hdr.len > ib->maxsize) {
		errno = ERANGE;
		return -1;
	}
	if (have < FRAME(imsg->hdr.len))
		return 0;
	if (imsg->hdr.len > IMSG_HEADER_SIZE)
		imsg->data = q->in + q->in_start + IMSG_HEADER_SIZE;
	q->in_start += FRAME(imsg->hdr.len);
	if (owns_fd)
		imsg->fd = next_fd(q);
	return (ssize_t)imsg->hdr.len;
}

int
imsgbuf_get(struct imsgbuf *ib, struct imsg *imsg)
{
	ssize_t	n = imsg_get(ib, imsg);

	return n > 0 ? 1 : (int)n;
}

void
imsg_free(struct imsg *imsg)
{
	if (imsg->fd != -1)
		close(imsg->fd);
	if (imsg->data != NULL)
		explicit_bzero(imsg->data, imsg_get_len(imsg));
	imsg->fd = -1;
	imsg->data = NULL;
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *ibuf)
{
	if (imsg->data == NULL) {
		errno = EBADMSG;
		return -1;
	}
	ibuf->data = imsg->data;
	ibuf->size = imsg_get_len(imsg);
	ibuf->rpos = 0;
	return 0;
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t size)
{
	if (size == 0) {
		errno = EINVAL;
		return -1;
	}
	if (imsg_get_len(imsg) != size) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(data, imsg->data, size);
	return 0;
}

int
imsg_get_fd(struct imsg *imsg)
{
	int	fd = imsg->fd;

	imsg->fd = -1;
	return fd;
}

uint32_t
imsg_get_id(struct imsg *imsg)
{
	return imsg->hdr.peerid;
}

size_t
imsg_get_len(struct imsg *imsg)
{
	return imsg->hdr.len - IMSG_HEADER_SIZE;
}

pid_t
imsg_get_pid(struct imsg *imsg)
{
	return (pid_t)imsg->hdr.pid;
}

uint32_t
imsg_get_type(struct imsg *imsg)
{
	return imsg->hdr.type;
}

void *
ibuf_data(const struct ibuf *ibuf)
{
	/* OpenBSD's is not const either. */
	return (void *)(uintptr_t)(ibuf->data + ibuf->rpos);
}

size_t
ibuf_size(const struct ibuf *ibuf)
{
	return ibuf->size - ibuf->rpos;
}

int
ibuf_get(struct ibuf *ibuf, void *data, size_t size)
{
	if (ibuf_size(ibuf) < size) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(data, ibuf->data + ibuf->rpos, size);
	ibuf->rpos += size;
	return 0;
}

/* Room for size more bytes; what was sent is dropped, copies are wiped. */
static int
grow_out(struct imsgbuf_queues *q, size_t size)
{
	unsigned char	*out;
	size_t		 i, left = q->out_end - q->out_start, want;

	if (q->out != NULL && q->out_size - q->out_end >= size)
		return 0;
	want = q->out_size == 0 ? OUT_START : q->out_size;
	while (want < left + size)
		want *= 2;
	if ((out = malloc(want)) == NULL)
		return -1;
	if (q->out != NULL) {
		memcpy(out, q->out + q->out_start, left);
		explicit_bzero(q->out, q->out_end);
		free(q->out);
	}
	for (i = q->fds_start; i < q->fds_end; i++)
		q->fds[i].offset -= q->out_start;
	q->out = out;
	q->out_size = want;
	q->out_start = 0;
	q->out_end = left;
	return 0;
}

static int
grow_fds(struct imsgbuf_queues *q)
{
	struct fd_out	*fds;
	size_t		 want;

	if (q->fds_end < q->fds_size)
		return 0;
	want = q->fds_size == 0 ? 8 : q->fds_size * 2;
	if ((fds = reallocarray(q->fds, want, sizeof(*fds))) == NULL)
		return -1;
	q->fds = fds;
	q->fds_size = want;
	return 0;
}

int
imsg_composev(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt)
{
	struct imsgbuf_queues	*q = ib->q;
	struct imsg_hdr		 hdr;
	unsigned char		*p;
	size_t			 len = IMSG_HEADER_SIZE;
	int			 i;

	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > ib->maxsize - len) {
			errno = ERANGE;
			return -1;
		}
		len += iov[i].iov_len;
	}
	if (fd != -1 && !(ib->flags & ALLOW_FDPASS)) {
		errno = EINVAL;
		return -1;
	}
	if (grow_out(q, FRAME(len)) == -1 || (fd != -1 && grow_fds(q) == -1))
		return -1;
	hdr.type = type;
	hdr.len = (uint32_t)len | (fd != -1 ? FD_MARK : 0);
	hdr.peerid = id;
	hdr.pid = (uint32_t)(pid == 0 ? ib->pid : pid);
	p = q->out + q->out_end;
	memcpy(p, &hdr, sizeof(hdr));
	p += sizeof(hdr);
	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len != 0)
			memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	memset(p, 0, FRAME(len) - len);
	if (fd != -1) {
		q->fds[q->fds_end].offset = q->out_end;
		q->fds[q->fds_end++].fd = fd;
	}
	q->out_end += FRAME(len);
	q->out_count++;
	return 1;
}

int
imsg_compose(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t size)
{
	struct iovec	iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = size;
	return imsg_composev(ib, type, id, pid, fd, &iov, 1);
}

static void
sent(struct imsgbuf_queues *q, size_t n)
{
	explicit_bzero(q->out + q->out_start, n);
	q->out_start += n;
	if (q->out_start != q->out_end)
		return;
	q->out_start = q->out_end = 0;
	q->fds_start = q->fds_end = 0;
	q->out_count = 0;
	if (q->out_size > 1024 * 1024) {	/* after a flood */
		free(q->out);
		q->out = NULL;
		q->out_size = 0;
	}
}

/* One sendmsg: up to the next message that owns a descriptor. */
static ssize_t
send_some(struct imsgbuf *ib)
{
	struct imsgbuf_queues	*q = ib->q;
	struct msghdr		 msg;
	struct cmsghdr		*c;
	struct iovec		 iov;
	size_t			 end = q->out_end, next = q->fds_start;
	ssize_t			 n;
	int			 with_fd;
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int))];
	} cmsg;

	with_fd = next < q->fds_end && q->fds[next].offset == q->out_start;
	if (next + (size_t)with_fd < q->fds_end)
		end = q->fds[next + (size_t)with_fd].offset;
	memset(&msg, 0, sizeof(msg));
	iov.iov_base = q->out + q->out_start;
	iov.iov_len = end - q->out_start;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (with_fd) {
		memset(&cmsg, 0, sizeof(cmsg));
		msg.msg_control = &cmsg;
		msg.msg_controllen = sizeof(cmsg.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &q->fds[next].fd, sizeof(int));
	}
	do {
		n = sendmsg(ib->fd, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n;
	if (with_fd) {
		close(q->fds[next].fd);
		q->fds_start++;
	}
	sent(q, (size_t)n);
	return n;
}

int
imsgbuf_flush(struct imsgbuf *ib)
{
	ssize_t	n;

	while (ib->q->out_start != ib->q->out_end) {
		if ((n = send_some(ib)) == -1)
			return -1;
		if (n == 0) {
			errno = EPIPE;
			return -1;
		}
	}
	return 0;
}

int
imsgbuf_write(struct imsgbuf *ib)
{
	if (imsgbuf_flush(ib) == -1 && errno != EAGAIN &&
	    errno != EWOULDBLOCK && errno != ENOBUFS)
		return -1;
	return 0;
}

uint32_t
imsgbuf_queuelen(struct imsgbuf *ib)
{
	return ib->q->out_count;
}

size_t
imsgbuf_queued_bytes(struct imsgbuf *ib)
{
	return ib->q->out_end - ib->q->out_start;
}

void
imsgbuf_clear(struct imsgbuf *ib)
{
	struct imsgbuf_queues	*q = ib->q;

	if (q == NULL)
		return;
	for (; q->fds_start < q->fds_end; q->fds_start++)
		close(q->fds[q->fds_start].fd);
	while (q->in_nfds != 0)
		close(next_fd(q));
	if (q->out != NULL)
		explicit_bzero(q->out, q->out_end);
	explicit_bzero(q->in, q->in_end);
	free(q->out);
	free(q->fds);
	free(q->in);
	free(q);
	ib->q = NULL;
}

void
imsgbuf_close(struct imsgbuf *ib)
{
	imsgbuf_clear(ib);
	if (ib->fd != -1)
		close(ib->fd);
	ib->fd = -1;
}
