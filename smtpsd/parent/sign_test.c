/* What may be signed with an RSA key, and what may not. */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/tap.h"
#include "emsa.h"

#define BYTES_MAX	1024

struct pss_case {
	const char	*name;
	unsigned int	 bits;
	const char	*md, *mgf1;
	int		 salt;		/* -1: as long as the hash */
	int		 flip;		/* byte to change, -1 none, -2 last */
	int		 want;
};

static const struct pss_case pss_cases[] = {
	{ "sha256 2048", 2048, "SHA256", "SHA256", -1, -1, 1 },
	{ "sha384 2048", 2048, "SHA384", "SHA384", -1, -1, 1 },
	{ "sha512 2048", 2048, "SHA512", "SHA512", -1, -1, 1 },
	{ "sha256 2047", 2047, "SHA256", "SHA256", -1, -1, 1 },
	{ "sha512 3072", 3072, "SHA512", "SHA512", -1, -1, 1 },
	{ "sha1", 2048, "SHA1", "SHA1", -1, -1, 0 },
	{ "sha224", 2048, "SHA224", "SHA224", -1, -1, 0 },
	{ "salt too short", 2048, "SHA256", "SHA256", 20, -1, 0 },
	{ "salt too long", 2048, "SHA256", "SHA256", 33, -1, 0 },
	{ "no salt", 2048, "SHA256", "SHA256", 0, -1, 0 },
	{ "other hash in MGF1", 2048, "SHA256", "SHA512", -1, -1, 0 },
	{ "first byte changed", 2048, "SHA256", "SHA256", -1, 0, 0 },
	{ "padding changed", 2048, "SHA256", "SHA256", -1, 40, 0 },
	{ "hash changed", 2048, "SHA256", "SHA256", -1, 230, 0 },
	{ "trailer changed", 2048, "SHA256", "SHA256", -1, -2, 0 },
};

/* NULL: it cannot be made. */
static EVP_PKEY *
make_key(unsigned int bits)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY	*key = NULL;

	if (EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) <= 0 ||
	    EVP_PKEY_keygen(ctx, &key) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Signs with PSS, then applies the public operation: that is the block. */
static size_t
make_block(EVP_PKEY *key, const struct pss_case *c, unsigned char *out)
{
	unsigned char	 digest[64], sig[BYTES_MAX];
	const EVP_MD	*md = EVP_get_digestbyname(c->md);
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t		 n = sizeof(sig), size = BYTES_MAX;

	memset(digest, 0x5a, sizeof(digest));
	if (EVP_PKEY_sign_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx,
	    EVP_get_digestbyname(c->mgf1)) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, c->salt) <= 0 ||
	    EVP_PKEY_sign(ctx, sig, &n, digest, EVP_MD_size(md)) <= 0)
		n = 0;
	EVP_PKEY_CTX_free(ctx);
	if (n == 0)
		return 0;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (EVP_PKEY_encrypt_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) <= 0 ||
	    EVP_PKEY_encrypt(ctx, out, &size, sig, n) <= 0)
		size = 0;
	EVP_PKEY_CTX_free(ctx);
	return size;
}

static void
test_pss(void)
{
	unsigned char	 block[BYTES_MAX];
	EVP_PKEY	*key = NULL;
	unsigned int	 bits = 0;
	size_t		 i, size;

	for (i = 0; i < sizeof(pss_cases) / sizeof(pss_cases[0]); i++) {
		const struct pss_case	*c = &pss_cases[i];

		if (c->bits != bits) {
			EVP_PKEY_free(key);
			key = make_key(bits = c->bits);
		}
		size = key == NULL ? 0 : make_block(key, c, block);
		if (size == 0) {
			tap_ok(0, "pss: %s: cannot be made", c->name);
			continue;
		}
		if (c->flip != -1)
			block[c->flip == -2 ? size - 1 : (size_t)c->flip] ^= 1;
		tap_ok(emsa_is_pss(block, size, bits) == c->want, "pss: %s",
		    c->name);
	}
	tap_ok(!emsa_is_pss(block, 0, 2048), "pss: empty");
	tap_ok(!emsa_is_pss(block, 255, 2048), "pss: one byte short");
	memset(block, 0, sizeof(block));
	tap_ok(!emsa_is_pss(block, 256, 2048), "pss: zeros");
	block[255] = 0xbc;
	tap_ok(!emsa_is_pss(block, 256, 2048), "pss: only a trailer");
	memset(block, 0xff, sizeof(block));
	tap_ok(!emsa_is_pss(block, 256, 2048), "pss: ones");
	block[0] = 0;
	block[1] = 2;
	tap_ok(!emsa_is_pss(block, 256, 2048), "pss: an encrypted secret");
	EVP_PKEY_free(key);
}

static void
test_digestinfo(void)
{
	static const unsigned char	 sha256[] = {
		0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
	};
	static const unsigned char	 sha1[] = {
		0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02,
		0x1a, 0x05, 0x00, 0x04, 0x14
	};
	unsigned char			 info[128];

	memset(info, 7, sizeof(info));
	memcpy(info, sha256, sizeof(sha256));
	tap_ok(emsa_is_digestinfo(info, 51), "digestinfo: sha256");
	tap_ok(!emsa_is_digestinfo(info, 50), "digestinfo: one byte short");
	tap_ok(!emsa_is_digestinfo(info, 52), "digestinfo: one byte more");
	tap_ok(!emsa_is_digestinfo(info + 19, 32), "digestinfo: bare digest");
	tap_ok(!emsa_is_digestinfo(info, 0), "digestinfo: empty");
	info[14] = 4;
	tap_ok(!emsa_is_digestinfo(info, 51), "digestinfo: sha224's name");
	info[14] = 1;
	info[1] = 0x32;
	tap_ok(!emsa_is_digestinfo(info, 51), "digestinfo: wrong length");
	memcpy(info, sha1, sizeof(sha1));
	tap_ok(!emsa_is_digestinfo(info, 35), "digestinfo: sha1");
	memset(info, 7, 36);
	tap_ok(!emsa_is_digestinfo(info, 36), "digestinfo: md5+sha1 of TLS 1.0");
	memcpy(info, sha256, sizeof(sha256));
	info[14] = 2;
	info[1] = 0x41;
	info[18] = 0x30;
	tap_ok(emsa_is_digestinfo(info, 67), "digestinfo: sha384");
	info[14] = 3;
	info[1] = 0x51;
	info[18] = 0x40;
	tap_ok(emsa_is_digestinfo(info, 83), "digestinfo: sha512");
}

int
main(void)
{
	test_pss();
	test_digestinfo();
	return tap_done();
}
