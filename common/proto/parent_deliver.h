/*
 * parent to deliver: the one mailbox form or command this process serves.
 * For a mailbox deliver has been given the fixed part of the path as its root
 * directory, for a command it has "/".
 */
#ifndef PROTO_PARENT_DELIVER_H
#define PROTO_PARENT_DELIVER_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_DELIVER_CONF	0x0b00

#define COMMAND_SIZE	1024	/* text of a command with its arguments */

/* DISCARD takes everything and keeps nothing: the target /dev/null. */
enum deliver_kind {
	DELIVER_MAILDIR = 1, DELIVER_MBOX, DELIVER_COMMAND, DELIVER_DISCARD
};

struct parent_deliver_conf {
	uint32_t	kind;		/* enum deliver_kind */
	uint32_t	time_s;		/* a command is killed after this */
	uint32_t	forward;	/* 1: ~/.forward goes before the mailbox */
	uint32_t	pad;
	char		user[NAME_SIZE];
	/* below the root: "Maildir" or "%{dest.domain}/%{dest.user}";
	 * of a command: the user's home */
	char		path[PATHNAME_SIZE];
	char		command[COMMAND_SIZE];	/* mail/command.h; "" */
	/* With forward the root is "/": where path begins, and the home. */
	char		base[PATHNAME_SIZE];
	char		home[PATHNAME_SIZE];
};
_Static_assert(sizeof(struct parent_deliver_conf) == 16 + NAME_SIZE +
    3 * PATHNAME_SIZE + COMMAND_SIZE, "conf");

#endif
