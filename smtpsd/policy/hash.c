/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) with a key drawn at the first
 * use.  The book of sessions, the cache of users and the set of recipients
 * of a transaction hang on it: all three are filled with values that net
 * or a client chooses.  Pure computation, knows nothing of mail.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"

static uint64_t	key[2];
static int	has_key;

static uint64_t
rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotl(v[1], 13); v[1] ^= v[0]; v[0] = rotl(v[0], 32);
	v[2] += v[3]; v[3] = rotl(v[3], 16); v[3] ^= v[2];
	v[0] += v[3]; v[3] = rotl(v[3], 21); v[3] ^= v[0];
	v[2] += v[1]; v[1] = rotl(v[1], 17); v[1] ^= v[2]; v[2] = rotl(v[2], 32);
}

uint64_t
hash_bytes(const void *data, size_t size)
{
	const unsigned char	*p = data;
	uint64_t		 v[4], m;
	size_t			 left = size;
	int			 i;

	if (!has_key) {
		arc4random_buf(key, sizeof(key));
		has_key = 1;
	}
	v[0] = key[0] ^ 0x736f6d6570736575ULL;
	v[1] = key[1] ^ 0x646f72616e646f6dULL;
	v[2] = key[0] ^ 0x6c7967656e657261ULL;
	v[3] = key[1] ^ 0x7465646279746573ULL;
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	m = 0;
	memcpy(&m, p, left);
	m ^= (uint64_t)size << 56;
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_string(const char *s)
{
	char	lower[1024];
	size_t	i;

	for (i = 0; s[i] != '\0' && i < sizeof(lower); i++)
		lower[i] = s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i];
	return hash_bytes(lower, i);
}
