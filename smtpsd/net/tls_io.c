/*
 * Session i/o.  libtls gets its bytes through callbacks from one receive
 * buffer that all sessions share: one read(2) brings what otherwise takes two
 * for each record.  What a session has not decrypted when its turn ends is
 * kept with it.
 *
 * libtls offers no way to its SSL_CTX, but libcrypto calls us for each one
 * that is made: they are noted while tls_configure() runs and set up after
 * it; so is the SSL of each session.  Released buffers halve the memory of an idle session; tickets are off
 * because libtls cannot resume here.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tls_io.h"

#define RECEIVE_SIZE	65536
#define CTX_MAX		64	/* of one tls_configure(): one per name */

static char		 receive[RECEIVE_SIZE];
static size_t		 receive_off, receive_size;
static struct tio	*receive_owner;
static SSL_CTX		*noted[CTX_MAX];
static size_t		 nnoted;
static SSL		*newest;

static void
on_ctx_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)ptr;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (nnoted < CTX_MAX)
		noted[nnoted++] = parent;
}

static void
on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	size_t	i;

	(void)ptr;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	for (i = 0; i < nnoted; i++)
		if (noted[i] == parent)
			noted[i] = noted[--nnoted];
}

static void
on_ssl_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)ptr;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	newest = parent;
}

int
tio_init(void)
{
	if (SSL_CTX_get_ex_new_index(0, NULL, on_ctx_new, NULL,
	    on_ctx_free) == -1)
		return -1;
	return SSL_get_ex_new_index(0, NULL, on_ssl_new, NULL, NULL) == -1 ?
	    -1 : 0;
}

