/* Where a session comes from.  For admit.c. */
#ifndef NET_SOURCE_H
#define NET_SOURCE_H

#include <sys/socket.h>

#include <stddef.h>

struct session;

enum source_result { SOURCE_MORE, SOURCE_OK, SOURCE_BAD };

/* Numeric; "local" for a Unix socket.  -1: no address that is known. */
int			source_text(char *out, size_t size,
			    const struct sockaddr *);
/*
 * Reads the PROXY header of a session.  SOURCE_OK: ss is the client's
 * address, or AF_UNSPEC if the socket's own counts.
 */
enum source_result	source_proxy(struct session *,
			    struct sockaddr_storage *);

#endif
