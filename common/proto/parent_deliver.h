/*
 * parent to deliver: the one mailbox form this process serves.  deliver has
 * been given the fixed part of the path as its root directory.
 */
#ifndef PROTO_PARENT_DELIVER_H
#define PROTO_PARENT_DELIVER_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_DELIVER_CONF	0x0b00

struct parent_deliver_conf {
	char		user[NAME_SIZE];
	/* below the root: "Maildir" or "%{dest.domain}/%{dest.user}" */
	char		path[PATHNAME_SIZE];
};
_Static_assert(sizeof(struct parent_deliver_conf) == NAME_SIZE + PATHNAME_SIZE,
    "conf");

#endif
