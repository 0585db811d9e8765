/*
 * Public keys and signatures of tokens, by libcrypto.
 *
 * Called by token.c.  The algorithm decides which keys are tried and how, and
 * never the other way round: a token cannot have an RSA key taken for a
 * secret.  The keys are those of the configuration; what a token says of keys
 * (jwk, jku, x5c) is not looked at.
 */
/* LibreSSL has only these calls to make a key of numbers. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "jws.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "json.h"

#define KEYS_MAX	16
#define KID_SIZE	256
#define NUMBER_MAX	1024	/* bytes of a number in a JWK */
#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192

struct jws_key {
	EVP_PKEY	*pkey;
	enum jws_alg	 alg;		/* JWS_NONE: any that fits */
	char		 kid[KID_SIZE];	/* "": none */
};

struct jws_keys {
	size_t		 n;
	struct jws_key	 list[KEYS_MAX];
};

enum jws_alg
jws_alg(const char *name)
{
	static const struct { const char *name; enum jws_alg alg; } known[] = {
		{ "RS256", JWS_RS256 }, { "PS256", JWS_PS256 },
		{ "ES256", JWS_ES256 }, { "EdDSA", JWS_EDDSA },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].alg;
	return JWS_NONE;
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int
jws_decode(const char *in, size_t insize, uint8_t *out, size_t outsize)
{
	uint32_t bits = 0;
	size_t i, n = 0, nbits = 0;
	int d;

	if (insize % 4 == 1 || insize / 4 * 3 + 2 > outsize)
		return -1;
	for (i = 0; i < insize; i++) {
		if ((d = digit(in[i])) == -1)
			return -1;
		bits = (bits << 6 | (uint32_t)d) & 0xffff;
		if ((nbits += 6) >= 8) {
			nbits -= 8;
			out[n++] = (uint8_t)(bits >> nbits);
		}
	}
	/* Bits that are lost would make two texts of one signature. */
	if ((bits & ((1U << nbits) - 1)) != 0)
		return -1;
	return (int)n;
}

static int
is_p256(EVP_PKEY *pkey)
{
	const EC_KEY *ec;

	return EVP_PKEY_base_id(pkey) == EVP_PKEY_EC &&
	    (ec = EVP_PKEY_get0_EC_KEY(pkey)) != NULL &&
	    EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) ==
	    NID_X9_62_prime256v1;
}

static int
fits(EVP_PKEY *pkey, enum jws_alg alg)
{
	switch (alg) {
	case JWS_RS256:
	case JWS_PS256:
		return EVP_PKEY_base_id(pkey) == EVP_PKEY_RSA &&
		    EVP_PKEY_bits(pkey) >= RSA_BITS_MIN &&
		    EVP_PKEY_bits(pkey) <= RSA_BITS_MAX;
	case JWS_ES256:
		return is_p256(pkey);
	case JWS_EDDSA:
		return EVP_PKEY_base_id(pkey) == EVP_PKEY_ED25519;
	default:
		return 0;
	}
}

/* Takes pkey, which may be NULL. */
static void
add_key(struct jws_keys *keys, EVP_PKEY *pkey, enum jws_alg alg,
    const char *kid)
{
	struct jws_key *k;

	if (pkey == NULL)
		return;
	if (keys->n == KEYS_MAX || (alg != JWS_NONE ? !fits(pkey, alg) :
	    !fits(pkey, JWS_RS256) && !fits(pkey, JWS_ES256) &&
	    !fits(pkey, JWS_EDDSA))) {
		EVP_PKEY_free(pkey);
		return;
	}
	k = &keys->list[keys->n];
	if (strlcpy(k->kid, kid != NULL ? kid : "", sizeof(k->kid)) >=
	    sizeof(k->kid)) {
		EVP_PKEY_free(pkey);
		return;
	}
	k->pkey = pkey;
	k->alg = alg;
	keys->n++;
}

