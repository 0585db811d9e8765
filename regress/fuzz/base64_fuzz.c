/*
 * Base64: no crash, no byte behind the room given, and what is decoded
 * encodes to exactly the input (one form only).
 */
#include <string.h>

#include "fuzz.h"
#include "mail/base64.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size > 0 ? data[0] : 0;
	unsigned char *out;
	char *again;
	int n, m;

	if (size == 0)
		return 0;
	data++;
	size--;
	if (room & 1)
		room = size;
	if ((out = malloc(room + 1)) == NULL ||
	    (again = malloc(size + 8)) == NULL)
		abort();
	out[room] = 0x5a;
	n = base64_decode((const char *)data, size, out, room);
	MUST(out[room] == 0x5a);
	MUST(n >= -1 && (n == -1 || (size_t)n <= room));
	if (n >= 0) {
		m = base64_encode(out, (size_t)n, again, size + 1);
		MUST(m >= 0 && (size_t)m == size);
		MUST(memcmp(again, data, size) == 0);
	}
	free(again);
	free(out);
	return 0;
}
