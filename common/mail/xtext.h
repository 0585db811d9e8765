/*
 * xtext (RFC 3461 4), the coding of what MAIL and RCPT parameters carry, and
 * what ENVID and ORCPT may hold once decoded.  No process, no memory.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stddef.h>

/*
 * Decode s; the bytes written, out is NUL-terminated.  -1: not xtext, does
 * not fit, or a control character comes out.  Bytes from 0x80 on are taken
 * as they are only if is_utf8 (RFC 6533); -1 unless all of it is UTF-8.
 */
int	xtext_decode(const char *s, int is_utf8, char *out, size_t outsize);
/* Printable ASCII, n bytes of it: an ENVID. */
int	xtext_envid_is_valid(const char *s, size_t n);
/* "type;address": an ORCPT of n bytes.  NUL need not follow. */
int	xtext_orcpt_is_valid(const char *s, size_t n);

#endif
