/*
 * Questions of relay, answered from hosts(5) or by libunbound.  For
 * resolver only.
 */
#ifndef RESOLVER_LOOKUP_H
#define RESOLVER_LOOKUP_H

#include <stdint.h>

void	lookup_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd);
void	lookup_on_stop(void);
/* The context goes: all that is open is answered with RESOLVE_LATER. */
void	lookups_abandon(void);

#endif
