/*
 * The PROXY header: no crash, no byte used that is not there, its limits
 * hold, and once it is whole or bad, more bytes change nothing: what it says
 * does not depend on how the bytes were cut into pieces.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <string.h>

#include "fuzz.h"
#include "proxy.h"

static void
one(int version, size_t max, const uint8_t *data, size_t size)
{
	struct proxy_source whole, part;
	enum proxy_result last, r;
	size_t used, n, first;

	last = proxy_parse(version, data, size, &used, &whole);
	MUST(used <= size && used <= max);
	MUST((last == PROXY_OK) == (used > 0));
	MUST(last != PROXY_MORE || size < max);
	MUST(whole.family == AF_UNSPEC || last != PROXY_MORE);
	first = used;
	for (n = 0; n < size && n < max; n++) {
		r = proxy_parse(version, data, n, &used, &part);
		MUST(used <= n);
		if (r == PROXY_MORE)
			continue;
		MUST(r == last && used == first);
		if (r == PROXY_OK)
			MUST(memcmp(&part, &whole, sizeof(part)) == 0);
		return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one(1, PROXY_V1_MAX, data, size);
	one(2, PROXY_V2_MAX, data, size);
	return 0;
}
