/*
 * A reader of DNS answers in wire form, as libunbound's event interface
 * hands them over.  The bytes come from a library that checked them, but
 * they began in somebody else's name server: every step is bounded.
 */
#include <string.h>

#include "dns.h"

#define HEADER_SIZE	12
#define CLASS_IN	1

static unsigned int
get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Offset behind a name at offset, 0 if it is malformed. */
static size_t
name_skip(const uint8_t *data, size_t size, size_t offset)
{
	while (offset < size) {
		if (data[offset] == 0)
			return offset + 1;
		if ((data[offset] & 0xc0) == 0xc0)
			return offset + 2 <= size ? offset + 2 : 0;
		if (data[offset] > 63)
			return 0;
		offset += 1 + (size_t)data[offset];
	}
	return 0;
}

static void
address_add(struct dns_addresses *out, const uint8_t *bytes, size_t size,
    uint32_t ttl)
{
	if (out->count == 0 || ttl < out->ttl_s)
		out->ttl_s = ttl;
	if (out->count < 16)
		memcpy(out->bytes[out->count++], bytes, size);
}

int
dns_addresses(const uint8_t *data, size_t size, uint16_t type,
    struct dns_addresses *out)
{
	unsigned int i, questions, answers, length;
	size_t offset = HEADER_SIZE;
	const size_t want = type == DNS_A ? 4 : 16;
	uint32_t ttl;

	memset(out, 0, sizeof(*out));
	if (size < HEADER_SIZE)
		return -1;
	questions = get16(data + 4);
	answers = get16(data + 6);
	for (i = 0; i < questions; i++) {
		offset = name_skip(data, size, offset);
		if (offset == 0 || size - offset < 4)
			return -1;
		offset += 4;
	}
	for (i = 0; i < answers; i++) {
		offset = name_skip(data, size, offset);
		if (offset == 0 || size - offset < 10)
			return -1;
		ttl = (uint32_t)get16(data + offset + 4) << 16 |
		    get16(data + offset + 6);
		length = get16(data + offset + 8);
		if (size - offset - 10 < length)
			return -1;
		if (get16(data + offset) == type &&
		    get16(data + offset + 2) == CLASS_IN && length == want)
			address_add(out, data + offset + 10, want, ttl);
		offset += 10 + length;
	}
	return 0;
}
