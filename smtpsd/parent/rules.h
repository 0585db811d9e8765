/*
 * What the parent takes from each kind of child, in one place to be read.
 */
#ifndef PARENT_RULES_H
#define PARENT_RULES_H

#include <stddef.h>

#include "base/link.h"
#include "proto/boot.h"

/* States of a parent link. */
#define CHILD_BOOTING	0x1
#define CHILD_READY	0x2

const struct link_rule	*rules_of(enum proc_kind, size_t *n);

#endif
