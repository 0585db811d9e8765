/*
 * The shapes of what net may have signed with an RSA key.  Pure functions:
 * no key, no process.
 */
#ifndef PARENT_EMSA_H
#define PARENT_EMSA_H

#include <stddef.h>

/*
 * 1: block (as long as the modulus of mod_bits bits) is an EMSA-PSS encoding
 * (RFC 8017 9.1) with SHA-256, 384 or 512 for hash and MGF1 and a salt as
 * long as the hash.  0: anything else.
 */
int	emsa_is_pss(const unsigned char *block, size_t size, unsigned int mod_bits);
/* 1: exactly the DER DigestInfo of SHA-256, 384 or 512 (RFC 8017 9.2). */
int	emsa_is_digestinfo(const unsigned char *info, size_t size);

#endif
