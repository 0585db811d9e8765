/*
 * control and those it asks (net, policy, queue, relay, parent).  Every
 * request has an id of control's; the one asked answers with zero or more
 * SESSION, ITEM, STAT or LISTENER messages and exactly one DONE.
 */
#ifndef PROTO_CONTROL_ANY_H
#define PROTO_CONTROL_ANY_H

#include <stdint.h>

#include "sizes.h"

#define MSG_CONTROL_ANY_STATS		0x0c00
#define MSG_CONTROL_NET_SESSIONS	0x0c01
#define MSG_CONTROL_NET_KILL		0x0c02
#define MSG_CONTROL_QUEUE_LIST		0x0c03
#define MSG_CONTROL_PARENT_RELOAD	0x0c04
#define MSG_CONTROL_PARENT_STOP		0x0c05
#define MSG_CONTROL_PARENT_USERS	0x0c06	/* read the users file again */
#define MSG_CONTROL_POLICY_LIMITS	0x0c07	/* tail: a user, or all */
#define MSG_CONTROL_QUEUE_EDIT		0x0c08	/* tail: an address or domain */
#define MSG_CONTROL_QUEUE_MESSAGE	0x0c09	/* arg: its id; tail: which part */
#define MSG_CONTROL_NET_LISTENERS	0x0c0a
#define MSG_CONTROL_ANY_PAUSE		0x0c0b	/* arg: PAUSE_*, limit 1: pause */
#define MSG_CONTROL_QUEUE_LOGINS	0x0c0c	/* tail: those above this login */
#define MSG_ANY_CONTROL_STAT		0x0c10
#define MSG_ANY_CONTROL_DONE		0x0c11
#define MSG_NET_CONTROL_SESSION		0x0c12
#define MSG_QUEUE_CONTROL_ITEM		0x0c13
#define MSG_QUEUE_CONTROL_BODY		0x0c19
#define MSG_POLICY_CONTROL_LIMIT	0x0c14
#define MSG_NET_CONTROL_LISTENER	0x0c18
#define MSG_QUEUE_CONTROL_LOGIN		0x0c1a
#define MSG_PARENT_CONTROL_CONF		0x0c20
#define MSG_PARENT_CONTROL_SOCKET	0x0c21	/* with the listening socket */

/* STATS, SESSIONS, RELOAD, STOP, USERS: arg is 0.  KILL: arg is a session.
 * LIST: items with a key above arg, at most limit of them. */
struct control_request {
	uint64_t	request;
	uint64_t	arg;
	uint32_t	limit;
	uint32_t	pad;
};
_Static_assert(sizeof(struct control_request) == 24, "request");

/*
 * EDIT: limit is QUEUE_EDIT(what, which); arg is the id of an envelope
 * (SELECT_ENVELOPE) or of a message (SELECT_MESSAGE); the tail an address or
 * domain for the others but SELECT_ALL.  DONE's text says how many.
 */
enum queue_edit { EDIT_HOLD = 1, EDIT_RELEASE, EDIT_SCHEDULE, EDIT_REMOVE };
enum queue_select { SELECT_ALL = 1, SELECT_ENVELOPE, SELECT_MESSAGE,
	SELECT_SENDER, SELECT_RECIPIENT, SELECT_DOMAIN };
#define QUEUE_EDIT(what, which)	((uint32_t)(what) << 4 | (uint32_t)(which))
#define QUEUE_EDIT_WHAT(limit)	((limit) >> 4)
#define QUEUE_EDIT_WHICH(limit)	((limit) & 15)

#define PAUSE_MTA	0x1	/* deliveries by relay */
#define PAUSE_MDA	0x2	/* deliveries by deliver */
#define PAUSE_SMTP	0x4	/* new connections */

/*
 * MESSAGE's tail.  A large message comes part by part, one for each request,
 * so that whoever asks sets the pace: from piece on, of which sent bytes went
 * before, both 0 at first.  DONE's next is the piece of the next request.
 */
struct message_part {
	uint64_t	sent;
	uint32_t	piece;
	uint32_t	pad;
};
_Static_assert(sizeof(struct message_part) == 16, "part");

