/*
 * Slow password hashes through crypt(3), with their memory wiped after use.
 */
#ifndef MAIL_PASSWORD_H
#define MAIL_PASSWORD_H

#include <stddef.h>

/* 1: password matches hash, 0: not.  Constant time in the compare. */
int	password_check(const char *password, const char *hash);
/* Make a bcrypt $2b$10$ hash (yescrypt where bcrypt is missing). -1: failed. */
int	password_hash(const char *password, char *out, size_t outsize);
/* A hash of the same kind and cost as like, that no password matches. */
int	password_dummy(const char *like, char *out, size_t outsize);

#endif
