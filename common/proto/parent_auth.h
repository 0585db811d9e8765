/*
 * parent and an auth worker: one hash and one password, or one access token
 * and what it must be; one answer.
 */
#ifndef PROTO_PARENT_AUTH_H
#define PROTO_PARENT_AUTH_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_AUTH_CHECK	0x0600	/* secret */
#define MSG_PARENT_AUTH_TOKEN	0x0601	/* secret */
#define MSG_AUTH_PARENT_RESULT	0x0610
#define MSG_AUTH_PARENT_TOKEN_DONE 0x0611

#define HASH_SIZE	256
#define PASSWORD_SIZE	256

struct parent_auth_check {
	uint64_t	request;
	char		hash[HASH_SIZE];	/* crypt(5) */
	char		password[PASSWORD_SIZE];
};
_Static_assert(sizeof(struct parent_auth_check) == 8 + HASH_SIZE +
    PASSWORD_SIZE, "check");

struct auth_parent_result {
	uint64_t	request;
	uint32_t	matches;
	uint32_t	pad;
};
_Static_assert(sizeof(struct auth_parent_result) == 16, "result");

#define TOKEN_MAX	4096	/* bytes of a token */
#define TOKEN_KEYS_MAX	10240	/* bytes of the issuer's keys */
#define ISSUER_SIZE	256

/* Which claim has the user's name. */
enum token_claim {
	CLAIM_SUB = 1,
	CLAIM_EMAIL,
	CLAIM_PREFERRED		/* preferred_username */
};

struct parent_auth_token {
	uint64_t	request;
	int64_t		now_s;		/* since the epoch */
	uint32_t	claim;		/* enum token_claim */
	uint32_t	token_size;
	char		issuer[ISSUER_SIZE];
	char		audience[ISSUER_SIZE];
	char		user[LOGIN_SIZE];	/* who it must be; "": anybody */
	/* tail: the token, then keys: PEM, or a JWK set that starts with { */
};
_Static_assert(sizeof(struct parent_auth_token) == 24 + 2 * ISSUER_SIZE +
    LOGIN_SIZE, "token");

struct auth_parent_token_done {
	uint64_t	request;
	int64_t		until_s;	/* is_good: since the epoch */
	uint32_t	is_good;
	uint32_t	pad;
	char		user[LOGIN_SIZE];	/* is_good: whose it is */
	char		reason[NAME_SIZE];	/* else: one word for the log */
};
_Static_assert(sizeof(struct auth_parent_token_done) == 24 + LOGIN_SIZE +
    NAME_SIZE, "token_done");

#endif
