/*
 * The certificates here have no private keys.  libcrypto's default RSA and
 * EC methods are replaced by ones that send what is to be signed over the
 * signing link and wait for the answer: 15-30 us, less than a detour through
 * the event loop would cost, and libtls cannot wait in any other way.
 *
 * The key is named by the SHA-256 of its public part, which the parent
 * computes in the same way.  The parent decides what it signs.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <imsg.h>

/* Low-level methods are what this is about; 3.0 calls them deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/log.h"
#include "proto/net_parent.h"
#include "keyless.h"
#include "stats.h"

#define SIGN_TIMEOUT_S	5

static struct imsgbuf	 link_buf;
static int		 link_up;
static uint32_t		 owed;	/* answers to requests given up on */
static EC_KEY_METHOD	*ec_method;
static RSA_METHOD	*rsa_method;
static int		(*ec_sign_setup)(EC_KEY *, BN_CTX *, BIGNUM **,
			    BIGNUM **);

static void
keyless_down(const char *why)
{
	log_warnx("signing link: %s", why);
	imsgbuf_close(&link_buf);
	link_up = 0;
}

void
keyless_set_link(int fd)
{
	struct timeval	tv = { SIGN_TIMEOUT_S, 0 };
	int		flags;

	if (link_up) {
		imsgbuf_close(&link_buf);
		link_up = 0;
	}
	owed = 0;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1 ||
	    imsgbuf_init(&link_buf, fd) == -1)
		fatal("signing link");
	link_up = 1;
}

/* One answer: the bytes of the signature, -1 failed, -2 none came in time. */
static int
keyless_answer(uint8_t *out, size_t outsize)
{
	struct parent_net_sign_done	 done;
	uint8_t				 buf[sizeof(done) + SIGN_TAIL_MAX];
	struct timespec			 start, now;
	struct imsg			 imsg;
	ssize_t				 n;
	size_t				 size;
	int				 ret = -1;

	if (clock_gettime(CLOCK_MONOTONIC, &start) == -1)
		return -1;
	while ((n = imsg_get(&link_buf, &imsg)) == 0) {
		/* A read that timed out looks like one that found nothing. */
		if (clock_gettime(CLOCK_MONOTONIC, &now) == -1 ||
		    now.tv_sec - start.tv_sec >= SIGN_TIMEOUT_S)
			return -2;
		if ((n = imsgbuf_read(&link_buf)) == -1) {
			keyless_down("cannot read");
			return -1;
		}
		if (n == 0) {
			keyless_down("closed by the parent");
			return -1;
		}
	}
	if (n == -1) {
		keyless_down("malformed message");
		return -1;
	}
	size = imsg_get_len(&imsg);
	if (imsg_get_type(&imsg) != MSG_PARENT_NET_SIGN_DONE ||
	    size < sizeof(done) || size > sizeof(buf) ||
	    imsg_get_data(&imsg, buf, size) == -1) {
		imsg_free(&imsg);
		keyless_down("unexpected message");
		return -1;
	}
	imsg_free(&imsg);
	memcpy(&done, buf, sizeof(done));
	size -= sizeof(done);
	if (done.failed == 0 && size > 0 && size <= outsize) {
		memcpy(out, buf + sizeof(done), size);
		ret = (int)size;
	}
	return ret;
}

static int
keyless_sign(const uint8_t *key, uint32_t kind, const void *in, size_t insize,
    uint8_t *out, size_t outsize)
{
	struct net_parent_sign	 req;
	struct iovec		 iov[2];
	int			 n;

	stats_add(STAT_SIGNATURES, 1);
	if (!link_up || insize > SIGN_TAIL_MAX)
		goto failed;
	memset(&req, 0, sizeof(req));
	memcpy(req.key, key, sizeof(req.key));
	req.kind = kind;
	iov[0].iov_base = &req;
	iov[0].iov_len = sizeof(req);
	iov[1].iov_base = (void *)(uintptr_t)in;
	iov[1].iov_len = insize;
	if (imsg_composev(&link_buf, MSG_NET_PARENT_SIGN, 0, 0, -1, iov,
	    2) == -1 || imsgbuf_flush(&link_buf) == -1) {
		if (link_up)
			keyless_down("cannot send");
		goto failed;
	}
	/* Answers come in order: first those nobody waits for any more. */
	for (owed++; owed > 0; owed--) {
		if ((n = keyless_answer(out, outsize)) == -2) {
			log_warnx("signing link: no answer in %d s",
			    SIGN_TIMEOUT_S);
			goto failed;
		}
		if (!link_up)
			goto failed;
		if (owed == 1) {
			owed = 0;
			if (n == -1)
				goto failed;
			return n;
		}
	}
failed:
	stats_add(STAT_SIGN_FAILURES, 1);
	return -1;
}

