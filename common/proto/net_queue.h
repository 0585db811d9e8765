/*
 * net and queue: the body up, the acknowledgement down.  The queue commits
 * only when it has from policy (policy_queue.h) exactly the number of
 * recipients that END names.
 */
#ifndef PROTO_NET_QUEUE_H
#define PROTO_NET_QUEUE_H

#include <stdint.h>

#include "sizes.h"

#define MSG_NET_QUEUE_BODY	0x0300
#define MSG_NET_QUEUE_END	0x0301
#define MSG_NET_QUEUE_ABORT	0x0302
#define MSG_QUEUE_NET_DONE	0x0310

#define BODY_PIECE_MAX		15360	/* bytes of one BODY tail */

/* BODY (tail: bytes, CRLF line ends, no dot-stuffing) and ABORT. */
struct net_queue_body {
	uint64_t	session;
	uint32_t	tx;
	uint32_t	pad;
};
_Static_assert(sizeof(struct net_queue_body) == 16, "body");

struct net_queue_end {
	uint64_t	session;
	uint64_t	size;		/* bytes sent in all BODY of this tx */
	uint32_t	tx;
	uint32_t	nrcpt;		/* sum of policy's counts */
	uint32_t	flags;		/* MAIL_*: 8BITMIME, SMTPUTF8 as found */
	uint32_t	pad;
};
_Static_assert(sizeof(struct net_queue_end) == 32, "end");

struct queue_net_done {
	uint64_t	session;
	uint64_t	message;	/* id, if it was queued */
	uint32_t	tx;
	uint32_t	reply;		/* REPLY_QUEUED or a refusal */
};
_Static_assert(sizeof(struct queue_net_done) == 24, "done");

#endif
