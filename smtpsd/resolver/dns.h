/*
 * The answer section of a DNS message (RFC 1035 4.1).  For resolver only.
 * Records count whatever name owns them: libunbound has followed the CNAMEs.
 */
#ifndef RESOLVER_DNS_H
#define RESOLVER_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/relay_resolver.h"

#define DNS_A		1
#define DNS_MX		15
#define DNS_AAAA	28
#define DNS_NOERROR	0
#define DNS_SERVFAIL	2
#define DNS_NXDOMAIN	3

struct dns_addresses {
	uint32_t	count;
	uint32_t	ttl_s;		/* the least */
	uint8_t		bytes[16][16];
};

struct dns_mx {
	uint32_t	count;
	uint32_t	ttl_s;
	int		is_null;	/* "0 ." alone, RFC 7505 */
	int		has_unusable;	/* some were left out: no host names */
	struct mail_exchanger mx[MX_MAX];	/* sorted, ties as they came */
};

struct dns_records {
	uint32_t	count;
	uint32_t	ttl_s;
	size_t		size;
	uint8_t		data[RECORDS_TAIL_MAX];	/* as the tail of RECORDS_DONE */
};

/* Each: -1 if malformed.  What is above a limit is left out. */
int	dns_addresses(const uint8_t *, size_t, uint16_t type,
	    struct dns_addresses *);
/* The most preferred ones; hosts that are no host names are left out. */
int	dns_mx(const uint8_t *, size_t, struct dns_mx *);
/* TXT: the strings of a record joined. */
int	dns_records(const uint8_t *, size_t, uint16_t type,
	    struct dns_records *);

#endif
