/* The counters of this process, for "show stats". */
#ifndef NET_STATS_H
#define NET_STATS_H

#include <stdint.h>

enum counter {
	STAT_SESSIONS,		/* now */
	STAT_CONNECTED,
	STAT_REFUSED,
	STAT_HANDSHAKES,
	STAT_HANDSHAKE_FAILURES,
	STAT_SIGNATURES,
	STAT_SIGN_FAILURES,
	STAT_AUTH_OK,
	STAT_AUTH_BAD,
	STAT_MESSAGES,
	STAT_MESSAGES_REFUSED,
	STAT_RCPT_REFUSED,
	STAT_BYTES,
	STAT_TIMEOUTS,
	STAT_STALE,
	STAT_ACCEPT_PAUSED,
	STAT_MAX
};

void		 stats_add(enum counter, int64_t);
uint64_t	 stats_get(enum counter);
const char	*stats_name(enum counter);

#endif
