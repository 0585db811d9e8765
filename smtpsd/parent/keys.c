/*
 * Holds the TLS private keys, and keeps them out of core files, swap and
 * other processes' reach as far as the system lets it.
 *
 * Used by sign.c alone.  A key is named by the SHA-256 of its public part
 * (RSAPublicKey, or the EC point), which net computes from the certificate.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/log.h"
#include "conf.h"
#include "keys.h"

#define SECURE_HEAP_SIZE	(4U << 20)	/* bytes, a power of two */
#define SECURE_HEAP_MIN		16		/* bytes, smallest piece */

struct key {
	struct key	*next;
	unsigned char	 id[KEY_ID_SIZE];
	EVP_PKEY	*pkey;
	unsigned int	 round;
};

static struct key	*keys;
static unsigned int	 current_round;

void
keys_harden(void)
{
	struct rlimit	 none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		log_warn("cannot forbid core files");
#ifdef __linux__
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		log_warn("PR_SET_DUMPABLE");
#endif
#ifndef LIBRESSL_VERSION_NUMBER
	/* Maps it with MADV_DONTDUMP and mlock. */
	if (CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_MIN) == 0)
		log_debug("no secure heap for private keys");
#endif
}

void
keys_lock_memory(void)
{
#ifndef __SANITIZE_ADDRESS__	/* its shadow is terabytes */
	struct rlimit	 all = { RLIM_INFINITY, RLIM_INFINITY };
	int		 flags = MCL_CURRENT;

	/* Under a limit, MCL_FUTURE would make malloc(3) fail later. */
	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0)
		flags |= MCL_FUTURE;
	if (mlockall(flags) == -1)
		log_debug("mlockall failed: keys may be swapped out");
#endif
}

static int
key_id(EVP_PKEY *pkey, unsigned char id[KEY_ID_SIZE])
{
	unsigned char	*der = NULL;
	int		 n;

	/* i2d_RSAPublicKey for RSA, i2o_ECPublicKey for EC */
	if ((n = i2d_PublicKey(pkey, &der)) <= 0)
		return -1;
	SHA256(der, n, id);
	OPENSSL_free(der);
	return 0;
}

static struct key *
lookup(const unsigned char id[KEY_ID_SIZE])
{
	struct key	*k;

	for (k = keys; k != NULL; k = k->next) {
		if (memcmp(k->id, id, KEY_ID_SIZE) == 0)
			return k;
	}
	return NULL;
}

static int
add_one(EVP_PKEY *pkey)
{
	unsigned char	 id[KEY_ID_SIZE];
	struct key	*k;

	if (key_id(pkey, id) == -1)
		return -1;
	if ((k = lookup(id)) == NULL) {
		if ((k = calloc(1, sizeof(*k))) == NULL)
			return -1;
		memcpy(k->id, id, sizeof(k->id));
		k->next = keys;
		keys = k;
	}
	EVP_PKEY_up_ref(pkey);
	EVP_PKEY_free(k->pkey);
	k->pkey = pkey;
	k->round = current_round;
	return 0;
}

static void
drop_before(unsigned int round)
{
	struct key	**at, *k;

	for (at = &keys; (k = *at) != NULL;) {
		if (k->round >= round) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		EVP_PKEY_free(k->pkey);
		free(k);
	}
}

/* A key that no listener presents has nothing to sign. */
static int
is_used(const struct conf *conf, const struct conf_pki *pki)
{
	size_t	 i;
	uint32_t n;

	for (i = 0; i < conf->nlisteners; i++)
		for (n = 0; n < conf->listeners[i]->npki; n++)
			if (conf->listeners[i]->pki[n] == pki)
				return 1;
	return 0;
}

int
keys_add(const struct conf *conf)
{
	size_t	 i;

	current_round++;
	for (i = 0; i < conf->npkis; i++) {
		if (conf->pkis[i]->key != NULL &&
		    is_used(conf, conf->pkis[i]) &&
		    add_one(conf->pkis[i]->key) == -1) {
			log_warnx("pki %s: cannot take in its key",
			    conf->pkis[i]->name);
			current_round--;
			return -1;
		}
	}
	drop_before(current_round - 1);
	return 0;
}

EVP_PKEY *
keys_find(const unsigned char id[KEY_ID_SIZE])
{
	struct key	*k = lookup(id);

	return k == NULL ? NULL : k->pkey;
}

void
keys_wipe(void)
{
	drop_before(current_round + 1);
}
