/*
 * The header of the PROXY protocol, for session.c and the fuzz target.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <stddef.h>

#define PROXY_V1_MAX	107		/* bytes, CRLF included */
#define PROXY_V2_MAX	(16 + 536)	/* bytes, what is skipped included */

enum proxy_result {
	PROXY_MORE,	/* all bytes belong to it, but it goes on */
	PROXY_OK,
	PROXY_BAD
};

struct proxy_source {
	int		family;		/* AF_UNSPEC: the socket's own counts */
	unsigned char	address[16];	/* network order */
};

/*
 * Looks at the start of buf for a header of this version (1 or 2) and no
 * other.  *used, with PROXY_OK: its length.
 */
enum proxy_result	proxy_parse(int version, const void *buf, size_t size,
			    size_t *used, struct proxy_source *);

#endif
