/*
 * relay and resolver: addresses of a host name, mail exchangers of a domain,
 * other records.  parent and resolver: what the resolver may not read itself.
 * is_secure tells that DNSSEC proved the whole answer, its absence included.
 */
#ifndef PROTO_RELAY_RESOLVER_H
#define PROTO_RELAY_RESOLVER_H

#include <stdint.h>

#include "sizes.h"

#define MSG_RELAY_RESOLVER_HOST		0x0a00
#define MSG_RELAY_RESOLVER_MX		0x0a01
#define MSG_RELAY_RESOLVER_RECORDS	0x0a02
#define MSG_RESOLVER_RELAY_HOST_DONE	0x0a10
#define MSG_RESOLVER_RELAY_MX_DONE	0x0a11
#define MSG_RESOLVER_RELAY_RECORDS_DONE	0x0a12
#define MSG_PARENT_RESOLVER_TEXT	0x0a20	/* conf_piece, kind RESOLVER_* */

enum resolver_text {
	RESOLVER_FORWARDERS = 1,	/* one "address[@port]" per line */
	RESOLVER_HOSTS,			/* hosts(5) */
	RESOLVER_ANCHORS		/* one DS or DNSKEY record per line */
};

/* HOST and MX */
struct relay_resolver_host {
	uint64_t	request;
	char		name[HOSTNAME_SIZE];
};
_Static_assert(sizeof(struct relay_resolver_host) == 8 + HOSTNAME_SIZE, "host");

enum resolve_status {
	RESOLVE_OK = 1,
	RESOLVE_NONE,		/* the name has no such record */
	RESOLVE_LATER,		/* timeout, SERVFAIL, bogus */
	RESOLVE_NO_NAME,	/* MX, RECORDS: the name does not exist */
	RESOLVE_NULL_MX		/* MX: the domain takes no mail, RFC 7505 */
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
	uint32_t	is_secure;
	struct host_address address[RESOLVE_MAX];
};
_Static_assert(sizeof(struct resolver_relay_host_done) == 24 + 20 * RESOLVE_MAX,
    "host_done");

/* In order of preference, those of the same one shuffled (RFC 5321 5.1). */
#define MX_MAX		16	/* of more, the most preferred */
struct mail_exchanger {
	uint32_t	preference;
	char		host[HOSTNAME_SIZE];	/* lower case, without last dot */
};
_Static_assert(sizeof(struct mail_exchanger) == 4 + HOSTNAME_SIZE, "mx");

struct resolver_relay_mx_done {
	uint64_t	request;
	uint32_t	status;		/* enum resolve_status */
	uint32_t	count;
	uint32_t	ttl_s;
	uint32_t	is_secure;
	struct mail_exchanger mx[MX_MAX];
};
_Static_assert(sizeof(struct resolver_relay_mx_done) == 24 + (4 +
    HOSTNAME_SIZE) * MX_MAX, "mx_done");

#define RECORD_TXT	16	/* RFC 1035 3.3.14, strings joined */
#define RECORD_TLSA	52	/* RFC 6698 2.1 */

struct relay_resolver_records {
	uint64_t	request;
	uint32_t	type;		/* RECORD_* */
	uint32_t	pad;
	char		name[HOSTNAME_SIZE];	/* labels may begin with '_' */
};
_Static_assert(sizeof(struct relay_resolver_records) == 16 + HOSTNAME_SIZE,
    "records");

#define RECORDS_MAX		32
#define RECORDS_TAIL_MAX	8192
struct resolver_relay_records_done {
	uint64_t	request;
	uint32_t	status;		/* enum resolve_status */
	uint32_t	count;		/* at most RECORDS_MAX */
	uint32_t	ttl_s;
	uint32_t	is_secure;
	/* tail: for each record its length in two bytes, network order, and
	 * its data */
};
_Static_assert(sizeof(struct resolver_relay_records_done) == 24,
    "records_done");

#endif
