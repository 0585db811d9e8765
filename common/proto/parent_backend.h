/*
 * parent and a password store that is not ours: login (the system's
 * passwords) and dovecot (Dovecot's auth socket).  One user and one password
 * go down, a verdict comes up, with the name that the store knows the user
 * by.  To dovecot also go connected sockets, which it asks for: it has no
 * way to connect by itself.
 */
#ifndef PROTO_PARENT_BACKEND_H
#define PROTO_PARENT_BACKEND_H

#include <stdint.h>

#include "parent_auth.h"
#include "sizes.h"

#define MSG_PARENT_BACKEND_CHECK	0x0620	/* secret */
#define MSG_PARENT_DOVECOT_CONF		0x0621
#define MSG_PARENT_DOVECOT_SOCKET	0x0622	/* with a connected socket */
#define MSG_PARENT_DOVECOT_REFUSED	0x0623	/* no payload: try later */
#define MSG_BACKEND_PARENT_RESULT	0x0630
#define MSG_DOVECOT_PARENT_CONNECT	0x0631	/* no payload */

/* Checks that one process may have before it; more are not sent. */
#define BACKEND_LOGIN_MAX	8
#define BACKEND_DOVECOT_MAX	64

struct parent_backend_check {
	uint64_t	request;
	char		address[IPADDR_SIZE];	/* of the client: net's word */
	char		user[LOGIN_SIZE];	/* as the client wrote it */
	char		password[PASSWORD_SIZE];
};
_Static_assert(sizeof(struct parent_backend_check) == 8 + IPADDR_SIZE +
    LOGIN_SIZE + PASSWORD_SIZE, "backend_check");

enum backend_verdict {
	BACKEND_OK = 1,
	BACKEND_BAD,		/* the store says no */
	BACKEND_LATER		/* it said nothing, or cannot say */
};

struct backend_parent_result {
	uint64_t	request;
	uint32_t	verdict;
	uint32_t	pad;
	char		user[LOGIN_SIZE];	/* BACKEND_OK: the store's name */
	char		reason[NAME_SIZE];	/* else: one word for the log */
};
_Static_assert(sizeof(struct backend_parent_result) == 16 + LOGIN_SIZE +
    NAME_SIZE, "backend_result");

/* Which socket this instance serves; another path than before: drop it. */
struct parent_dovecot_conf {
	char	path[PATHNAME_SIZE];	/* for comparison and the log only */
};
_Static_assert(sizeof(struct parent_dovecot_conf) == PATHNAME_SIZE,
    "dovecot_conf");

#endif
