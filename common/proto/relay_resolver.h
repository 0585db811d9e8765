/*
 * relay and resolver: addresses of a host name.  parent and resolver: what
 * the resolver may not read itself.
 */
#ifndef PROTO_RELAY_RESOLVER_H
#define PROTO_RELAY_RESOLVER_H

#include <stdint.h>

#include "sizes.h"

#define MSG_RELAY_RESOLVER_HOST		0x0a00
#define MSG_RESOLVER_RELAY_HOST_DONE	0x0a10
#define MSG_PARENT_RESOLVER_TEXT	0x0a20	/* conf_piece, kind RESOLVER_* */

enum resolver_text {
	RESOLVER_FORWARDERS = 1,	/* one "address[@port]" per line */
	RESOLVER_HOSTS			/* hosts(5) */
};

struct relay_resolver_host {
	uint64_t	request;
	char		name[HOSTNAME_SIZE];
};
_Static_assert(sizeof(struct relay_resolver_host) == 8 + HOSTNAME_SIZE, "host");

enum resolve_status {
	RESOLVE_OK = 1,
	RESOLVE_NONE,		/* the name does not exist or has no address */
	RESOLVE_LATER		/* timeout, SERVFAIL, bogus */
};
#define RESOLVE_MAX	16

struct host_address {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		pad[3];
	uint8_t		bytes[16];	/* network order; IPv4 in the first 4 */
};
_Static_assert(sizeof(struct host_address) == 20, "address");

struct resolver_relay_host_done {
	uint64_t	request;
	uint32_t	status;		/* enum resolve_status */
	uint32_t	count;
	uint32_t	ttl_s;
	uint32_t	pad;
	struct host_address address[RESOLVE_MAX];
};
_Static_assert(sizeof(struct resolver_relay_host_done) == 24 + 20 * RESOLVE_MAX,
    "host_done");

#endif
