/*
 * smtpsctl and control, over the control socket.  One request at a time;
 * the answer is zero or more of SESSION, ITEM, STAT and one DONE.
 */
#ifndef PROTO_CTL_H
#define PROTO_CTL_H

#include <stdint.h>

#include "control_any.h"

#define MSG_CTL_CONTROL_SESSIONS	0x0d00
#define MSG_CTL_CONTROL_QUEUE		0x0d01
#define MSG_CTL_CONTROL_STATS		0x0d02
#define MSG_CTL_CONTROL_KILL		0x0d03	/* root only, as those below */
#define MSG_CTL_CONTROL_RELOAD		0x0d04
#define MSG_CTL_CONTROL_STOP		0x0d05
#define MSG_CTL_CONTROL_USERS		0x0d06
#define MSG_CTL_CONTROL_LIMITS		0x0d07	/* tail: a user, or all */
#define MSG_CTL_CONTROL_EDIT		0x0d08	/* root only; as in control_any.h */
#define MSG_CTL_CONTROL_MESSAGE		0x0d09	/* root only; tail: which part */
#define MSG_CTL_CONTROL_LISTENERS	0x0d0a
#define MSG_CTL_CONTROL_PAUSE		0x0d0b	/* root only */
#define MSG_CTL_CONTROL_LOGINS		0x0d0c	/* root only; tail: those above
						 * this login, at most limit */
#define MSG_CONTROL_CTL_SESSION		0x0d10
#define MSG_CONTROL_CTL_ITEM		0x0d11
#define MSG_CONTROL_CTL_BODY		0x0d19	/* bytes of a message */
#define MSG_CONTROL_CTL_STAT		0x0d12
#define MSG_CONTROL_CTL_DONE		0x0d13
#define MSG_CONTROL_CTL_LIMIT		0x0d14

#define MSG_CONTROL_CTL_LISTENER	0x0d18
#define MSG_CONTROL_CTL_LOGIN		0x0d1a

/* KILL: arg is a session; QUEUE: items above arg, at most limit. */
struct ctl_request {
	uint64_t	arg;
	uint32_t	limit;
	uint32_t	pad;
};
_Static_assert(sizeof(struct ctl_request) == 16, "request");

struct ctl_stat {
	uint64_t	value;
	char		name[48];
};
_Static_assert(sizeof(struct ctl_stat) == 56, "stat");

struct ctl_done {
	uint32_t	failed;
	uint32_t	next;		/* as in any_control_done */
	char		text[4096];
};
_Static_assert(sizeof(struct ctl_done) == 8 + 4096, "done");

/* SESSION is struct session_info, ITEM struct queue_item, LIMIT struct
 * limit_info, LOGIN struct login_info. */

#endif
