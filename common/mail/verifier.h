/*
 * SCRAM-SHA-256 verifiers (RFC 5802 section 3, RFC 7677): what a server keeps
 * instead of a password.  As text, without colons or white space:
 *	scram-sha-256$ITERATIONS$SALT$STOREDKEY$SERVERKEY	(base64)
 * Used by the parent and by smtpsctl.
 */
#ifndef MAIL_VERIFIER_H
#define MAIL_VERIFIER_H

#include <stddef.h>
#include <stdint.h>

#define VERIFIER_TEXT	"scram-sha-256$"
#define VERIFIER_KEY	32	/* bytes of a key */
#define VERIFIER_SALT	64	/* bytes of a salt, at most */
#define VERIFIER_SIZE	256	/* of its text */
#define VERIFIER_ROUNDS	10000	/* of a new one; RFC 7677 asks for 4096 */
#define VERIFIER_ROUNDS_MAX 1000000

struct verifier {
	uint32_t	iterations;
	uint32_t	salt_size;
	uint8_t		salt[VERIFIER_SALT];
	uint8_t		stored_key[VERIFIER_KEY];
	uint8_t		server_key[VERIFIER_KEY];
};

/* -1: not a verifier. */
int	verifier_parse(const char *text, struct verifier *);
/* A new one with a random salt; -1: failed. */
int	verifier_make(const char *password, char *out, size_t outsize);
/* The keys for a password under v's salt and iterations; -1: failed. */
int	verifier_derive(const char *password, struct verifier *v);

#endif
