/*
 * Tells a TLS signature's input from anything else.
 *
 * Called by sign.c before an RSA private key is used.  libtls hands RSA-PSS
 * to net as a finished block to be signed raw, so without this check a
 * taken-over net had an oracle for the raw RSA operation, which also decrypts.
 * A block that unmasks to zeros, 0x01 and a salt of the hash's length cannot be
 * chosen to be another value of use.  The message hash inside the block cannot be
 * checked, as the message never gets here.
 */
#include <string.h>

#include <openssl/evp.h>

#include "emsa.h"

#define DIGEST_MAX	64
#define MODULUS_MAX	1024	/* bytes: RSA-8192 */

static const unsigned char info_sha256[] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
};
static const unsigned char info_sha384[] = {
	0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30
};
static const unsigned char info_sha512[] = {
	0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40
};

int
emsa_is_digestinfo(const unsigned char *info, size_t size)
{
	static const struct {
		const unsigned char	*prefix;
		size_t			 prefix_size, hash_size;
	} known[] = {
		{ info_sha256, sizeof(info_sha256), 32 },
		{ info_sha384, sizeof(info_sha384), 48 },
		{ info_sha512, sizeof(info_sha512), 64 },
	};
	size_t	 i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (size == known[i].prefix_size + known[i].hash_size &&
		    memcmp(info, known[i].prefix, known[i].prefix_size) == 0)
			return 1;
	}
	return 0;
}

/* XORs MGF1(seed) over data, RFC 8017 B.2.1. */
static int
mgf1_unmask(const EVP_MD *md, const unsigned char *seed, size_t seed_size,
    unsigned char *data, size_t size)
{
	unsigned char	 digest[EVP_MAX_MD_SIZE], counter[4];
	EVP_MD_CTX	*ctx;
	size_t		 done, i;
	unsigned int	 n, len;
	int		 ok = 0;

	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return 0;
	for (done = 0, n = 0; done < size; n++) {
		counter[0] = n >> 24;
		counter[1] = n >> 16;
		counter[2] = n >> 8;
		counter[3] = n;
		if (!EVP_DigestInit_ex(ctx, md, NULL) ||
		    !EVP_DigestUpdate(ctx, seed, seed_size) ||
		    !EVP_DigestUpdate(ctx, counter, sizeof(counter)) ||
		    !EVP_DigestFinal_ex(ctx, digest, &len))
			goto out;
		for (i = 0; i < len && done < size; i++)
			data[done++] ^= digest[i];
	}
	ok = 1;
 out:
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* RFC 8017 9.1.2 steps 4 to 11 with sLen == hLen; em has em_bits bits. */
static int
is_pss_with(const EVP_MD *md, const unsigned char *em, size_t em_size,
    unsigned int em_bits)
{
	unsigned char	 db[MODULUS_MAX];
	size_t		 hash_size, db_size, zeros, i;
	unsigned int	 unused_bits;

	hash_size = EVP_MD_size(md);
	if (em_size < 2 * hash_size + 2 || em_size > sizeof(db))
		return 0;
	db_size = em_size - hash_size - 1;
	unused_bits = 8 * em_size - em_bits;	/* 0..7 */
	if (em[0] & ~(0xff >> unused_bits) & 0xff)
		return 0;
	memcpy(db, em, db_size);
	if (!mgf1_unmask(md, em + db_size, hash_size, db, db_size))
		return 0;
	db[0] &= 0xff >> unused_bits;
	zeros = db_size - hash_size - 1;
	for (i = 0; i < zeros; i++) {
		if (db[i] != 0)
			return 0;
	}
	return db[zeros] == 0x01;
}

int
emsa_is_pss(const unsigned char *block, size_t size, unsigned int mod_bits)
{
	unsigned int	 em_bits;
	size_t		 em_size;

	if (mod_bits < 1024 || size != (mod_bits + 7) / 8 ||
	    size > MODULUS_MAX)
		return 0;
	em_bits = mod_bits - 1;
	em_size = (em_bits + 7) / 8;
	if (em_size < size) {
		/* mod_bits = 8n + 1: EM is one byte shorter than the modulus */
		if (block[0] != 0)
			return 0;
		block++;
	}
	if (block[em_size - 1] != 0xbc)
		return 0;
	return is_pss_with(EVP_sha256(), block, em_size, em_bits) ||
	    is_pss_with(EVP_sha384(), block, em_size, em_bits) ||
	    is_pss_with(EVP_sha512(), block, em_size, em_bits);
}