/* A member in base64url; bytes, or -1. */
static int
member_bytes(const json_t *jwk, const char *name, uint8_t *out, size_t size)
{
	const json_t *value = json_object_get(jwk, name);

	if (!json_is_string(value))
		return -1;
	return jws_decode(json_string_value(value), json_string_length(value),
	    out, size);
}

static BIGNUM *
member_number(const json_t *jwk, const char *name)
{
	uint8_t buf[NUMBER_MAX + 2];
	int n;

	if ((n = member_bytes(jwk, name, buf, sizeof(buf))) < 1)
		return NULL;
	return BN_bin2bn(buf, n, NULL);
}

static EVP_PKEY *
read_rsa(const json_t *jwk)
{
	BIGNUM *n = member_number(jwk, "n"), *e = member_number(jwk, "e");
	EVP_PKEY *pkey = EVP_PKEY_new();
	RSA *rsa = RSA_new();
	int ok = 0;

	if (n != NULL && e != NULL && pkey != NULL && rsa != NULL &&
	    BN_is_odd(e) && BN_num_bits(e) > 1 && BN_num_bits(e) <= 64 &&
	    RSA_set0_key(rsa, n, e, NULL) == 1) {
		n = e = NULL;	/* its own now */
		ok = EVP_PKEY_set1_RSA(pkey, rsa) == 1;
	}
	BN_free(n);
	BN_free(e);
	RSA_free(rsa);
	if (!ok) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

static EVP_PKEY *
read_ec(const json_t *jwk)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	BIGNUM *x = member_number(jwk, "x"), *y = member_number(jwk, "y");
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *pkey = EVP_PKEY_new();
	int ok;

	/* The call refuses a point that is not on the curve. */
	ok = crv != NULL && strcmp(crv, "P-256") == 0 && x != NULL &&
	    y != NULL && ec != NULL && pkey != NULL &&
	    EC_KEY_set_public_key_affine_coordinates(ec, x, y) == 1 &&
	    EVP_PKEY_set1_EC_KEY(pkey, ec) == 1;
	BN_free(x);
	BN_free(y);
	EC_KEY_free(ec);
	if (!ok) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

static EVP_PKEY *
read_ed25519(const json_t *jwk)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t x[34];

	if (crv == NULL || strcmp(crv, "Ed25519") != 0 ||
	    member_bytes(jwk, "x", x, sizeof(x)) != 32)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, 32);
}

/* RFC 7517 4.2 and 4.3: is it there to check signatures? */
static int
is_for_signatures(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use");
	const json_t *ops = json_object_get(jwk, "key_ops");
	const char *op;
	size_t i;

	if (use != NULL && (!json_is_string(use) ||
	    strcmp(json_string_value(use), "sig") != 0))
		return 0;
	if (ops == NULL)
		return 1;
	for (i = 0; i < json_array_size(ops); i++) {
		op = json_string_value(json_array_get(ops, i));
		if (op != NULL && strcmp(op, "verify") == 0)
			return 1;
	}
	return 0;
}

static void
read_jwk(struct jws_keys *keys, const json_t *jwk)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	const char *kid = json_string_value(json_object_get(jwk, "kid"));
	const json_t *alg = json_object_get(jwk, "alg");
	enum jws_alg only = JWS_NONE;

	if (kty == NULL || !is_for_signatures(jwk))
		return;
	if (alg != NULL && (!json_is_string(alg) ||
	    (only = jws_alg(json_string_value(alg))) == JWS_NONE))
		return;
	if (strcmp(kty, "RSA") == 0)
		add_key(keys, read_rsa(jwk), only, kid);
	else if (strcmp(kty, "EC") == 0)
		add_key(keys, read_ec(jwk), only, kid);
	else if (strcmp(kty, "OKP") == 0)
		add_key(keys, read_ed25519(jwk), only, kid);
}

static void
read_set(struct jws_keys *keys, const char *text, size_t size)
{
	json_t *root, *list;
	size_t i;

	if ((root = json_object_read(text, size)) == NULL)
		return;
	list = json_object_get(root, "keys");
	for (i = 0; i < json_array_size(list); i++)
		read_jwk(keys, json_array_get(list, i));
	json_decref(root);
}

