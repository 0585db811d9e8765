/*
 * Unit test of token.c and jws.c: tokens are made here with keys that are
 * made here, then spoilt in one way each.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/link.h"
#include "base/tap.h"
#include "jws.h"
#include "proto/parent_auth.h"

#define NOW	1700000000
#define ISSUER	"https://id.example.org/realm"
#define AUD	"smtp.example.org"
#define CLAIMS	"\"iss\":\"" ISSUER "\",\"aud\":\"" AUD "\""
#define GOOD	"{" CLAIMS ",\"sub\":\"alice\",\"exp\":1700000300}"
#define TEXT	8192

static EVP_PKEY		*rsa, *rsa2, *ec, *ed, *small;
static struct jws_keys	*all;

static EVP_PKEY *
make_key(int type, int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1)
		return NULL;
	if (type == EVP_PKEY_RSA)
		(void)EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits);
	if (type == EVP_PKEY_EC)
		(void)EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, bits);
	(void)EVP_PKEY_keygen(ctx, &pkey);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void
add_pem(EVP_PKEY *pkey, char *out, size_t outsize)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	(void)PEM_write_bio_PUBKEY(bio, pkey);
	n = BIO_get_mem_data(bio, &text);
	snprintf(out + strlen(out), outsize - strlen(out), "%.*s", (int)n,
	    text);
	BIO_free(bio);
}

static void
encode(const void *data, size_t size, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = data;
	unsigned int bits = 0, nbits = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		bits = (bits << 8 | p[i]) & 0xffff;
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*out++ = alphabet[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*out++ = alphabet[bits << (6 - nbits) & 63];
	*out = '\0';
}

/* DER to the two numbers side by side. */
static size_t
flatten(uint8_t *sig, size_t size)
{
	const uint8_t *p = sig;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)size);

	(void)BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, 32);
	(void)BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + 32, 32);
	ECDSA_SIG_free(pair);
	return 64;
}

static size_t
sign(EVP_PKEY *pkey, int is_pss, const char *text, uint8_t *sig, size_t size)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	int id = EVP_PKEY_base_id(pkey);

	(void)EVP_DigestSignInit(md, &ctx, id == EVP_PKEY_ED25519 ? NULL :
	    EVP_sha256(), NULL, pkey);
	if (is_pss) {
		(void)EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
		(void)EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32);
	}
	if (EVP_DigestSign(md, sig, &size, (const uint8_t *)text,
	    strlen(text)) != 1)
		size = 0;
	EVP_MD_CTX_free(md);
	return id == EVP_PKEY_EC ? flatten(sig, size) : size;
}

/* A token of these two texts; pkey NULL: an empty signature. */
static void
make(const char *header, const char *claims, EVP_PKEY *pkey, char *out)
{
	uint8_t sig[1024];

	encode(header, strlen(header), out);
	strcat(out, ".");
	encode(claims, strlen(claims), out + strlen(out));
	if (pkey != NULL) {
		size_t n = sign(pkey, strstr(header, "PS256") != NULL, out, sig,
		    sizeof(sig));

		strcat(out, ".");
		encode(sig, n, out + strlen(out));
	} else
		strcat(out, ".");
}

static const char *
ask_as(const struct jws_keys *keys, const char *token, uint32_t claim,
    const char *user)
{
	static char got[LOGIN_SIZE + 8];
	struct token_want want = { ISSUER, AUD, claim, user, NOW };
	char name[LOGIN_SIZE];
	const char *why;
	int64_t until_s;

	why = token_check(&want, keys, token, strlen(token), name,
	    sizeof(name), &until_s);
	if (why != NULL && name[0] != '\0')
		return "a name beside a refusal";
	if (why == NULL && until_s <= NOW)
		return "good, but no longer";
	snprintf(got, sizeof(got), "user %s", name);
	return why != NULL ? why : got;
}

static const char *
ask(const char *token)
{
	return ask_as(all, token, CLAIM_SUB, "");
}

