/*
 * Sockets on their way to an address.  For connect.c only.
 */
#ifndef RELAY_DIAL_H
#define RELAY_DIAL_H

#include <stdint.h>

#include "proto/relay_resolver.h"

/*
 * A non-blocking descriptor that can be written to when it is connected or
 * has failed.  source: numeric address to bind to, "" for any.  -1 and errno:
 * this address cannot be had at all.
 */
int	dial(const struct host_address *, uint16_t port, const char *source);
/* 0: it is connected; or the errno of its failure. */
int	dial_result(int fd);

#endif
