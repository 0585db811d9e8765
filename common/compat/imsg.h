/*
 * imsg(3) with the calls of OpenBSD 7.7, for systems that lack it.  On
 * OpenBSD the system's <imsg.h> is used and this file is not on the path.
 *
 * Two differences, both unseen by a caller that frees each message before
 * it reads again: the data of a message lies in the read buffer and is valid
 * until the next imsgbuf_read(), imsgbuf_clear() or imsg_free(); and frames
 * are padded to 8 bytes, so that data is aligned for any scalar.
 */
#ifndef COMPAT_IMSG_H
#define COMPAT_IMSG_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
#define MAX_IMSGSIZE		16384

struct imsg_hdr {
	uint32_t	type;
	uint32_t	len;	/* header and data; top bit: owns a descriptor */
	uint32_t	peerid;
	uint32_t	pid;
};

struct ibuf {
	const unsigned char	*data;
	size_t			 size;
	size_t			 rpos;
};

struct imsg {
	struct imsg_hdr	 hdr;		/* len without the flag */
	void		*data;		/* NULL if empty */
	int		 fd;		/* -1 or owned by the message */
};

struct imsgbuf_queues;

struct imsgbuf {
	struct imsgbuf_queues	*q;
	pid_t			 pid;
	uint32_t		 maxsize;
	int			 fd;
	int			 flags;
};

int	 imsgbuf_init(struct imsgbuf *, int);
void	 imsgbuf_allow_fdpass(struct imsgbuf *);
int	 imsgbuf_set_maxsize(struct imsgbuf *, uint32_t);
/* 1: read something or nothing was there, 0: end of file, -1: errno. */
int	 imsgbuf_read(struct imsgbuf *);
/* One round of sending; 0 also when the socket is full. */
int	 imsgbuf_write(struct imsgbuf *);
/* Sends until the queue is empty; fails with EAGAIN. */
int	 imsgbuf_flush(struct imsgbuf *);
/* Frees everything but the descriptor: only imsgbuf_close() may follow. */
void	 imsgbuf_clear(struct imsgbuf *);
uint32_t imsgbuf_queuelen(struct imsgbuf *);	/* messages waiting */
void	 imsgbuf_close(struct imsgbuf *);
/* Not in OpenBSD: bytes waiting to be sent. */
size_t	 imsgbuf_queued_bytes(struct imsgbuf *);

/* Bytes of the message, 0: none complete yet, -1: EBADMSG, ERANGE. */
ssize_t	 imsg_get(struct imsgbuf *, struct imsg *);
/* As imsg_get(), but 1 for a message (OpenBSD 7.8). */
int	 imsgbuf_get(struct imsgbuf *, struct imsg *);
void	 imsg_free(struct imsg *);

int	 imsg_get_ibuf(struct imsg *, struct ibuf *);
int	 imsg_get_data(struct imsg *, void *, size_t);	/* exactly this size */
int	 imsg_get_fd(struct imsg *);			/* passes ownership */
uint32_t imsg_get_id(struct imsg *);
size_t	 imsg_get_len(struct imsg *);			/* of the data */
pid_t	 imsg_get_pid(struct imsg *);
uint32_t imsg_get_type(struct imsg *);

/* fd is closed once sent, on failure it stays the caller's. */
int	 imsg_compose(struct imsgbuf *, uint32_t, uint32_t, pid_t, int,
	    const void *, size_t);
int	 imsg_composev(struct imsgbuf *, uint32_t, uint32_t, pid_t, int,
	    const struct iovec *, int);

void	*ibuf_data(const struct ibuf *);
size_t	 ibuf_size(const struct ibuf *);
int	 ibuf_get(struct ibuf *, void *, size_t);

#endif
