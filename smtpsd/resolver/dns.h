/*
 * The answer section of a DNS message.  For resolver only.
 */
#ifndef RESOLVER_DNS_H
#define RESOLVER_DNS_H

#include <stddef.h>
#include <stdint.h>

#define DNS_A		1
#define DNS_AAAA	28
#define DNS_NOERROR	0
#define DNS_SERVFAIL	2
#define DNS_NXDOMAIN	3

struct dns_addresses {
	uint32_t	count;
	uint32_t	ttl_s;		/* the least */
	uint8_t		bytes[16][16];
};

/*
 * Addresses of type (DNS_A, DNS_AAAA) in the answer section (RFC 1035 4.1),
 * whatever name owns them: the resolver has followed the CNAMEs.  At most
 * 16.  -1: malformed.
 */
int	dns_addresses(const uint8_t *, size_t, uint16_t type,
	    struct dns_addresses *);

#endif
