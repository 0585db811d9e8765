/*
 * Base64 of RFC 4648 over libcrypto, strict: no white space, padding where
 * it belongs and nowhere else.
 */
#ifndef MAIL_BASE64_H
#define MAIL_BASE64_H

#include <stddef.h>

/* Bytes written, or -1: malformed or it does not fit.  No NUL is added. */
int	base64_decode(const char *in, size_t insize, void *out, size_t outsize);
/* Length without the NUL it adds, or -1: it does not fit. */
int	base64_encode(const void *in, size_t insize, char *out, size_t outsize);

#endif
