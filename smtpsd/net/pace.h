/* How long a client may take; for session.c. */
#ifndef NET_PACE_H
#define NET_PACE_H

#include <stdint.h>

struct session;

uint32_t	pace_handshake_s(void);
/* The reply that ends a session which took too long, or REPLY_NONE. */
unsigned int	pace_check(const struct session *, uint64_t now_ms);

#endif
