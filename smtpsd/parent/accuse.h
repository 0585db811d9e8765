/*
 * Who dies when one child says that another one broke the rules of the link
 * between them; for child.c and rules.c.
 *
 * The word of policy and queue, which nobody outside speaks to, counts always
 * against all others.  Any other word is taken from a budget of the accusing
 * slot.  When that is empty the accuser dies: a liar ends itself, and in
 * either case a new process brings a new link.  The accused dies with it if it
 * faces more of the outside than its accuser: else whoever was taken over
 * there would have control or resolver killed by breaking its rules, and live.
 */
#ifndef PARENT_ACCUSE_H
#define PARENT_ACCUSE_H

#include <stdint.h>

#include "proto/boot.h"

struct bucket;
struct link;
struct link_in;

#define ACCUSE_BURST	4		/* words saved */
#define ACCUSE_RATE	(1.0 / 600)	/* words per second: one in 10 minutes */

enum accuse_verdict {
	ACCUSE_NOBODY,		/* they have no link */
	ACCUSE_ACCUSED,
	ACCUSE_ACCUSER,
	ACCUSE_BOTH
};

/* Takes from the budget of the accusing slot where the word needs that. */
enum accuse_verdict	accuse_judge(enum proc_kind by, enum proc_kind of,
			    struct bucket *, uint64_t now_ms);

void	on_child_broke(struct link *, struct link_in *);

#endif
