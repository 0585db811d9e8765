/*
 * What passes between the parent and every child: start, links to others,
 * configuration transactions, stop.  MSG_PARENT_ANY_* go down,
 * MSG_ANY_PARENT_* come up.
 */
#ifndef PROTO_BOOT_H
#define PROTO_BOOT_H

#include <stdint.h>

#include "sizes.h"

enum proc_kind {
	PROC_PARENT = 1,
	PROC_NET,
	PROC_AUTH,
	PROC_POLICY,
	PROC_QUEUE,
	PROC_RELAY,
	PROC_RESOLVER,
	PROC_DELIVER,
	PROC_CONTROL,
	PROC_LOGIN,
	PROC_DOVECOT,
	PROC_SIGN		/* as a link kind: net's signing link */
};

#define MSG_PARENT_ANY_BOOT		0x0001
#define MSG_PARENT_ANY_LINK		0x0002
#define MSG_PARENT_ANY_CONF_BEGIN	0x0003
#define MSG_PARENT_ANY_CONF_END		0x0004
#define MSG_PARENT_ANY_VERBOSE		0x0005
#define MSG_PARENT_ANY_STOP		0x0006
#define MSG_ANY_PARENT_READY		0x0010
#define MSG_ANY_PARENT_CONF_DONE	0x0011
#define MSG_ANY_PARENT_BROKE		0x0012

#define BOOT_GROUPS_MAX	64

struct parent_any_boot {
	uint32_t	proc_id;	/* unique for each start */
	uint32_t	uid;
	uint32_t	gid;
	uint32_t	nofile;		/* RLIMIT_NOFILE */
	uint16_t	instance;
	uint8_t		kind;
	uint8_t		verbose;
	uint16_t	ngroups;	/* supplementary ones */
	uint8_t		runs_command;	/* deliver only: not confined to files */
	uint8_t		sandbox;	/* SANDBOX_WEAK, _LEARN; base/sandbox.h */
	uint32_t	groups[BOOT_GROUPS_MAX];	/* none: gid alone */
	char		root[PATHNAME_SIZE];	/* chroot to this; "/" only for
						 * a deliver that runs a command */
};
_Static_assert(sizeof(struct parent_any_boot) == 24 + 4 * BOOT_GROUPS_MAX +
    PATHNAME_SIZE, "boot");

/* With a descriptor: your end of a link to another process. */
struct parent_any_link {
	uint32_t	peer_id;	/* its proc_id */
	uint8_t		kind;		/* its proc_kind */
	uint8_t		pad[3];
	uint64_t	cookie;		/* deliver: id of MSG_QUEUE_PARENT_DELIVER */
};
_Static_assert(sizeof(struct parent_any_link) == 16, "link");

/*
 * CONF_BEGIN, CONF_END, CONF_DONE: generation counts reloads from 1.  The
 * others are CONF_DONE's.
 */
struct any_conf {
	uint32_t	generation;
	uint32_t	failed;		/* 0 in force, 1 refused */
	uint16_t	confined;	/* enum sandbox_level; base/sandbox.h */
	uint16_t	landlock;	/* its ABI, or 0 */
	uint32_t	pad;
};
_Static_assert(sizeof(struct any_conf) == 16, "conf");

/*
 * From all that have links with each other: this process broke the rules of
 * its link to the sender, which has closed it.  One of the two is killed and
 * replaced (parent/accuse.h), so that the link comes back.
 */
struct any_parent_broke {
	uint32_t	peer_id;	/* its proc_id */
	uint32_t	pad;
};
_Static_assert(sizeof(struct any_parent_broke) == 8, "broke");

struct parent_any_verbose {
	uint32_t	on;
};

/* STOP, READY: no payload. */

/*
 * A piece of a text or file; the message type says of what.  Pieces of one
 * blob come in order, offset after offset; see common/base/blob.h.
 */
struct conf_piece {
	uint32_t	id;
	uint32_t	kind;
	uint32_t	total;		/* bytes of the whole */
	uint32_t	offset;		/* of this piece */
	char		name[NAME_SIZE];
	/* tail: the piece */
};
_Static_assert(sizeof(struct conf_piece) == 16 + NAME_SIZE, "piece");

#endif
