/*
 * Signs for net.
 *
 * Each request is checked for shape before the key is touched (emsa.h); a
 * request that no TLS library of ours makes is a fault, and net is killed
 * for it.  A net that is taken over can get TLS signatures while it lives,
 * at a bounded rate, but can neither decrypt nor sign anything else.
 */
#include <inttypes.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "emsa.h"
#include "keys.h"
#include "parent.h"
#include "proto/net_parent.h"
#include "sign.h"

static uint64_t	nsigned;

uint64_t
sign_count(void)
{
	return nsigned;
}

/* NULL: the request is well formed for this key. */
static const char *
check(EVP_PKEY *key, uint32_t kind, const unsigned char *tail, size_t size)
{
	int	 type = EVP_PKEY_base_id(key);

	switch (kind) {
	case SIGN_RSA_RAW:
		if (type != EVP_PKEY_RSA)
			return "RSA signature with another key";
		if (!emsa_is_pss(tail, size, EVP_PKEY_bits(key)))
			return "raw RSA of something that is not EMSA-PSS";
		return NULL;
	case SIGN_RSA_PKCS1:
		if (type != EVP_PKEY_RSA)
			return "RSA signature with another key";
		if (!emsa_is_digestinfo(tail, size))
			return "PKCS#1 signature of something that is not a "
			    "DigestInfo";
		return NULL;
	case SIGN_ECDSA:
		if (type != EVP_PKEY_EC)
			return "ECDSA signature with another key";
		if (size != 32 && size != 48 && size != 64)
			return "ECDSA signature of something that is not a digest";
		return NULL;
	default:
		return "unknown kind of signature";
	}
}

/* Bytes of the signature, 0: failed. */
static size_t
make(EVP_PKEY *key, uint32_t kind, const unsigned char *tail, size_t size,
    unsigned char *out, size_t outsize)
{
	EVP_PKEY_CTX	*ctx;
	size_t		 n = outsize;
	int		 padding, ok = 0;

	if ((ctx = EVP_PKEY_CTX_new(key, NULL)) == NULL)
		return 0;
	if (EVP_PKEY_sign_init(ctx) <= 0)
		goto out;
	if (kind != SIGN_ECDSA) {
		padding = kind == SIGN_RSA_RAW ? RSA_NO_PADDING :
		    RSA_PKCS1_PADDING;
		if (EVP_PKEY_CTX_set_rsa_padding(ctx, padding) <= 0)
			goto out;
	}
	ok = EVP_PKEY_sign(ctx, out, &n, tail, size) > 0;
 out:
	EVP_PKEY_CTX_free(ctx);
	return ok ? n : 0;
}

void
on_net_sign(struct link *link, struct link_in *in)
{
	const struct net_parent_sign	*m = in->data;
	struct parent_net_sign_done	 done = { 0 };
	struct child			*c = link_arg(link);
	struct bucket			*b = child_sign_bucket(c);
	unsigned char			 sig[SIGN_TAIL_MAX];
	const unsigned char		*tail = (const unsigned char *)(m + 1);
	const char			*why;
	size_t				 size = in->size - sizeof(*m), n = 0;
	uint64_t			 now = parent_now_ms();
	EVP_PKEY			*key;

	if ((key = keys_find(m->key)) == NULL) {
		link_fault(link, "signature with a key that is not here");
		return;
	}
	if ((why = check(key, m->kind, tail, size)) != NULL) {
		link_fault(link, why);
		return;
	}
	if (!bucket_take(b, SIGN_RATE, SIGN_BURST, now)) {
		if (bucket_log_due(b, now))
			log_warnx("%s asks for too many signatures: refused "
			    "(%" PRIu64 " so far)", child_name(c), b->refused);
	} else if ((size_t)EVP_PKEY_size(key) > sizeof(sig))
		log_warnx("key too large to sign with");
	else if ((n = make(key, m->kind, tail, size, sig, sizeof(sig))) == 0)
		log_warnx("signature failed");
	if (n > 0)
		nsigned++;
	done.failed = n == 0;
	(void)link_send_tail(link, MSG_PARENT_NET_SIGN_DONE, &done,
	    sizeof(done), sig, n);
	/* net waits for this one with everything it does... */
	link_flush(link);
	/* ...so one that has sent more already can wait behind the others. */
	child_sign_yield(c);
}
