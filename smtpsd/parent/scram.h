/*
 * The server's side of SCRAM-SHA-256 and -PLUS (RFC 5802, 7677) as pure
 * functions on what the client sent.  For authscram.c, its test and fuzzer.
 */
#ifndef PARENT_SCRAM_H
#define PARENT_SCRAM_H

#include <stddef.h>
#include <stdint.h>

#include "mail/verifier.h"

#define SCRAM_NAME	256	/* with the NUL, as LOGIN_SIZE */
#define SCRAM_NONCE	128	/* bytes of the client's, at most */
#define SCRAM_TEXT	1024	/* of a message of the client, at most */
#define SCRAM_BINDING	64	/* bytes of a channel binding, at most */

/* One dialogue.  Secret: it holds a verifier. */
struct scram {
	char		name[SCRAM_NAME];
	char		authzid[SCRAM_NAME];	/* "": none */
	char		flag;			/* 'n', 'y' or 'p' */
	char		is_exporter;		/* 'p': tls-exporter, RFC 9266,
						 * else tls-server-end-point */
	char		gs2[SCRAM_NAME + 64];	/* header, as sent */
	char		first[SCRAM_TEXT];	/* client-first-message-bare */
	char		nonce[SCRAM_NONCE + 64];	/* both together */
	char		challenge[SCRAM_NONCE + 256];
	struct verifier	verifier;
};

struct scram_binding {
	size_t		size;
	uint8_t		data[SCRAM_BINDING];
};

/*
 * client-first-message (RFC 5802 section 7).  The name is unescaped.
 * NULL, or why it cannot succeed (for the log, static).
 */
const char	*scram_first(struct scram *, const char *text, size_t size);
/*
 * server-first-message for the verifier already in place; nonce is ours.
 * Its length, -1: too long.
 */
int		 scram_challenge(struct scram *, const char *nonce, char *out,
		    size_t outsize);
/*
 * client-final-message: NULL if it proves the password, else why not.  What
 * is bound must be one of the bindings.  out gets the server-final-message.
 */
const char	*scram_final(const struct scram *, const char *text,
		    size_t size, const struct scram_binding *, size_t nbindings,
		    char *out, size_t outsize);

#endif
