/* Unit test of scram.c: the exchange of RFC 7677 section 3, and abuse. */
#include "scram.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/tap.h"
#include "mail/base64.h"

#define FIRST	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE	"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define WITHOUT	"c=biws,r=rOprNGfwEbeRWgbNEkqO" NONCE
#define PROOF	"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL	WITHOUT ",p=" PROOF

static const char	a300[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static const struct {
	const char	*text;
	const char	*why;	/* NULL: fine */
	const char	*name;
} firsts[] = {
	{ FIRST, NULL, "user" },
	{ "y,,n=user,r=abc", NULL, "user" },
	{ "p=tls-server-end-point,,n=user,r=abc", NULL, "user" },
	{ "n,a=bob,n=a=2Cb=3Dc,r=abc,x=later", NULL, "a,b=c" },
	{ "p=tls-exporter,,n=user,r=abc", NULL, "user" },
	{ "p=tls-unique,,n=user,r=abc", "channel-binding-type", NULL },
	{ "p=,,n=user,r=abc", "channel-binding-type", NULL },
	{ "", "malformed", NULL }, { "n", "malformed", NULL },
	{ "n,", "malformed", NULL }, { "n,,", "malformed", NULL },
	{ "x,,n=user,r=abc", "malformed", NULL },
	{ "n,bob,n=user,r=abc", "malformed", NULL },
	{ "n,a=,n=user,r=abc", "malformed", NULL },
	{ "n,,m=x,n=user,r=abc", "mandatory-extension", NULL },
	{ "n,,n=,r=abc", "malformed", NULL },
	{ "n,,n=user", "malformed", NULL },
	{ "n,,n=user,", "malformed", NULL },
	{ "n,,n=user,r=", "malformed", NULL },
	{ "n,,n=user,r=a b", "malformed", NULL },
	{ "n,,n=user,x=y,r=abc", "malformed", NULL },
	{ "n,,n=us=er,r=abc", "malformed", NULL },
	{ "n,,n=user=,r=abc", "malformed", NULL },
	{ "n,,n=user=2,r=abc", "malformed", NULL },
	{ "n,,n=user=2c,r=abc", "malformed", NULL },
	{ "n,,n=us\303\244r,r=abc", "name-not-ascii", NULL },
	{ "n,,n=us er,r=abc", "name-not-ascii", NULL },
};

static void
test_first(void)
{
	struct scram	 s;
	char		 long_text[900];
	const char	*why;
	size_t		 i;

	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		why = scram_first(&s, firsts[i].text, strlen(firsts[i].text));
		tap_ok(firsts[i].why == NULL ? why == NULL &&
		    strcmp(s.name, firsts[i].name) == 0 : why != NULL &&
		    strcmp(why, firsts[i].why) == 0, "%s", firsts[i].text);
	}
	tap_ok(scram_first(&s, "n,,n=u\0,r=abc", 13) != NULL, "a NUL");
	snprintf(long_text, sizeof(long_text), "n,,n=%s,r=abc", a300);
	tap_ok(scram_first(&s, long_text, strlen(long_text)) != NULL,
	    "a long name");
	snprintf(long_text, sizeof(long_text), "n,a=%s,n=u,r=abc", a300);
	tap_ok(scram_first(&s, long_text, strlen(long_text)) != NULL,
	    "a long authorization identity");
	snprintf(long_text, sizeof(long_text), "n,,n=u,r=%s", a300);
	tap_ok(scram_first(&s, long_text, strlen(long_text)) != NULL,
	    "a long nonce");
}

static int
start(struct scram *s, const char *first)
{
	char	 out[512];

	if (scram_first(s, first, strlen(first)) != NULL)
		return -1;
	s->verifier.iterations = 4096;
	s->verifier.salt_size = 16;
	if (base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==", 24, s->verifier.salt,
	    16) != 16 || verifier_derive("pencil", &s->verifier) == -1)
		return -1;
	return scram_challenge(s, NONCE, out, sizeof(out));
}

static const char *
final(const struct scram *s, const char *text, const struct scram_binding *b)
{
	char	 out[128];

	return scram_final(s, text, strlen(text), b, b != NULL, out,
	    sizeof(out));
}

