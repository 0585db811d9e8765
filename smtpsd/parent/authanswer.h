/*
 * Answers about logins, to net, to policy and to the queue.
 */
#ifndef PARENT_AUTHANSWER_H
#define PARENT_AUTHANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proto/net_parent.h"

struct attempt;
struct conf;
struct users;

/* The attempt may be NULL unless the result is AUTH_OK. */
void	authanswer_net(uint32_t net_id, uint64_t session, enum auth_result,
	    const struct attempt *);
void	authanswer_challenge(const struct attempt *, const char *, size_t);
/* Who is logged in.  Before net hears of it.  -1: policy is not there. */
int	authanswer_policy(const struct attempt *);
/* The queue keeps when a password of the users file was used; 0: forgets it. */
void	authanswer_used(const char *login, time_t when);
/* Policy forgets the sessions of what is in old but not, or not so, in new. */
void	authanswer_revoked(const struct users *old, const struct users *new);
/* The same for all users and certificates of a configuration. */
void	authanswer_revoked_conf(const struct conf *old, const struct conf *new);

#endif