static void
want(const char *got, const char *expected, const char *name)
{
	tap_ok(strcmp(got, expected) == 0, "%s: %s", name, expected);
	if (strcmp(got, expected) != 0)
		printf("# got %s\n", got);
}

static void
test_algorithms(void)
{
	static char token[TEXT];
	const struct { const char *alg; EVP_PKEY *pkey; const char *want; } t[]
	    = {
		{ "RS256", rsa, "user alice" }, { "PS256", rsa, "user alice" },
		{ "ES256", ec, "user alice" }, { "EdDSA", ed, "user alice" },
		{ "RS256", rsa2, "signature" }, { "PS256", rsa2, "signature" },
		{ "RS256", small, "signature" },
		{ "ES256", rsa, "signature" }, { "EdDSA", rsa, "signature" },
		{ "RS256", ec, "signature" }, { "RS256", ed, "signature" },
		{ "RS512", rsa, "algorithm" }, { "HS256", rsa, "algorithm" },
		{ "none", rsa, "algorithm" }, { "None", rsa, "algorithm" },
		{ "rs256", rsa, "algorithm" }, { "", rsa, "algorithm" },
	};
	char header[128];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(header, sizeof(header),
		    "{\"typ\":\"at+jwt\",\"alg\":\"%s\"}", t[i].alg);
		make(header, GOOD, t[i].pkey, token);
		want(ask(token), t[i].want, header);
	}
	make("{\"alg\":\"none\",\"typ\":\"JWT\"}", GOOD, NULL, token);
	want(ask(token), "malformed", "none without a signature");
}

/* The public key, which everybody has, as the secret of an HMAC. */
static void
test_confusion(void)
{
	static char token[TEXT], pem[TEXT];
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned int n = sizeof(mac);

	add_pem(rsa, pem, sizeof(pem));
	make("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", GOOD, NULL, token);
	token[strlen(token) - 1] = '\0';
	(void)HMAC(EVP_sha256(), pem, (int)strlen(pem), (uint8_t *)token,
	    strlen(token), mac, &n);
	strcat(token, ".");
	encode(mac, n, token + strlen(token));
	want(ask(token), "algorithm", "HS256 with the public key");
}

static void
test_headers(void)
{
	static const struct { const char *header, *want; } t[] = {
		{ "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}",
		    "user alice" },
		{ "{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}", "user alice" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"1\"}",
		    "user alice" },
		{ "{\"alg\":\"ES256\"}", "token-type" },
		{ "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\"}",
		    "token-type" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"crit\":[\"exp\"],"
		    "\"exp\":1}", "critical-header" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"crit\":[]}",
		    "critical-header" },
		{ "{\"alg\":7,\"typ\":\"JWT\"}", "algorithm" },
		{ "{\"typ\":\"JWT\"}", "algorithm" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":1}",
		    "malformed" },
		{ "{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"JWT\"}",
		    "malformed" },
		{ "[\"ES256\"]", "malformed" },
		{ "\"ES256\"", "malformed" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\"} x", "malformed" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x\":"
		    "[[[[[[[[[]]]]]]]]]}", "malformed" },
		{ "{", "malformed" },
	};
	static char token[TEXT];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		make(t[i].header, GOOD, ec, token);
		want(ask(token), t[i].want, t[i].header);
	}
}

