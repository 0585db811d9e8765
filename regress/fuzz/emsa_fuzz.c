/*
 * What an RSA key may sign: only what two other ways of looking, OpenSSL's
 * and a comparison with the known prefixes, find as well.
 */
/* LibreSSL has only these calls to make a block. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "emsa.h"
#include "fuzz.h"

/* A block made as it should be: salt and message hash from the input. */
static void
check_good(const uint8_t *data, size_t size)
{
	static RSA *rsa;
	unsigned char block[256], hash[64], bit;
	const EVP_MD *md = data[0] % 3 == 0 ? EVP_sha256() :
	    data[0] % 3 == 1 ? EVP_sha384() : EVP_sha512();
	BIGNUM *e;
	size_t i, n;

	if (rsa == NULL) {
		e = BN_new();
		rsa = RSA_new();
		if (e == NULL || rsa == NULL || BN_set_word(e, 65537) != 1 ||
		    RSA_generate_key_ex(rsa, 2048, e, NULL) != 1)
			abort();
		BN_free(e);
	}
	for (i = 0; i < sizeof(hash); i++)
		hash[i] = size == 0 ? 0 : data[i % size];
	if (RSA_padding_add_PKCS1_PSS(rsa, block, hash, md, -1) != 1)
		abort();
	MUST(emsa_is_pss(block, sizeof(block), 2048));
	MUST(!emsa_is_pss(block, sizeof(block) - 1, 2048));
	MUST(!emsa_is_digestinfo(block, sizeof(block)));
	/* What the mask hides: zeros, 0x01 and the salt, which may be any. */
	n = sizeof(block) - 1 - 2 * (size_t)EVP_MD_size(md) - 1;
	bit = (unsigned char)(1U << (data[0] & 7));
	block[n] ^= bit;
	MUST(!emsa_is_pss(block, sizeof(block), 2048));
	block[n] ^= bit;
	block[1 + data[1] % (n - 1)] ^= bit;
	MUST(!emsa_is_pss(block, sizeof(block), 2048));
	block[1 + data[1] % (n - 1)] ^= bit;
	block[n + 1 + data[1] % 32] ^= bit;
	MUST(emsa_is_pss(block, sizeof(block), 2048));
	/* With a bit of its hash changed the mask hides nothing any more. */
	block[sizeof(block) - 2 - data[1] % 32] ^= bit;
	MUST(!emsa_is_pss(block, sizeof(block), 2048));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy;
	unsigned int bits;

	if (size < 3)
		return 0;
	check_good(data, size);
	/* Every length of modulus, the odd ones too. */
	bits = ((unsigned int)data[0] << 8 | data[1]) % 9000;
	if ((copy = malloc(size - 2)) == NULL)
		return 0;
	memcpy(copy, data + 2, size - 2);
	(void)emsa_is_pss(copy, size - 2, bits);
	(void)emsa_is_pss(copy, size - 2, (unsigned int)(size - 2) * 8 -
	    (data[0] & 7));
	if (emsa_is_digestinfo(copy, size - 2))
		MUST(copy[0] == 0x30 && copy[1] == size - 4 &&
		    (size - 2 == 51 || size - 2 == 67 || size - 2 == 83));
	free(copy);
	return 0;
}
