/*
 * parent and queue: queue settings and when passwords were used down, requests
 * for a deliver process up.
 * The parent answers DELIVER with MSG_PARENT_ANY_LINK (kind PROC_DELIVER,
 * cookie = id) or with DELIVER_FAILED.
 */
#ifndef PROTO_PARENT_QUEUE_H
#define PROTO_PARENT_QUEUE_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_QUEUE_CONF		0x0700
#define MSG_PARENT_QUEUE_ACTION		0x0701
#define MSG_PARENT_QUEUE_DELIVER_FAILED	0x0702
#define MSG_PARENT_QUEUE_LOGIN		0x0703
#define MSG_QUEUE_PARENT_DELIVER	0x0710
#define MSG_QUEUE_PARENT_DELIVER_KILL	0x0711

struct parent_queue_conf {
	uint64_t	message_max;	/* bytes */
	uint32_t	expire_s;	/* bounce after this */
	uint32_t	retry_min_s;	/* first retry */
	uint32_t	retry_max_s;	/* longest pause */
	uint32_t	delay_warning_s;	/* tell the sender; 0: never */
	char		hostname[HOSTNAME_SIZE];	/* for DSN and their Message-ID */
};
_Static_assert(sizeof(struct parent_queue_conf) == 24 + HOSTNAME_SIZE, "conf");

/* How envelopes of an action are put together and who delivers them. */
enum queue_way {
	QUEUE_RELAY,		/* relay, all to one host */
	QUEUE_LOCAL,		/* deliver, by mailbox */
	QUEUE_MX		/* relay, by the recipient's domain */
};

struct parent_queue_action {
	uint32_t	way;		/* enum queue_way */
	uint32_t	stuck_s;	/* QUEUE_LOCAL: no result for so long */
	uint32_t	forward;	/* 1: its deliver may send it on */
	uint32_t	pad;
	char		name[NAME_SIZE];
};
_Static_assert(sizeof(struct parent_queue_action) == 16 + NAME_SIZE, "action");

struct queue_parent_deliver {
	uint64_t	id;
	char		action[NAME_SIZE];
	char		user[NAME_SIZE];
};
_Static_assert(sizeof(struct queue_parent_deliver) == 8 + 2 * NAME_SIZE, "del");

/*
 * The queue has no use for this one any more: it did nothing or broke a rule,
 * or (ends) its link was closed in good order and it should end soon.  Its
 * user may see to it that it does not.
 */
struct queue_parent_deliver_kill {
	uint32_t	proc_id;	/* peer_id of its link */
	uint32_t	ends;		/* 1: give it time */
};
_Static_assert(sizeof(struct queue_parent_deliver_kill) == 8, "kill");

struct parent_queue_deliver_failed {
	uint64_t	id;
	uint32_t	is_permanent;	/* no such user or action */
	uint32_t	pad;
	char		text[TEXT_SIZE];
};
_Static_assert(sizeof(struct parent_queue_deliver_failed) == 16 + TEXT_SIZE,
    "deliver_failed");

/* A password of the users file was used; the queue keeps when. */
struct parent_queue_login {
	uint64_t	used_s;		/* since the epoch; 0: forget it, that
					 * password is no longer good */
	char		login[LOGIN_SIZE];	/* a user, or USER/DEVICE */
};
_Static_assert(sizeof(struct parent_queue_login) == 8 + LOGIN_SIZE, "login");

#endif