static void
test_claims(void)
{
	static const struct { const char *claims, *want; } t[] = {
		{ "{" CLAIMS ",\"sub\":\"bob@example.org\",\"exp\":1700000001,"
		    "\"nbf\":1700000000,\"iat\":1699999000}",
		    "user bob@example.org" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1699999941}", "user a" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1699999940}", "expired" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1}", "expired" },
		{ "{" CLAIMS ",\"sub\":\"a\"}", "no-expiry" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":\"1700000300\"}",
		    "malformed" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":-1}", "malformed" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1e300}", "malformed" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":null}", "malformed" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1700000300,"
		    "\"nbf\":1700000060}", "user a" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1700000300,"
		    "\"nbf\":1700000061}", "not-yet-valid" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1700000300,"
		    "\"iat\":1700000100}", "issued-in-future" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1700000000,"
		    "\"iat\":1700000001}", "issued-in-future" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"exp\":1700000300,"
		    "\"cnf\":{\"jkt\":\"x\"}}", "bound-to-a-key" },
		{ "{" CLAIMS ",\"sub\":\"a b\",\"exp\":1700000300}",
		    "name-not-possible" },
		{ "{" CLAIMS ",\"sub\":\"\",\"exp\":1700000300}",
		    "name-not-possible" },
		{ "{" CLAIMS ",\"sub\":7,\"exp\":1700000300}", "no-user" },
		{ "{" CLAIMS ",\"exp\":1700000300}", "no-user" },
		{ "{" CLAIMS ",\"sub\":\"a\\u0000b\",\"exp\":1700000300}",
		    "malformed" },
		{ "{" CLAIMS ",\"sub\":\"a\",\"sub\":\"b\",\"exp\":1700000300}",
		    "malformed" },
		{ "{\"iss\":\"" ISSUER "/\",\"aud\":\"" AUD "\",\"sub\":\"a\","
		    "\"exp\":1700000300}", "issuer" },
		{ "{\"aud\":\"" AUD "\",\"sub\":\"a\",\"exp\":1700000300}",
		    "issuer" },
		{ "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"exp\":1700000300}",
		    "audience" },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"other\",\"sub\":\"a\","
		    "\"exp\":1700000300}", "audience" },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":[\"other\",\"" AUD "\"],"
		    "\"sub\":\"a\",\"exp\":1700000300}", "user a" },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":[],\"sub\":\"a\","
		    "\"exp\":1700000300}", "audience" },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":[[\"" AUD "\"]],"
		    "\"sub\":\"a\",\"exp\":1700000300}", "audience" },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":{\"" AUD "\":1},"
		    "\"sub\":\"a\",\"exp\":1700000300}", "audience" },
		{ "7", "malformed" },
	};
	static char token[TEXT];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		make("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", t[i].claims, ed,
		    token);
		want(ask(token), t[i].want, t[i].claims);
	}
}

static void
test_user(void)
{
	static char token[TEXT];

	make("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", "{" CLAIMS
	    ",\"sub\":\"1\",\"email\":\"a@b\",\"email_verified\":true,"
	    "\"preferred_username\":\"al\",\"exp\":1700000300}", ed, token);
	want(ask_as(all, token, CLAIM_EMAIL, ""), "user a@b", "email");
	want(ask_as(all, token, CLAIM_PREFERRED, "al"), "user al",
	    "preferred_username, and the one it must be");
	want(ask_as(all, token, CLAIM_SUB, "2"), "another-users-token",
	    "somebody else");
	want(ask_as(all, token, 0, ""), "no-user", "no such claim");
	want(ask_as(all, token, 4, ""), "no-user", "no such claim");
	make("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", "{" CLAIMS
	    ",\"email\":\"a@b\",\"email_verified\":false,"
	    "\"exp\":1700000300}", ed, token);
	want(ask_as(all, token, CLAIM_EMAIL, ""), "email-not-verified",
	    "an address that anybody could have typed");
}

