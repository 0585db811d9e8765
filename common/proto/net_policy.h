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
#define MSG_POLICY_NET_MAIL_DONE	0x0210
#define MSG_POLICY_NET_RCPT_DONE	0x0211

#define MAIL_8BITMIME	0x0001
#define MAIL_SMTPUTF8	0x0002
#define MAIL_TLS	0x0004	/* net's word: the session is encrypted */

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
};
_Static_assert(sizeof(struct net_policy_mail) == 32 + IPADDR_SIZE +
    HOSTNAME_SIZE + MAILADDR_SIZE, "mail");

struct net_policy_rcpt {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	n;		/* RCPT commands of this tx, from 0 */
	char		recipient[MAILADDR_SIZE];
};
_Static_assert(sizeof(struct net_policy_rcpt) == 16 + MAILADDR_SIZE, "rcpt");

struct net_policy_session {
	uint64_t	session;
	uint32_t	tx;		/* RESET: which; END: 0 */
	uint32_t	pad;
};
_Static_assert(sizeof(struct net_policy_session) == 16, "session");

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

#endif
