/*
 * parent and an auth worker: one hash and one password, one answer.
 */
#ifndef PROTO_PARENT_AUTH_H
#define PROTO_PARENT_AUTH_H

#include <stdint.h>

#define MSG_PARENT_AUTH_CHECK	0x0600	/* secret */
#define MSG_AUTH_PARENT_RESULT	0x0610

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

#endif
