/*
 * SCRAM messages of a client: strict parsing in bounded buffers, and the
 * proof.  Called by authscram.c in the parent: the verifiers are here anyway,
 * and another process for it would have to be given them.  Nothing here
 * allocates, logs or keeps state; text is copied out first and NUL-terminated,
 * and no message longer than SCRAM_TEXT is looked at.
 *
 * Extensions (RFC 5802 section 5.1) that we do not know are ignored where
 * they may be; a mandatory one ("m=") ends the dialogue.
 */
#include "scram.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "mail/base64.h"

/* "=2C" and "=3D" undone; ASCII only, so SASLprep has nothing to do. */
static const char *
unescape(const char *s, size_t size, char *out, size_t outsize)
{
	size_t	 i, n = 0;
	char	 c;

	if (size == 0)
		return "malformed";
	for (i = 0; i < size; i++) {
		c = s[i];
		if (c == '=') {
			if (size - i < 3 || (strncmp(s + i, "=2C", 3) != 0 &&
			    strncmp(s + i, "=3D", 3) != 0))
				return "malformed";
			c = s[i + 2] == 'C' ? ',' : '=';
			i += 2;
		} else if (c <= ' ' || c > '~')
			return "name-not-ascii";
		if (n + 1 >= outsize)
			return "name-too-long";
		out[n++] = c;
	}
	out[n] = '\0';
	return NULL;
}

/* Printable without comma (RFC 5802 section 7). */
static int
nonce_is_ok(const char *s, size_t size)
{
	size_t	 i;

	for (i = 0; i < size; i++)
		if (s[i] < '!' || s[i] > '~' || s[i] == ',')
			return 0;
	return size > 0;
}

/* gs2-cbind-flag "," [ authzid ] ","; *rest is what follows. */
static const char *
parse_gs2(struct scram *s, const char *text, const char **rest)
{
	static const char	 end_point[] = "p=tls-server-end-point,";
	static const char	 exporter[] = "p=tls-exporter,";
	const char		*p, *comma, *why;

	s->flag = text[0];
	if (strncmp(text, "n,", 2) == 0 || strncmp(text, "y,", 2) == 0)
		p = text + 2;
	else if (strncmp(text, end_point, strlen(end_point)) == 0)
		p = text + strlen(end_point);
	else if (strncmp(text, exporter, strlen(exporter)) == 0) {
		p = text + strlen(exporter);
		s->is_exporter = 1;
	} else
		return strncmp(text, "p=", 2) == 0 ? "channel-binding-type" :
		    "malformed";
	if ((comma = strchr(p, ',')) == NULL)
		return "malformed";
	if (comma > p) {
		if (strncmp(p, "a=", 2) != 0)
			return "malformed";
		if ((why = unescape(p + 2, (size_t)(comma - p) - 2, s->authzid,
		    sizeof(s->authzid))) != NULL)
			return why;
	}
	*rest = comma + 1;
	if ((size_t)(*rest - text) >= sizeof(s->gs2))
		return "name-too-long";
	memcpy(s->gs2, text, (size_t)(*rest - text));
	s->gs2[*rest - text] = '\0';
	return NULL;
}

/* "n=" saslname ",r=" nonce [ "," extensions ] */
static const char *
parse_bare(struct scram *s, const char *bare)
{
	const char	*comma, *why;
	size_t		 size;

	if (strncmp(bare, "m=", 2) == 0)
		return "mandatory-extension";
	if (strncmp(bare, "n=", 2) != 0 || (comma = strchr(bare, ',')) == NULL)
		return "malformed";
	if ((why = unescape(bare + 2, (size_t)(comma - bare) - 2, s->name,
	    sizeof(s->name))) != NULL)
		return why;
	if (strncmp(comma, ",r=", 3) != 0)
		return "malformed";
	size = strcspn(comma + 3, ",");
	if (size > SCRAM_NONCE || !nonce_is_ok(comma + 3, size))
		return "malformed";
	memcpy(s->nonce, comma + 3, size);
	s->nonce[size] = '\0';
	strlcpy(s->first, bare, sizeof(s->first));
	return NULL;
}

const char *
scram_first(struct scram *s, const char *text, size_t size)
{
	char		 buf[SCRAM_TEXT];
	const char	*why, *bare;

	memset(s, 0, sizeof(*s));
	if (size == 0 || size >= sizeof(buf) ||
	    memchr(text, '\0', size) != NULL)
		return "malformed";
	memcpy(buf, text, size);
	buf[size] = '\0';
	if ((why = parse_gs2(s, buf, &bare)) != NULL)
		return why;
	return parse_bare(s, bare);
}