int
tio_configure(struct tls *server, struct tls_config *config)
{
	size_t	i;
	int	ret;

	nnoted = 0;
	ret = tls_configure(server, config);
	for (i = 0; i < nnoted; i++) {
		SSL_CTX_set_mode(noted[i], SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_options(noted[i], SSL_OP_NO_TICKET |
		    SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
		/* Most clients close without a goodbye: no error.  Only the
		 * dot ends a message, so nothing can be cut short unseen. */
		SSL_CTX_set_options(noted[i], SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
#ifdef SSL_OP_CLEANSE_PLAINTEXT
		/* Passwords pass through these buffers. */
		SSL_CTX_set_options(noted[i], SSL_OP_CLEANSE_PLAINTEXT);
#endif
		SSL_CTX_set_num_tickets(noted[i], 0);
		SSL_CTX_set_session_cache_mode(noted[i], SSL_SESS_CACHE_OFF);
	}
	nnoted = 0;
	return ret;
}

void
tio_open(struct tio *t, int fd)
{
	memset(t, 0, sizeof(*t));
	t->fd = fd;
}

static ssize_t
tio_copy_left(struct tio *t, void *buf, size_t size)
{
	size_t	n = t->left_size - t->left_off;

	if (n > size)
		n = size;
	memcpy(buf, t->left + t->left_off, n);
	t->left_off += (uint32_t)n;
	if (t->left_off == t->left_size) {
		free(t->left);
		t->left = NULL;
	}
	return (ssize_t)n;
}

static ssize_t
on_tls_read(struct tls *ctx, void *buf, size_t size, void *arg)
{
	struct tio	*t = arg;
	ssize_t		 n;
	size_t		 have;

	(void)ctx;
	if (t->left != NULL)
		return tio_copy_left(t, buf, size);
	if (receive_owner != t)
		return TLS_WANT_POLLIN;
	if (receive_off == receive_size) {
		receive_off = receive_size = 0;
		if (t->drained)
			return TLS_WANT_POLLIN;
		if ((n = read(t->fd, receive, sizeof(receive))) == -1)
			return errno == EAGAIN || errno == EINTR ?
			    TLS_WANT_POLLIN : -1;
		if (n == 0)
			return 0;
		/* A short read emptied the socket: spare the next EAGAIN. */
		if ((size_t)n < sizeof(receive))
			t->drained = 1;
		receive_size = (size_t)n;
	}
	have = receive_size - receive_off;
	if (have > size)
		have = size;
	memcpy(buf, receive + receive_off, have);
	receive_off += have;
	return (ssize_t)have;
}

static ssize_t
on_tls_write(struct tls *ctx, const void *buf, size_t size, void *arg)
{
	struct tio	*t = arg;
	ssize_t		 n;

	(void)ctx;
	if ((n = write(t->fd, buf, size)) == -1)
		return errno == EAGAIN || errno == EINTR ? TLS_WANT_POLLOUT :
		    -1;
	return n;
}

int
tio_start_tls(struct tio *t, struct tls *server)
{
	int	ret;

	newest = NULL;
	ret = tls_accept_cbs(server, &t->tls, on_tls_read, on_tls_write, t);
	t->ssl = newest;
	return ret;
}

int
tio_exporter(const struct tio *t, uint8_t *out)
{
	static const char	label[] = "EXPORTER-Channel-Binding";

	if (!t->is_open || t->ssl == NULL ||
	    SSL_version(t->ssl) < TLS1_3_VERSION)
		return -1;
	return SSL_export_keying_material(t->ssl, out, 32, label,
	    sizeof(label) - 1, NULL, 0, 0) == 1 ? 0 : -1;
}

void
tio_readable(struct tio *t)
{
	t->drained = 0;
}

void
tio_enter(struct tio *t)
{
	receive_owner = t;
	receive_off = receive_size = 0;
}

int
tio_leave(struct tio *t)
{
	size_t	 n = receive_size - receive_off;
	int	 ret = 0;

	receive_owner = NULL;
	if (n > 0) {
		/* left is empty: it goes before what the buffer holds. */
		if ((t->left = malloc(n)) == NULL) {
			ret = -1;
		} else {
			memcpy(t->left, receive + receive_off, n);
			t->left_size = (uint32_t)n;
			t->left_off = 0;
		}
	}
	receive_off = receive_size = 0;
	return ret;
}

static ssize_t
tio_result(ssize_t n)
{
	if (n == TLS_WANT_POLLIN)
		return TIO_WANT_READ;
	if (n == TLS_WANT_POLLOUT)
		return TIO_WANT_WRITE;
	return n < 0 ? TIO_ERROR : n;
}

int
tio_handshake(struct tio *t)
{
	int	n = (int)tio_result(tls_handshake(t->tls));

	if (n == 0)
		t->is_open = 1;
	return n;
}

/* To ask libtls in vain costs as much as a command: a buffer is made, wiped and
 * freed. */
static int
tio_is_empty(const struct tio *t)
{
	return t->drained && t->left == NULL && receive_off == receive_size &&
	    (t->tls == NULL || (t->ssl != NULL && !SSL_has_pending(t->ssl)));
}

ssize_t
tio_read(struct tio *t, void *buf, size_t size)
{
	ssize_t	n;

	if (tio_is_empty(t))
		return TIO_WANT_READ;
	if (t->tls != NULL)
		return tio_result(tls_read(t->tls, buf, size));
	if ((n = read(t->fd, buf, size)) == -1)
		return errno == EAGAIN || errno == EINTR ? TIO_WANT_READ :
		    TIO_ERROR;
	if ((size_t)n < size)
		t->drained = 1;
	return n;
}

ssize_t
tio_write(struct tio *t, const void *buf, size_t size)
{
	ssize_t	n;

	if (t->tls != NULL)
		return tio_result(tls_write(t->tls, buf, size));
	if ((n = write(t->fd, buf, size)) == -1)
		return errno == EAGAIN || errno == EINTR ? TIO_WANT_WRITE :
		    TIO_ERROR;
	return n;
}

const char *
tio_error(struct tio *t)
{
	const char	*why = t->tls != NULL ? tls_error(t->tls) : NULL;

	return why != NULL ? why : "connection lost";
}

void
tio_cipher(struct tio *t, const char **version, const char **cipher)
{
	*version = tls_conn_version(t->tls);
	*cipher = tls_conn_cipher(t->tls);
	if (*version == NULL)
		*version = "TLS";
	if (*cipher == NULL)
		*cipher = "unknown";
}

int
tio_peer(const struct tio *t, const char **hash, const char **subject)
{
	if (t->tls == NULL || !t->is_open || !tls_peer_cert_provided(t->tls))
		return -1;
	*hash = tls_peer_cert_hash(t->tls);
	*subject = tls_peer_cert_subject(t->tls);
	return *hash == NULL || *subject == NULL ? -1 : 0;
}

void
tio_close(struct tio *t)
{
	char	drop[4096];
	int	i;

	if (t->tls != NULL && t->is_open)
		(void)tls_close(t->tls);
	tls_free(t->tls);
	t->tls = NULL;
	t->ssl = NULL;
	free(t->left);
	t->left = NULL;
	/* Unread input turns close(2) into a reset that may overtake the
	 * last reply. */
	(void)shutdown(t->fd, SHUT_WR);
	for (i = 0; i < 16 && read(t->fd, drop, sizeof(drop)) > 0; i++)
		;
	close(t->fd);
	t->fd = -1;
}