static const struct {
	const char	*name;
	const char	*text;
	const char	*why;
} finals[] = {
	{ "the right one", FINAL, NULL },
	{ "a proof with a bit changed", WITHOUT
	    ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "password" },
	{ "a short proof", WITHOUT ",p=dHzb", "malformed" },
	{ "a proof that is no base64", WITHOUT ",p=****", "malformed" },
	{ "no proof", WITHOUT, "malformed" },
	{ "only a proof", ",p=" PROOF, "malformed" },
	{ "something behind the proof", FINAL ",x=y", "malformed" },
	{ "another nonce", "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" PROOF, "nonce" },
	{ "a longer nonce", WITHOUT "x,p=" PROOF, "nonce" },
	{ "another header", "c=eSws,r=rOprNGfwEbeRWgbNEkqO" NONCE ",p=" PROOF,
	    "password" },
	{ "a mandatory extension", WITHOUT ",m=x,p=" PROOF,
	    "mandatory-extension" },
	{ "an extension that the proof does not cover", WITHOUT ",x=y,p=" PROOF,
	    "password" },
	{ "nothing", "", "malformed" },
};

static void
test_final(void)
{
	struct scram	 s;
	const char	*why;
	char		 out[128], tiny[8];
	size_t		 i;

	tap_ok(start(&s, FIRST) > 0 && strcmp(s.challenge,
	    "r=rOprNGfwEbeRWgbNEkqO" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,"
	    "i=4096") == 0, "server-first of RFC 7677");
	tap_ok(scram_final(&s, FINAL, strlen(FINAL), NULL, 0, out,
	    sizeof(out)) == NULL && strcmp(out,
	    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == 0,
	    "server-final of RFC 7677");
	tap_ok(scram_final(&s, FINAL, strlen(FINAL), NULL, 0, tiny,
	    sizeof(tiny)) != NULL, "no room for the answer");
	for (i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
		why = final(&s, finals[i].text, NULL);
		tap_ok(finals[i].why == NULL ? why == NULL : why != NULL &&
		    strcmp(why, finals[i].why) == 0, "%s", finals[i].name);
	}
}

/* ClientKey XOR HMAC(StoredKey, AuthMessage), RFC 5802 section 3. */
static void
make_proof(const struct scram *s, const char *without, char *out,
    size_t outsize)
{
	char		 message[8192];
	uint8_t		 salted[32], key[32], mac[32];
	unsigned int	 n = 32;
	size_t		 i;

	snprintf(message, sizeof(message), "%s,%s,%s", s->first, s->challenge,
	    without);
	PKCS5_PBKDF2_HMAC("pencil", 6, s->verifier.salt, 16, 4096, EVP_sha256(),
	    32, salted);
	HMAC(EVP_sha256(), salted, 32, (const uint8_t *)"Client Key", 10, key,
	    &n);
	HMAC(EVP_sha256(), s->verifier.stored_key, 32, (uint8_t *)message,
	    strlen(message), mac, &n);
	for (i = 0; i < 32; i++)
		mac[i] ^= key[i];
	base64_encode(mac, 32, out, outsize);
}

/* What a client does, from its own password: a final message in out. */
static void
client(const struct scram *s, const char *binding, size_t nbinding, char *out,
    size_t outsize)
{
	char	 cbind[512], c64[700], without[900], proof[64];

	memcpy(cbind, s->gs2, strlen(s->gs2));
	if (nbinding > 0)
		memcpy(cbind + strlen(s->gs2), binding, nbinding);
	base64_encode(cbind, strlen(s->gs2) + nbinding, c64, sizeof(c64));
	snprintf(without, sizeof(without), "c=%s,r=%s", c64, s->nonce);
	make_proof(s, without, proof, sizeof(proof));
	snprintf(out, outsize, "%s,p=%s", without, proof);
}

static void
test_binding(void)
{
	struct scram_binding	 b = { 4, "hash" };
	struct scram		 s;
	char			 text[SCRAM_TEXT];

	start(&s, "p=tls-server-end-point,,n=user,r=abc");
	client(&s, "hash", 4, text, sizeof(text));
	tap_ok(final(&s, text, &b) == NULL, "bound to the certificate");
	tap_ok(final(&s, text, NULL) != NULL, "no certificate of ours");
	client(&s, "hosh", 4, text, sizeof(text));
	tap_ok(final(&s, text, &b) != NULL, "bound to another one");
	client(&s, "hash!", 5, text, sizeof(text));
	tap_ok(final(&s, text, &b) != NULL, "something behind it");
	client(&s, "", 0, text, sizeof(text));
	tap_ok(final(&s, text, &b) != NULL, "bound to nothing");
	start(&s, FIRST);
	client(&s, "hash", 4, text, sizeof(text));
	tap_ok(final(&s, text, &b) != NULL, "a binding without the flag");
}

int
main(void)
{
	test_first();
	test_final();
	test_binding();
	return tap_done();
}