int
scram_challenge(struct scram *s, const char *nonce, char *out, size_t outsize)
{
	char	 salt[VERIFIER_SALT * 2];
	int	 n;

	if (strlcat(s->nonce, nonce, sizeof(s->nonce)) >= sizeof(s->nonce) ||
	    base64_encode(s->verifier.salt, s->verifier.salt_size, salt,
	    sizeof(salt)) == -1)
		return -1;
	n = snprintf(s->challenge, sizeof(s->challenge), "r=%s,s=%s,i=%u",
	    s->nonce, salt, s->verifier.iterations);
	if (n < 0 || (size_t)n >= sizeof(s->challenge) ||
	    strlcpy(out, s->challenge, outsize) >= outsize)
		return -1;
	return n;
}

/* c= is the gs2-header, and for -PLUS the binding behind it. */
static const char *
check_binding(const struct scram *s, const char *c, size_t size,
    const struct scram_binding *b, size_t nb)
{
	char	 buf[sizeof(s->gs2) + SCRAM_BINDING];
	size_t	 gs2 = strlen(s->gs2), i, n;
	int	 got;

	if ((got = base64_decode(c, size, buf, sizeof(buf))) == -1)
		return "malformed";
	n = (size_t)got;
	if (n < gs2 || memcmp(buf, s->gs2, gs2) != 0)
		return "channel-binding";
	if (s->flag != 'p')
		return n == gs2 ? NULL : "channel-binding";
	for (i = 0; i < nb; i++)
		if (b[i].size > 0 && n - gs2 == b[i].size &&
		    memcmp(buf + gs2, b[i].data, b[i].size) == 0)
			return NULL;
	return "channel-binding";
}

static int
hmac(const uint8_t *key, const char *text, size_t size, uint8_t *out)
{
	unsigned int	 n = VERIFIER_KEY;

	return HMAC(EVP_sha256(), key, VERIFIER_KEY, (const uint8_t *)text,
	    size, out, &n) == NULL ? -1 : 0;
}

/* H(proof XOR HMAC(StoredKey, AuthMessage)) is StoredKey (section 3). */
static const char *
check_proof(const struct scram *s, const char *without, const uint8_t *proof,
    char *out, size_t outsize)
{
	char		 message[SCRAM_TEXT * 2 + sizeof(s->challenge)];
	uint8_t		 key[VERIFIER_KEY], hash[VERIFIER_KEY];
	char		 text[VERIFIER_KEY * 2];
	const char	*why = NULL;
	int		 n;
	size_t		 i;

	n = snprintf(message, sizeof(message), "%s,%s,%s", s->first,
	    s->challenge, without);
	if (n < 0 || (size_t)n >= sizeof(message) ||
	    hmac(s->verifier.stored_key, message, (size_t)n, key) == -1)
		return "malformed";
	for (i = 0; i < sizeof(key); i++)
		key[i] ^= proof[i];
	SHA256(key, sizeof(key), hash);
	if (CRYPTO_memcmp(hash, s->verifier.stored_key, sizeof(hash)) != 0)
		why = "password";
	if (hmac(s->verifier.server_key, message, (size_t)n, hash) == -1 ||
	    base64_encode(hash, sizeof(hash), text, sizeof(text)) == -1 ||
	    (size_t)snprintf(out, outsize, "v=%s", text) >= outsize)
		why = "malformed";
	if (why != NULL && outsize > 0)
		explicit_bzero(out, outsize);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(hash, sizeof(hash));
	explicit_bzero(text, sizeof(text));
	return why;
}

const char *
scram_final(const struct scram *s, const char *text, size_t size,
    const struct scram_binding *b, size_t nb, char *out, size_t outsize)
{
	char		 buf[SCRAM_TEXT];
	uint8_t		 proof[VERIFIER_KEY];
	const char	*why, *comma;
	char		*p;
	size_t		 n;

	if (size == 0 || size >= sizeof(buf) ||
	    memchr(text, '\0', size) != NULL)
		return "malformed";
	memcpy(buf, text, size);
	buf[size] = '\0';
	/* The proof is last, and base64 has no comma. */
	if ((p = strrchr(buf, ',')) == NULL || strncmp(p, ",p=", 3) != 0 ||
	    base64_decode(p + 3, strlen(p + 3), proof, sizeof(proof)) !=
	    (int)sizeof(proof))
		return "malformed";
	*p = '\0';
	if (strncmp(buf, "c=", 2) != 0 || (comma = strchr(buf, ',')) == NULL)
		return "malformed";
	n = strlen(s->nonce);
	if (strncmp(comma, ",r=", 3) != 0 ||
	    strncmp(comma + 3, s->nonce, n) != 0 ||
	    (comma[3 + n] != '\0' && comma[3 + n] != ','))
		return "nonce";
	if (strncmp(comma + 3 + n, ",m=", 3) == 0)
		return "mandatory-extension";
	why = check_proof(s, buf, proof, out, outsize);
	explicit_bzero(proof, sizeof(proof));
	if (why == NULL && (why = check_binding(s, buf + 2,
	    (size_t)(comma - buf) - 2, b, nb)) != NULL)
		explicit_bzero(out, outsize);
	return why;
}
