/*
 * The memo of right passwords.
 *
 * Used by authenticate.c.  The hash of the users file is part of what is
 * hashed, so a changed password forgets the old one by itself.  The table is
 * of fixed size; in a full set the oldest goes.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "memo.h"

#define MEMO_MS		(5 * 60 * 1000)
#define SETS		2048
#define WAYS		4

struct memo_entry {
	uint8_t		mac[MEMO_MAC_SIZE];
	uint64_t	until_ms;	/* 0: free */
};

static struct memo_entry	(*table)[WAYS];
static uint8_t			 key[32];

int
memo_init(void)
{
	arc4random_buf(key, sizeof(key));
	table = calloc(SETS, sizeof(*table));
	return table == NULL ? -1 : 0;
}

void
memo_mac(uint8_t mac[MEMO_MAC_SIZE], const char *a, const char *b,
    const char *c)
{
	uint8_t		 buf[2048];
	const char	*parts[3] = { a, b, c };
	size_t		 used = 0, n;
	unsigned int	 size = MEMO_MAC_SIZE, i;

	for (i = 0; i < 3 && parts[i] != NULL; i++) {
		n = strlen(parts[i]) + 1;
		if (n > sizeof(buf) - used)
			n = sizeof(buf) - used;
		memcpy(buf + used, parts[i], n);
		used += n;
	}
	if (HMAC(EVP_sha256(), key, sizeof(key), buf, used, mac, &size) == NULL)
		arc4random_buf(mac, MEMO_MAC_SIZE);	/* equal to nothing */
	explicit_bzero(buf, sizeof(buf));
}

static struct memo_entry *
set_of(const uint8_t *mac)
{
	return table[((size_t)mac[0] << 8 | mac[1]) % SETS];
}

void
memo_add(const uint8_t mac[MEMO_MAC_SIZE], uint64_t now_ms)
{
	struct memo_entry	*set = set_of(mac), *to = &set[0];
	int			 i;

	for (i = 0; i < WAYS; i++) {
		if (memcmp(set[i].mac, mac, MEMO_MAC_SIZE) == 0) {
			to = &set[i];
			break;
		}
		if (set[i].until_ms < to->until_ms)
			to = &set[i];
	}
	memcpy(to->mac, mac, MEMO_MAC_SIZE);
	to->until_ms = now_ms + MEMO_MS;
}

int
memo_has(const uint8_t mac[MEMO_MAC_SIZE], uint64_t now_ms)
{
	struct memo_entry	*set = set_of(mac);
	int			 i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].until_ms > now_ms &&
		    CRYPTO_memcmp(set[i].mac, mac, MEMO_MAC_SIZE) == 0)
			return 1;
	}
	return 0;
}

void
memo_clear(void)
{
	explicit_bzero(table, SETS * sizeof(*table));
}
