/*
 * Counters.  Names are what "smtpsctl show stats" prints; the ones of all
 * net processes are summed by who asks.
 */
#include <stddef.h>

#include "stats.h"

static const char *const names[STAT_MAX] = {
	[STAT_SESSIONS] = "net.sessions",
	[STAT_CONNECTED] = "net.connected",
	[STAT_REFUSED] = "net.refused",
	[STAT_HANDSHAKES] = "net.tls.handshakes",
	[STAT_HANDSHAKE_FAILURES] = "net.tls.failures",
	[STAT_SIGNATURES] = "net.tls.signatures",
	[STAT_SIGN_FAILURES] = "net.tls.signature_failures",
	[STAT_AUTH_OK] = "net.auth.ok",
	[STAT_AUTH_BAD] = "net.auth.bad",
	[STAT_MESSAGES] = "net.messages",
	[STAT_MESSAGES_REFUSED] = "net.messages.refused",
	[STAT_RCPT_REFUSED] = "net.recipients.refused",
	[STAT_BYTES] = "net.bytes",
	[STAT_TIMEOUTS] = "net.timeouts",
	[STAT_STALE] = "net.stale",
	[STAT_ACCEPT_PAUSED] = "net.accept_paused",
};
static uint64_t	counters[STAT_MAX];

void
stats_add(enum counter which, int64_t n)
{
	counters[which] += (uint64_t)n;
}

uint64_t
stats_get(enum counter which)
{
	return counters[which];
}

const char *
stats_name(enum counter which)
{
	return names[which];
}
