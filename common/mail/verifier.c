/*
 * SCRAM verifiers as text and from a password.  The parent reads them from
 * the users file and hands them to scram.c; smtpsctl makes them.  PBKDF2 is
 * run by smtpsctl alone: the server never needs it.  A password is taken as
 * the bytes that it is: SASLprep (RFC 4013) changes nothing in ASCII, and
 * little in what a keyboard gives.  No state.
 */
#include "mail/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "mail/base64.h"

/* The text up to the next '$' or the end, decoded; NULL: malformed. */
static const char *
take_base64(const char *s, uint8_t *out, size_t outsize, size_t *size)
{
	size_t n = strcspn(s, "$");
	int got;

	if (n == 0 || (got = base64_decode(s, n, (char *)out, outsize)) <= 0)
		return NULL;
	*size = (size_t)got;
	return s + n;
}

int
verifier_parse(const char *text, struct verifier *v)
{
	uint32_t n = 0;
	size_t salt, stored, server;
	const char *s;

	memset(v, 0, sizeof(*v));
	if (strncmp(text, VERIFIER_TEXT, strlen(VERIFIER_TEXT)) != 0)
		return -1;
	for (s = text + strlen(VERIFIER_TEXT); *s >= '0' && *s <= '9'; s++)
		if ((n = n * 10 + (uint32_t)(*s - '0')) > VERIFIER_ROUNDS_MAX)
			return -1;
	if (n < 1000 || *s != '$' ||
	    (s = take_base64(s + 1, v->salt, sizeof(v->salt), &salt)) == NULL ||
	    *s != '$' || (s = take_base64(s + 1, v->stored_key,
	    sizeof(v->stored_key), &stored)) == NULL ||
	    *s != '$' || (s = take_base64(s + 1, v->server_key,
	    sizeof(v->server_key), &server)) == NULL || *s != '\0' ||
	    salt < 8 || stored != VERIFIER_KEY || server != VERIFIER_KEY)
		return -1;
	v->iterations = n;
	v->salt_size = (uint32_t)salt;
	return 0;
}

int
verifier_derive(const char *password, struct verifier *v)
{
	uint8_t salted[VERIFIER_KEY], client[VERIFIER_KEY];
	unsigned int n = VERIFIER_KEY;
	int ok;

	ok = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), v->salt,
	    (int)v->salt_size, (int)v->iterations, EVP_sha256(),
	    sizeof(salted), salted) == 1 &&
	    HMAC(EVP_sha256(), salted, sizeof(salted),
	    (const unsigned char *)"Client Key", 10, client, &n) != NULL &&
	    HMAC(EVP_sha256(), salted, sizeof(salted),
	    (const unsigned char *)"Server Key", 10, v->server_key, &n) != NULL;
	if (ok)
		SHA256(client, sizeof(client), v->stored_key);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return ok ? 0 : -1;
}

int
verifier_make(const char *password, char *out, size_t outsize)
{
	struct verifier v;
	char salt[32], stored[64], server[64];
	int n, ret = -1;

	memset(&v, 0, sizeof(v));
	v.iterations = VERIFIER_ROUNDS;
	v.salt_size = 16;
	arc4random_buf(v.salt, v.salt_size);
	if (password[0] != '\0' && verifier_derive(password, &v) == 0 &&
	    base64_encode(v.salt, v.salt_size, salt, sizeof(salt)) != -1 &&
	    base64_encode(v.stored_key, VERIFIER_KEY, stored,
	    sizeof(stored)) != -1 &&
	    base64_encode(v.server_key, VERIFIER_KEY, server,
	    sizeof(server)) != -1) {
		n = snprintf(out, outsize, "%s%u$%s$%s$%s", VERIFIER_TEXT,
		    v.iterations, salt, stored, server);
		ret = n > 0 && (size_t)n < outsize ? 0 : -1;
	}
	explicit_bzero(&v, sizeof(v));
	explicit_bzero(stored, sizeof(stored));
	explicit_bzero(server, sizeof(server));
	return ret;
}