/* Each single byte of a token counts. */
static void
test_tampered(void)
{
	static char token[TEXT], spoilt[TEXT];
	size_t i, n, accepted = 0;

	make("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", GOOD, ec, token);
	n = strlen(token);
	want(ask(token), "user alice", "as it was made");
	for (i = 0; i < n; i++) {
		strlcpy(spoilt, token, sizeof(spoilt));
		spoilt[i] = spoilt[i] == 'A' ? 'B' : 'A';
		accepted += strncmp(ask(spoilt), "user", 4) == 0;
	}
	tap_ok(accepted == 0, "no byte can be another one");
	for (i = 0; i < n; i++) {
		strlcpy(spoilt, token, i + 1);
		accepted += strncmp(ask(spoilt), "user", 4) == 0;
	}
	tap_ok(accepted == 0, "no start of it is good");
	snprintf(spoilt, sizeof(spoilt), "%s=", token);
	want(ask(spoilt), "malformed", "padding");
	snprintf(spoilt, sizeof(spoilt), "%s.", token);
	want(ask(spoilt), "malformed", "a fourth part");
	memset(spoilt, 'A', TOKEN_MAX + 1);
	spoilt[TOKEN_MAX + 1] = '\0';
	want(ask(spoilt), "malformed", "one byte too long");
	spoilt[100] = spoilt[200] = '.';
	want(ask(spoilt), "malformed", "one byte too long, with dots");
	want(ask("."), "malformed", "a dot");
	want(ask(".."), "malformed", "two dots");
	want(ask(""), "malformed", "nothing");
}

static void
number(const BIGNUM *n, int size, char *out)
{
	uint8_t buf[512];

	(void)BN_bn2binpad(n, buf, size);
	encode(buf, (size_t)size, out);
}

static void
jwk_of(EVP_PKEY *pkey, const char *more, char *out, size_t outsize)
{
	char x[1024], y[1024];
	uint8_t raw[32];
	size_t n = sizeof(raw);
	BIGNUM *bx = BN_new(), *by = BN_new();
	const EC_KEY *key;

	switch (EVP_PKEY_base_id(pkey)) {
	case EVP_PKEY_RSA:
		number(RSA_get0_n(EVP_PKEY_get0_RSA(pkey)),
		    EVP_PKEY_bits(pkey) / 8, x);
		number(RSA_get0_e(EVP_PKEY_get0_RSA(pkey)), 3, y);
		snprintf(out, outsize, "{\"kty\":\"RSA\",\"n\":\"%s\","
		    "\"e\":\"%s\"%s}", x, y, more);
		break;
	case EVP_PKEY_EC:
		key = EVP_PKEY_get0_EC_KEY(pkey);
		(void)EC_POINT_get_affine_coordinates(EC_KEY_get0_group(key),
		    EC_KEY_get0_public_key(key), bx, by, NULL);
		number(bx, 32, x);
		number(by, 32, y);
		snprintf(out, outsize, "{\"kty\":\"EC\",\"crv\":\"P-256\","
		    "\"x\":\"%s\",\"y\":\"%s\"%s}", x, y, more);
		break;
	default:
		(void)EVP_PKEY_get_raw_public_key(pkey, raw, &n);
		encode(raw, n, x);
		snprintf(out, outsize, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		    "\"x\":\"%s\"%s}", x, more);
	}
	BN_free(bx);
	BN_free(by);
}

/* A set of these keys, asked about one token. */
static void
check_set(const char *list, const char *token, const char *expected,
    const char *name)
{
	static char set[3 * TEXT];
	struct jws_keys *keys;

	snprintf(set, sizeof(set), "{\"keys\":[%s]}", list);
	keys = jws_keys_load(set, strlen(set));
	want(keys == NULL ? "no key" : ask_as(keys, token, CLAIM_SUB, ""),
	    expected, name);
	jws_keys_free(keys);
}

