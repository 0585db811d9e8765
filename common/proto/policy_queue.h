/*
 * policy to queue: the envelope of a message, which net cannot touch, and
 * what users have used of their quotas, which the queue keeps for the next
 * policy.  The queue asks where a ~/.forward leads.
 */
#ifndef PROTO_POLICY_QUEUE_H
#define PROTO_POLICY_QUEUE_H

#include <stdint.h>

#include "sizes.h"

#define MSG_POLICY_QUEUE_OPEN	0x0400
#define MSG_POLICY_QUEUE_RCPT	0x0401
#define MSG_POLICY_QUEUE_CANCEL	0x0402
#define MSG_POLICY_QUEUE_USAGE	0x0403
#define MSG_POLICY_QUEUE_OWNER	0x0404
#define MSG_POLICY_QUEUE_ROUTED	0x0405
#define MSG_POLICY_QUEUE_ROUTED_OWNER	0x0406
#define MSG_POLICY_QUEUE_ROUTED_DONE	0x0407
#define MSG_QUEUE_POLICY_USAGE	0x0410	/* all there is, to a new policy */
#define MSG_QUEUE_POLICY_ROUTE	0x0411

/*
 * How a bounce reaches a sender: policy routes the reverse-path by its rules
 * as mail from this host (from local), because the queue knows no rules.  No
 * action is no route: such a bounce is logged and dropped.
 */
struct bounce_route {
	char		action[NAME_SIZE];
	char		user[NAME_SIZE];	/* local actions: whose mailbox */
	char		recipient[MAILADDR_SIZE]; /* what its aliases lead to */
};

/* OPEN comes with the first accepted recipient, before its RCPT. */
struct policy_queue_open {
	uint64_t	session;
	uint64_t	message;	/* id: microseconds since the epoch, unique
					 * among policy's; the queue may renumber */
	uint32_t	tx;
	uint32_t	flags;		/* MAIL_* */
	char		sender[MAILADDR_SIZE];
	char		user[LOGIN_SIZE];	/* "" if not authenticated */
	char		address[IPADDR_SIZE];	/* client, for log lines */
	struct bounce_route bounce;
	/* tail: ENVID, at most ENVID_MAX of net_policy.h */
};
_Static_assert(sizeof(struct policy_queue_open) == 24 + 2 * MAILADDR_SIZE +
    LOGIN_SIZE + IPADDR_SIZE + 2 * NAME_SIZE, "open");

/*
 * OWNER: the RCPTs that follow it, up to the next OWNER of the transaction,
 * leave with this sender instead of OPEN's; "" is OPEN's again.
 */
struct policy_queue_owner {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	pad;
	char		sender[MAILADDR_SIZE];
	struct bounce_route bounce;
};
_Static_assert(sizeof(struct policy_queue_owner) == 16 + 2 * MAILADDR_SIZE +
    2 * NAME_SIZE, "owner");

struct policy_queue_rcpt {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	notify;		/* NOTIFY_* of net_policy.h */
	char		action[NAME_SIZE];
	char		recipient[MAILADDR_SIZE]; /* after alias expansion */
	char		original[MAILADDR_SIZE];  /* as in RCPT, for DSN, RFC 3461 */
	char		user[NAME_SIZE];	/* local actions: whose mailbox */
	/* tail: ORCPT, at most ORCPT_MAX of net_policy.h */
};
_Static_assert(sizeof(struct policy_queue_rcpt) == 16 + 2 * NAME_SIZE +
    2 * MAILADDR_SIZE, "rcpt");

struct policy_queue_cancel {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	pad;
};
_Static_assert(sizeof(struct policy_queue_cancel) == 16, "cancel");

/*
 * ROUTE: where does mail of this sender for this address go, if it comes from
 * this host?  The answer is a ROUTED (policy_queue_rcpt) for each recipient,
 * ROUTED_OWNER (policy_queue_owner) before those of a list, as OWNER, then
 * ROUTED_DONE.  session is the id of the question, the other numbers are 0.
 */
struct queue_policy_route {
	uint64_t	id;
	char		user[NAME_SIZE];	/* whose .forward it is */
	char		sender[MAILADDR_SIZE];
	char		recipient[MAILADDR_SIZE]; /* without a domain: here */
};
_Static_assert(sizeof(struct queue_policy_route) == 8 + NAME_SIZE +
    2 * MAILADDR_SIZE, "route");

struct policy_queue_routed_done {
	uint64_t	id;
	uint32_t	count;		/* of ROUTED */
	uint32_t	reply;		/* enum reply_id: REPLY_OK, a refusal */
};
_Static_assert(sizeof(struct policy_queue_routed_done) == 16, "routed");

/* One hour or one day, and the one before it. */
struct usage_window {
	uint64_t	number;		/* seconds since the epoch / length */
	uint32_t	messages;
	uint32_t	messages_before;
	uint32_t	recipients;
	uint32_t	recipients_before;
};

/* USAGE, both ways: replaces what was known of the user. */
struct user_usage {
	struct usage_window	hour;
	struct usage_window	day;
	char			user[LOGIN_SIZE];
};
_Static_assert(sizeof(struct user_usage) == 48 + LOGIN_SIZE, "usage");

#endif
