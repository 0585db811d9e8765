/*
 * How often logins may be tried: by whom a client claims to be, by address,
 * and by the net process through which it all comes.
 */
#ifndef PARENT_AUTHLIMIT_H
#define PARENT_AUTHLIMIT_H

#include <stdint.h>

#include "backoff.h"

/* Failed checks per second and net process, and how many may be saved. */
#define AUTH_FAIL_RATE	20.0
#define AUTH_FAIL_BURST	400.0
/* Messages about logins, the same; one with TLS cannot have more. */
#define AUTH_ASK_RATE	2000.0
#define AUTH_ASK_BURST	8000.0

struct attempt;
struct child;

int	authlimit_init(void);
/* 1: this net may say one thing more about logins, right or wrong. */
int	authlimit_may_ask(struct child *net, uint64_t now_ms);
/* Address and login are known: sets the keys that the others look at. */
void	authlimit_know(struct attempt *, const struct child *net);
/* 1: it may fail; whose turns out to be right gives the token back. */
int	authlimit_take_token(struct attempt *, struct child *net,
	    uint64_t now_ms);
/* Stands in line: milliseconds until its turn, -1: too many do already. */
int64_t	authlimit_enter(struct attempt *, uint64_t now_ms);
/* For each that entered: what became of it. */
void	authlimit_leave(const struct attempt *, enum backoff_result,
	    uint64_t now_ms);

#endif