static int
keyless_hash(const uint8_t *der, int size, uint8_t *key)
{
	return size > 0 && EVP_Digest(der, (size_t)size, key, NULL,
	    EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static int
on_rsa_sign(int fromsize, const unsigned char *from, unsigned char *to,
    RSA *rsa, int padding)
{
	uint8_t		 key[32], *der = NULL;
	uint32_t	 kind;
	int		 n, dersize;

	if (padding == RSA_NO_PADDING)
		kind = SIGN_RSA_RAW;
	else if (padding == RSA_PKCS1_PADDING)
		kind = SIGN_RSA_PKCS1;
	else
		return -1;
	dersize = i2d_RSAPublicKey(rsa, &der);
	n = keyless_hash(der, dersize, key);
	OPENSSL_free(der);
	if (n == -1 || fromsize < 0)
		return -1;
	n = keyless_sign(key, kind, from, (size_t)fromsize, to,
	    (size_t)RSA_size(rsa));
	return n == RSA_size(rsa) ? n : -1;
}

static int
keyless_ec(const unsigned char *digest, int size, unsigned char *sig,
    size_t sigsize, EC_KEY *ec)
{
	uint8_t	 key[32], *oct = NULL;
	int	 n, octsize;

	octsize = i2o_ECPublicKey(ec, &oct);
	n = keyless_hash(oct, octsize, key);
	OPENSSL_free(oct);
	if (n == -1 || size < 0)
		return -1;
	return keyless_sign(key, SIGN_ECDSA, digest, (size_t)size, sig,
	    sigsize);
}

static int
on_ec_sign(int type, const unsigned char *digest, int size, unsigned char *sig,
    unsigned int *sigsize, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	int	n;

	(void)type;
	(void)kinv;
	(void)r;
	n = keyless_ec(digest, size, sig, (size_t)ECDSA_size(ec), ec);
	if (n == -1)
		return 0;
	*sigsize = (unsigned int)n;
	return 1;
}

static ECDSA_SIG *
on_ec_sign_sig(const unsigned char *digest, int size, const BIGNUM *kinv,
    const BIGNUM *r, EC_KEY *ec)
{
	unsigned char		 sig[SIGN_TAIL_MAX];
	const unsigned char	*p = sig;
	int			 n;

	(void)kinv;
	(void)r;
	if ((n = keyless_ec(digest, size, sig, sizeof(sig), ec)) == -1)
		return NULL;
	return d2i_ECDSA_SIG(NULL, &p, n);
}

int
keyless_init(void)
{
	if ((rsa_method = RSA_meth_dup(RSA_get_default_method())) == NULL ||
	    !RSA_meth_set1_name(rsa_method, "keys of the parent") ||
	    !RSA_meth_set_priv_enc(rsa_method, on_rsa_sign))
		return -1;
	RSA_set_default_method(rsa_method);
	if ((ec_method = EC_KEY_METHOD_new(EC_KEY_get_default_method())) ==
	    NULL)
		return -1;
	EC_KEY_METHOD_get_sign(ec_method, NULL, &ec_sign_setup, NULL);
	EC_KEY_METHOD_set_sign(ec_method, on_ec_sign, ec_sign_setup,
	    on_ec_sign_sig);
	EC_KEY_set_default_method(ec_method);
	return 0;
}
