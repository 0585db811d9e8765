/*
 * Results of token checks.  For authwork.c only; what authenticate.c needs is
 * in attempt.h.
 */
#ifndef PARENT_AUTHTOKEN_H
#define PARENT_AUTHTOKEN_H

struct auth_parent_token_done;

/* -1: it is not an answer that can be. */
int	authtoken_on_result(const struct auth_parent_token_done *);

#endif
