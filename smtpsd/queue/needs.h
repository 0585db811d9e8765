/*
 * What a delivery needs of the host that takes it, whoever its recipients are.
 * Pure.
 */
#ifndef QUEUE_NEEDS_H
#define QUEUE_NEEDS_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

/*
 * The message's MAIL_* without SMTPUTF8 if nothing calls for it.  data is
 * the start of the body, NULL if it is not known.
 */
uint32_t	needs_flags(const struct message *, const char *data,
		    size_t size);

#endif
