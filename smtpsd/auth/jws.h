/*
 * Signatures of tokens: the issuer's public keys, and whether one of them
 * signed (RFC 7515, 7517, 7518, 8037).  For token.c and its test only.
 */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include <stddef.h>
#include <stdint.h>

/* Secret keys have no place here: no HS256, and never "none". */
enum jws_alg {
	JWS_NONE,	/* not one of those below */
	JWS_RS256,
	JWS_PS256,
	JWS_ES256,
	JWS_EDDSA	/* Ed25519 alone */
};

struct jws_keys;

/* Names are compared as they are. */
enum jws_alg	 jws_alg(const char *name);

/*
 * Reads public keys in PEM, or a JWK set if the text starts with {.  Keys of
 * other kinds or uses are left out.  NULL: not one can be used.
 */
struct jws_keys	*jws_keys_load(const char *text, size_t size);
void		 jws_keys_free(struct jws_keys *);	/* NULL is fine */

/* kid may be NULL.  1: a key of the right kind made this signature. */
int		 jws_verify(const struct jws_keys *, enum jws_alg,
		    const char *kid, const void *data, size_t size,
		    const uint8_t *sig, size_t sig_size);

/* base64url without padding, in its one form (RFC 7515 2).  Bytes, or -1. */
int		 jws_decode(const char *in, size_t insize, uint8_t *out,
		    size_t outsize);

/* Load what libcrypto loads at its first use. */
int		 jws_warm(void);

#endif