static void
read_pem(struct jws_keys *keys, const char *text, size_t size)
{
	EVP_PKEY *pkey;
	BIO *bio;

	if ((bio = BIO_new_mem_buf(text, (int)size)) == NULL)
		return;
	while (keys->n < KEYS_MAX &&
	    (pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL)) != NULL)
		add_key(keys, pkey, JWS_NONE, NULL);
	BIO_free(bio);
}

struct jws_keys *
jws_keys_load(const char *text, size_t size)
{
	struct jws_keys *keys;

	if ((keys = calloc(1, sizeof(*keys))) == NULL)
		return NULL;
	if (size > 0 && text[0] == '{')
		read_set(keys, text, size);
	else
		read_pem(keys, text, size);
	ERR_clear_error();
	if (keys->n == 0) {
		jws_keys_free(keys);
		return NULL;
	}
	return keys;
}

void
jws_keys_free(struct jws_keys *keys)
{
	size_t i;

	for (i = 0; keys != NULL && i < keys->n; i++)
		EVP_PKEY_free(keys->list[i].pkey);
	free(keys);
}

/* RFC 7518 3.4: the two numbers side by side; libcrypto wants DER. */
static int
ecdsa_der(const uint8_t *sig, size_t size, uint8_t **der)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r, *s;
	int n = -1;

	*der = NULL;
	r = size == 64 ? BN_bin2bn(sig, 32, NULL) : NULL;
	s = size == 64 ? BN_bin2bn(sig + 32, 32, NULL) : NULL;
	if (pair != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL;	/* its own now */
		n = i2d_ECDSA_SIG(pair, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return n;
}

/* RFC 7518 3.5: the salt is as long as the hash. */
static int
set_pss(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
}

static int
verify_with(EVP_PKEY *pkey, enum jws_alg alg, const void *data, size_t size,
    const uint8_t *sig, size_t sig_size)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	uint8_t *der = NULL;
	int n, ok = 0;

	if (md == NULL || EVP_DigestVerifyInit(md, &ctx, alg == JWS_EDDSA ?
	    NULL : EVP_sha256(), NULL, pkey) != 1)
		goto out;
	if (alg == JWS_PS256 && !set_pss(ctx))
		goto out;
	if (alg == JWS_ES256) {
		if ((n = ecdsa_der(sig, sig_size, &der)) < 1)
			goto out;
		sig = der;
		sig_size = (size_t)n;
	}
	ok = EVP_DigestVerify(md, sig, sig_size, data, size) == 1;
out:
	OPENSSL_free(der);
	EVP_MD_CTX_free(md);
	return ok;
}

int
jws_verify(const struct jws_keys *keys, enum jws_alg alg, const char *kid,
    const void *data, size_t size, const uint8_t *sig, size_t sig_size)
{
	const struct jws_key *k;
	size_t i;
	int ok = 0;

	for (i = 0; i < keys->n && !ok; i++) {
		k = &keys->list[i];
		if (kid != NULL && k->kid[0] != '\0' && strcmp(kid, k->kid) != 0)
			continue;
		if ((k->alg != JWS_NONE && k->alg != alg) ||
		    !fits(k->pkey, alg))
			continue;
		ok = verify_with(k->pkey, alg, data, size, sig, sig_size);
	}
	ERR_clear_error();
	return ok;
}

int
jws_warm(void)
{
	static const char set[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\","
	    "\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"},"
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
	    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
	static const uint8_t sig[64] = { [31] = 1, [63] = 1 };
	struct jws_keys *keys;

	/* The base point of P-256 and a point of Ed25519: any will do. */
	if ((keys = jws_keys_load(set, sizeof(set) - 1)) == NULL)
		return -1;
	(void)jws_verify(keys, JWS_ES256, NULL, "warm", 4, sig, sizeof(sig));
	(void)jws_verify(keys, JWS_EDDSA, NULL, "warm", 4, sig, sizeof(sig));
	jws_keys_free(keys);
	return 0;
}