/* The bytes of a part; the last is followed by DONE. */
#define MESSAGE_PIECE_MAX	15360
struct queue_control_body {
	uint64_t	request;
	/* tail: bytes */
};

struct any_control_stat {
	uint64_t	request;
	uint64_t	value;
	char		name[48];	/* "net.sessions" */
};
_Static_assert(sizeof(struct any_control_stat) == 64, "stat");

struct any_control_done {
	uint64_t	request;
	uint32_t	failed;		/* 0: done */
	uint32_t	next;		/* MESSAGE; 0: nothing is left */
	/* of a reload: every complaint and warning, one per line */
	char		text[4096];
};
_Static_assert(sizeof(struct any_control_done) == 16 + 4096, "done");

struct session_info {
	uint64_t	session;
	uint64_t	bytes;		/* received */
	uint64_t	age_s;
	uint64_t	idle_s;
	uint32_t	messages;	/* accepted */
	uint16_t	port;		/* of the listener */
	uint16_t	kind;		/* LISTENER_* */
	char		address[IPADDR_SIZE];
	char		tls_version[16];
	char		tls_cipher[48];
	char		state[16];	/* "mail", "data", "idle", ... */
	char		user[LOGIN_SIZE];
};
_Static_assert(sizeof(struct session_info) == 40 + IPADDR_SIZE + 80 +
    LOGIN_SIZE, "session_info");

struct net_control_session {
	uint64_t		request;
	struct session_info	info;
};

/* One from each net process: what counts adds up over equal ids. */
struct listener_info {
	uint32_t	id;
	uint32_t	sessions;	/* now */
	uint16_t	port;		/* 0: a Unix socket */
	uint8_t		kind;		/* LISTENER_* */
	uint8_t		has_tls;
	uint8_t		has_auth;
	uint8_t		pad[3];
	char		address[IPADDR_SIZE];
	char		tag[NAME_SIZE];
};
_Static_assert(sizeof(struct listener_info) == 16 + IPADDR_SIZE + NAME_SIZE,
    "listener_info");

struct net_control_listener {
	uint64_t		request;
	struct listener_info	info;
};

/* QUARANTINED: held by the queue itself, the message is damaged. */
enum queue_state { QUEUE_WAITING = 1, QUEUE_RUNNING, QUEUE_HELD,
	QUEUE_QUARANTINED };

struct queue_item {
	uint64_t	envelope;	/* message << 10 | n */
	uint64_t	size;		/* bytes of the body */
	uint64_t	created_s;	/* since the epoch */
	uint64_t	next_s;		/* next attempt, since the epoch */
	uint32_t	attempts;
	uint32_t	state;		/* enum queue_state */
	char		action[NAME_SIZE];
	char		sender[MAILADDR_SIZE];
	char		recipient[MAILADDR_SIZE];
	char		error[TEXT_SIZE];	/* of the last attempt */
};
_Static_assert(sizeof(struct queue_item) == 40 + NAME_SIZE +
    2 * MAILADDR_SIZE + TEXT_SIZE, "item");

struct queue_control_item {
	uint64_t		request;
	struct queue_item	item;
};

/* One limit of one user. */
struct limit_info {
	uint64_t	used;
	uint64_t	max;		/* 0: no limit */
	uint64_t	wait_s;		/* until one more is allowed */
	char		name[32];	/* "messages per hour" */
	char		user[LOGIN_SIZE];
};
_Static_assert(sizeof(struct limit_info) == 56 + LOGIN_SIZE, "limit_info");

struct policy_control_limit {
	uint64_t		request;
	struct limit_info	info;
};

/* When a password was used last, in order of logins. */
struct login_info {
	uint64_t	used_s;		/* since the epoch */
	char		login[LOGIN_SIZE];
};
_Static_assert(sizeof(struct login_info) == 8 + LOGIN_SIZE, "login_info");

struct queue_control_login {
	uint64_t		request;
	struct login_info	info;
};

struct parent_control_conf {
	uint32_t	read_gid;	/* may read; 0xffffffff: none */
};

#endif
