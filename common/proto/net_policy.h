/*
 * net and policy: what a client asks for, and the reply it gets.  A reply is
 * an id of common/mail/reply.h.  Session ids are (proc_id of net << 32 | n),
 * so that no net can speak of another's session; tx counts the MAIL
 * commands of a session from 1 and only grows.
 */
#ifndef PROTO_NET_POLICY_H
#define PROTO_NET_POLICY_H

#include <stdint.h>

#include "sizes.h"

#define MSG_NET_POLICY_MAIL		0x0200
#define MSG_NET_POLICY_RCPT		0x0201
#define MSG_NET_POLICY_RESET		0x0202	/* transaction ends unsent */
#define MSG_NET_POLICY_END		0x0203	/* session ended */
#define MSG_NET_POLICY_HEADER		0x0204	/* after DATA: whom it is from */
#define MSG_POLICY_NET_MAIL_DONE	0x0210
#define MSG_POLICY_NET_RCPT_DONE	0x0211
#define MSG_POLICY_NET_HEADER_DONE	0x0212
#define MSG_POLICY_NET_REVOKED		0x0213	/* an open transaction */

#define MAIL_8BITMIME	0x0001
#define MAIL_SMTPUTF8	0x0002
#define MAIL_TLS	0x0004	/* net's word: the session is encrypted */
#define MAIL_BINARYMIME	0x0008	/* RFC 3030: the body may hold any bytes */
#define MAIL_REQUIRETLS	0x0010	/* RFC 8689: never over a hop without TLS */
#define MAIL_RET_FULL	0x0020	/* RFC 3461 4.3; neither bit: our choice */
#define MAIL_RET_HDRS	0x0040
#define MAIL_FLAGS	0x007f	/* all of them */

/* Tail of MAIL_DONE and RCPT_DONE: argument of the reply's text, instead of
 * the address; printable ASCII. */
#define REPLY_ARG_MAX	160

/* RFC 3461 4.4: ENVID=, xtext decoded, printable ASCII; 0 bytes: none. */
#define ENVID_MAX	100
/* RFC 3461 4.2: ORCPT=, "rfc822;address", xtext decoded, printable ASCII or,
 * for addr-type utf-8 (RFC 6533), UTF-8 without controls; 0 bytes: none. */
#define ORCPT_MAX	500

/* RFC 3461 4.1: NOTIFY=; 0: not said, as if FAILURE and DELAY were. */
#define NOTIFY_NEVER	0x0001	/* stands alone */
#define NOTIFY_SUCCESS	0x0002
#define NOTIFY_FAILURE	0x0004
#define NOTIFY_DELAY	0x0008
#define NOTIFY_FLAGS	0x000f	/* all of them */

struct net_policy_mail {
	uint64_t	session;
	uint64_t	size;		/* SIZE= parameter or 0 */
	uint32_t	tx;
	uint32_t	listener;
	uint32_t	flags;		/* MAIL_* */
	uint32_t	authenticated;	/* net's word; policy asks its own book */
	char		address[IPADDR_SIZE];	/* of the client: net's word */
	char		helo[HOSTNAME_SIZE];
	char		sender[MAILADDR_SIZE];	/* "" is the null reverse-path */
	/* tail: ENVID, at most ENVID_MAX */
};
_Static_assert(sizeof(struct net_policy_mail) == 32 + IPADDR_SIZE +
    HOSTNAME_SIZE + MAILADDR_SIZE, "mail");

struct net_policy_rcpt {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	n;		/* RCPT commands of this tx, from 0 */
	uint32_t	notify;		/* NOTIFY_* */
	uint32_t	pad;
	char		recipient[MAILADDR_SIZE];
	/* tail: ORCPT, at most ORCPT_MAX */
};
_Static_assert(sizeof(struct net_policy_rcpt) == 24 + MAILADDR_SIZE, "rcpt");

struct net_policy_session {
	uint64_t	session;
	uint32_t	tx;		/* RESET: which; END: 0 */
	uint32_t	pad;
};
_Static_assert(sizeof(struct net_policy_session) == 16, "session");

#define HEADER_TAIL_MAX	8192

/*
 * The addresses of From, Sender, Resent-From and Resent-Sender that are not
 * the reverse-path; at most one that waits for an answer.
 */
struct net_policy_header {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	pad;
	/* tail: addresses in normal form, a NUL behind each */
};
_Static_assert(sizeof(struct net_policy_header) == 16, "header");

struct policy_net_mail_done {
	uint64_t	session;
	uint64_t	message;	/* id it will have in the queue */
	uint32_t	tx;
	uint32_t	reply;		/* REPLY_*, reply.h */
};
_Static_assert(sizeof(struct policy_net_mail_done) == 24, "mail_done");

struct policy_net_rcpt_done {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	n;
	uint32_t	reply;
	uint32_t	count;		/* recipients handed to the queue for it */
};
_Static_assert(sizeof(struct policy_net_rcpt_done) == 24, "rcpt_done");

struct policy_net_header_done {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	reply;		/* REPLY_OK, or a refusal */
	uint32_t	n;		/* which address it is about, from 0 */
	uint32_t	pad;
};
_Static_assert(sizeof(struct policy_net_header_done) == 24, "header_done");

/* Its user's password is no longer good: the queue has been told as well. */
struct policy_net_revoked {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	pad;
};
_Static_assert(sizeof(struct policy_net_revoked) == 16, "revoked");

#endif
