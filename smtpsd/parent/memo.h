/*
 * Remembers for some minutes which password was right, as a keyed hash with a
 * random key of this run, so that a client which reconnects for each message
 * does not cost a slow hash each time.
 */
#ifndef PARENT_MEMO_H
#define PARENT_MEMO_H

#include <stddef.h>
#include <stdint.h>

#define MEMO_MAC_SIZE	32

/* Makes the key; -1: no memory or no randomness. */
int	memo_init(void);
/* HMAC-SHA256 over two or three strings with their ends; c may be NULL. */
void	memo_mac(uint8_t mac[MEMO_MAC_SIZE], const char *a, const char *b,
	    const char *c);
void	memo_add(const uint8_t mac[MEMO_MAC_SIZE], uint64_t now_ms);
int	memo_has(const uint8_t mac[MEMO_MAC_SIZE], uint64_t now_ms);
void	memo_clear(void);

#endif