static void
test_sets(void)
{
	static char token[TEXT], a[TEXT], b[TEXT], list[3 * TEXT];
	const struct { const char *alg; EVP_PKEY *pkey; } t[] = {
		{ "RS256", rsa }, { "PS256", rsa }, { "ES256", ec },
		{ "EdDSA", ed } };
	char header[128];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(header, sizeof(header), "{\"typ\":\"JWT\","
		    "\"alg\":\"%s\",\"kid\":\"k\"}", t[i].alg);
		make(header, GOOD, t[i].pkey, token);
		jwk_of(t[i].pkey, ",\"kid\":\"k\",\"use\":\"sig\"", a,
		    sizeof(a));
		check_set(a, token, "user alice", t[i].alg);
		jwk_of(t[i].pkey, ",\"kid\":\"other\"", a, sizeof(a));
		check_set(a, token, "signature", "another kid");
		jwk_of(t[i].pkey, "", a, sizeof(a));
		check_set(a, token, "user alice", "a key without kid");
		jwk_of(t[i].pkey, ",\"use\":\"enc\"", a, sizeof(a));
		check_set(a, token, "no key", "for encryption");
		jwk_of(t[i].pkey, ",\"key_ops\":[\"sign\"]", a, sizeof(a));
		check_set(a, token, "no key", "not to verify");
		jwk_of(t[i].pkey, ",\"alg\":\"HS256\"", a, sizeof(a));
		check_set(a, token, "no key", "for another algorithm");
	}
	make("{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"new\"}", GOOD, rsa,
	    token);
	jwk_of(rsa2, ",\"kid\":\"old\"", a, sizeof(a));
	jwk_of(rsa, ",\"kid\":\"new\",\"alg\":\"RS256\"", b, sizeof(b));
	snprintf(list, sizeof(list), "%s,%s", a, b);
	check_set(list, token, "user alice", "the second of two");
	jwk_of(rsa, ",\"alg\":\"PS256\"", b, sizeof(b));
	check_set(b, token, "signature", "RS256 with a key for PS256");
	check_set("{\"kty\":\"oct\",\"k\":\"AAAA\"}", token, "no key",
	    "a secret");
	check_set("", token, "no key", "an empty set");
	check_set("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":"
	    "\"AQ\"}", token, "no key", "a point beside the curve");
	jwk_of(small, "", a, sizeof(a));
	check_set(a, token, "no key", "RSA of 1024 bits");
	tap_ok(jws_keys_load("", 0) == NULL, "no keys at all");
	tap_ok(jws_keys_load("{", 1) == NULL, "half a set");
}

static void
test_decode(void)
{
	static const struct { const char *in; int want; } t[] = {
		{ "", 0 }, { "QQ", 1 }, { "QUI", 2 }, { "QUJD", 3 },
		{ "_-8", 2 }, { "Q", -1 }, { "QQ==", -1 }, { "QR", -1 },
		{ "QUJ", -1 }, { "+/8", -1 }, { "Q Q", -1 }, { "QQ\n", -1 },
	};
	uint8_t out[16];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		tap_ok(jws_decode(t[i].in, strlen(t[i].in), out, sizeof(out)) ==
		    t[i].want, "decode '%s'", t[i].in);
	tap_ok(jws_decode("QUJDREVG", 8, out, 4) == -1, "no room");
}

int
main(void)
{
	static char pem[3 * TEXT];

	rsa = make_key(EVP_PKEY_RSA, 2048);
	rsa2 = make_key(EVP_PKEY_RSA, 2048);
	small = make_key(EVP_PKEY_RSA, 1024);
	ec = make_key(EVP_PKEY_EC, NID_X9_62_prime256v1);
	ed = make_key(EVP_PKEY_ED25519, 0);
	if (!tap_ok(rsa != NULL && rsa2 != NULL && ec != NULL && ed != NULL &&
	    small != NULL, "make keys"))
		return tap_done();
	add_pem(small, pem, sizeof(pem));
	add_pem(rsa, pem, sizeof(pem));
	add_pem(ec, pem, sizeof(pem));
	add_pem(ed, pem, sizeof(pem));
	tap_ok(jws_warm() == 0, "warm");
	all = jws_keys_load(pem, strlen(pem));
	tap_ok(all != NULL, "keys in PEM");
	test_algorithms();
	test_confusion();
	test_headers();
	test_claims();
	test_user();
	test_tampered();
	test_sets();
	test_decode();
	jws_keys_free(all);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa2);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	return tap_done();
}
