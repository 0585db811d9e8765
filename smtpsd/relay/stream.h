/*
 * A byte stream to a server: non-blocking socket, later perhaps TLS.  Writes
 * are gathered and leave at the end of the turn.  For relay only.
 */
#ifndef RELAY_STREAM_H
#define RELAY_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct stream;
struct tls_config;

struct stream_events {
	void	(*secured)(void *arg);		/* TLS handshake is over */
	void	(*data)(void *arg, const char *, size_t);
	void	(*room)(void *arg);		/* output was all sent */
	/* The end, for a reason; only stream_close() is left. */
	void	(*failed)(void *arg, const char *why);
};

/* Takes a connected, non-blocking descriptor.  NULL: no memory, not taken. */
struct stream	*stream_from_fd(int fd, const struct stream_events *,
		    void *arg);
/* No call back comes any more; what is queued is sent if that is possible
 * at once.  NULL is ok. */
void		 stream_close(struct stream *);
/* -1 and *why: TLS cannot start. */
int		 stream_secure(struct stream *, struct tls_config *,
		    const char *host, const char **why);
int		 stream_is_secure(const struct stream *);
const char	*stream_tls_version(const struct stream *);
/* Of the server: "SHA256:..." or "". */
const char	*stream_tls_fingerprint(const struct stream *);
/* Both ends have the same address: it is this host. */
int		 stream_is_to_self(const struct stream *);
/* -1: no memory (failed() comes at the end of the turn). */
int		 stream_write(struct stream *, const void *, size_t);
size_t		 stream_queued(const struct stream *);
/* Bytes that have left, of all that was written. */
uint64_t	 stream_sent(const struct stream *);
void		 stream_flush_all(void);	/* end of turn */

#endif
