/*
 * For the unit tests only: a store and messages to put into it.
 */
#ifndef QUEUE_TESTSTORE_H
#define QUEUE_TESTSTORE_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"
#include "store.h"

#define NOW	1700000000U

/* As store_open(), with all done that an opened store still has to do. */
struct store	*teststore_open(const char *file, uint64_t prealloc);
/* SQLite calls this in the place of the system's pread or pwrite. */
void		 teststore_syscall(const char *name, void *call);
/* From a@example.org at NOW, of size bytes of x. */
struct message	*teststore_message(uint64_t id, size_t size);
/*
 * With n envelopes to b@example.net, due at NOW + 1, NOW + 2, ...  Inside a
 * transaction, and in one of its own.  -1 as the store says.
 */
int		 teststore_add(struct store *, struct message *,
		    unsigned int n);
int		 teststore_put(struct store *, uint64_t id, size_t size,
		    unsigned int n);

#endif
