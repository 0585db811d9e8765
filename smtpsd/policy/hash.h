/*
 * A keyed 64-bit hash (SipHash-2-4 with a random key of this process), so
 * that nobody outside can choose what collides.
 */
#ifndef POLICY_HASH_H
#define POLICY_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t	hash_bytes(const void *, size_t);
/* ASCII case is folded. */
uint64_t	hash_string(const char *);

#endif
