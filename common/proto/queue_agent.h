/*
 * queue and a delivery agent (relay or deliver): one delivery is one message
 * with the recipients that share an action.
 *
 * The queue sends OPEN, the RCPTs, then the body: the first WINDOW bytes at
 * once, each further window after a MORE.  Body bytes are CRLF lines without
 * dot-stuffing; the body is complete when OPEN's size has been sent.  The
 * agent answers with one RESULT for each recipient, then DONE; after that
 * the delivery id is unknown on both sides.
 *
 * A relay tells of each delivery it has ALIVE once a minute: it may wait for
 * long, for a connection, its pace or the next host, and RESULT comes at the
 * end only.  It never keeps silent about one for AGENT_SILENT_MS, however
 * slow that host is; the queue takes such a delivery back and accuses the
 * relay.  A deliver has no ALIVE but the limit of its action.
 */
#ifndef PROTO_QUEUE_AGENT_H
#define PROTO_QUEUE_AGENT_H

#include <stdint.h>

#include "sizes.h"

#define MSG_QUEUE_AGENT_OPEN	0x0800
#define MSG_QUEUE_AGENT_RCPT	0x0801
#define MSG_QUEUE_AGENT_BODY	0x0802	/* tail <= BODY_PIECE_MAX, net_queue.h */
#define MSG_QUEUE_AGENT_CANCEL	0x0803	/* the body cannot be read: give up */
#define MSG_AGENT_QUEUE_MORE	0x0810
#define MSG_AGENT_QUEUE_RESULT	0x0811
#define MSG_AGENT_QUEUE_DONE	0x0812
#define MSG_AGENT_QUEUE_FORWARD	0x0813
#define MSG_AGENT_QUEUE_ALIVE	0x0814

#define AGENT_WINDOW	131072	/* bytes of body sent ahead */
#define AGENT_ALIVE_MS	60000U	/* from one ALIVE to the next */
#define AGENT_SILENT_MS	300000U	/* not one of any kind: it is gone */

struct queue_agent_open {
	uint64_t	delivery;
	uint64_t	message;
	uint64_t	size;		/* bytes of the body */
	uint32_t	nrcpt;		/* RCPT messages that follow */
	uint32_t	flags;		/* MAIL_* of net_policy.h */
	char		action[NAME_SIZE];
	char		sender[MAILADDR_SIZE];
	/* tail: ENVID, at most ENVID_MAX of net_policy.h */
};
_Static_assert(sizeof(struct queue_agent_open) == 32 + NAME_SIZE +
    MAILADDR_SIZE, "open");

struct queue_agent_rcpt {
	uint64_t	delivery;
	uint32_t	n;		/* from 0 */
	uint32_t	notify;		/* NOTIFY_* of net_policy.h */
	char		recipient[MAILADDR_SIZE];
	char		original[MAILADDR_SIZE];
	/* tail: ORCPT, at most ORCPT_MAX of net_policy.h */
};
_Static_assert(sizeof(struct queue_agent_rcpt) == 16 + 2 * MAILADDR_SIZE,
    "rcpt");

/* BODY, CANCEL, MORE, DONE, ALIVE */
struct agent_delivery {
	uint64_t	delivery;
};

/*
 * OK is final: the message is in the mailbox.  RELAYED: another host has it,
 * and who wants to hear of success must hear it from us.  RELAYED_DSN: that
 * host took over the wishes for notifications too (RFC 3461 5.2.2).  AGAIN:
 * the transaction was full, the recipient goes into another one at once; only
 * beside a recipient with another result, so that there is an end to it.
 * FORWARDED: nothing but FORWARDs came of it, and their recipients' results
 * are what there is to tell.
 */
enum agent_class {
	AGENT_OK = 1, AGENT_TEMPFAIL, AGENT_PERMFAIL, AGENT_RELAYED,
	AGENT_RELAYED_DSN, AGENT_AGAIN, AGENT_FORWARDED
};

struct agent_queue_result {
	uint64_t	delivery;
	uint32_t	n;
	uint32_t	class;		/* enum agent_class */
	char		status[12];	/* enhanced status, RFC 3463: "5.1.1" */
	char		remote[HOSTNAME_SIZE + 4];	/* host that said so or "" */
	char		text[TEXT_SIZE];	/* one line, printable ASCII */
};
_Static_assert(sizeof(struct agent_queue_result) == 32 + HOSTNAME_SIZE +
    TEXT_SIZE, "result");

/*
 * FORWARD, before the RESULT of its recipient and void unless that is OK or FORWARDED: the
 * message goes to this address, too.  Only of a deliver whose action has
 * forward; at most FORWARDS_MAX of one recipient.
 */
#define FORWARDS_MAX	100

struct agent_queue_forward {
	uint64_t	delivery;
	uint32_t	n;
	uint32_t	pad;
	char		address[MAILADDR_SIZE];	/* without a domain: of this host */
};
_Static_assert(sizeof(struct agent_queue_forward) == 16 + MAILADDR_SIZE,
    "forward");

#endif
