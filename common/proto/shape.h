/*
 * The shapes of all messages that cross links, in one table; what link.c
 * checks and what the abuse test is generated from.  The look-up itself,
 * proto_shape(), is declared in base/link.h.
 */
#ifndef PROTO_SHAPE_H
#define PROTO_SHAPE_H

#include <stddef.h>

#include "base/link.h"

/* All shapes, sorted by type. */
const struct link_shape	*proto_shapes(size_t *n);

#endif
