/*
 * The socket of one session, in the clear or under TLS.
 */
#ifndef NET_TLS_IO_H
#define NET_TLS_IO_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct ssl_st;
struct tls;
struct tls_config;

struct tio {
	int		 fd;
	struct tls	*tls;		/* NULL: in the clear */
	struct ssl_st	*ssl;		/* inside of tls */
	char		*left;		/* read, not yet decrypted */
	uint32_t	 left_size;
	uint32_t	 left_off;
	uint8_t		 drained;	/* the socket had no more */
	uint8_t		 is_open;	/* the handshake is done */
};

/* Results beside a count of bytes; 0 is the end of the stream. */
#define TIO_ERROR	(-1)
#define TIO_WANT_READ	(-2)
#define TIO_WANT_WRITE	(-3)

/* Once, before any tls_configure(). */
int		tio_init(void);
/* tls_configure() with the settings that libtls has no call for. */
int		tio_configure(struct tls *server, struct tls_config *);
/* A socket without TLS so far; the fd is the caller's until tio_close(). */
void		tio_open(struct tio *, int fd);
int		tio_start_tls(struct tio *, struct tls *server);
/* The socket has more: until this is said it is not asked again. */
void		tio_readable(struct tio *);
/* Enclose every turn of reading or shaking hands; leave: -1 is no memory. */
void		tio_enter(struct tio *);
int		tio_leave(struct tio *);
int		tio_handshake(struct tio *);	/* 0: done, or TIO_* */
ssize_t		tio_read(struct tio *, void *, size_t);
ssize_t		tio_write(struct tio *, const void *, size_t);
const char	*tio_error(struct tio *);	/* of the last TIO_ERROR */
/* Names of an open TLS session, never NULL. */
void		tio_cipher(struct tio *, const char **version,
		    const char **cipher);
/*
 * The client's certificate: "SHA256:hex" of it and its subject, valid as
 * long as the session.  -1: it sent none.  The subject means something only
 * where the listener has a ca; the hash always does.
 */
int		tio_peer(const struct tio *, const char **hash,
		    const char **subject);
/* RFC 9266, 32 bytes.  -1: not TLS 1.3. */
int		tio_exporter(const struct tio *, uint8_t *out);
void		tio_close(struct tio *);	/* says goodbye, closes fd */

#endif
