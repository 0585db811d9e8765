/*
 * Which Unix users exist: a bounded cache of what the parent said.
 */
#ifndef POLICY_USERS_H
#define POLICY_USERS_H

#include <stddef.h>

#include "proto/parent_policy.h"

/*
 * An enum policy_user; -1: asked, the answer comes by users_answer().
 * arg is not used: it is what alias.h asks with.
 */
int	users_find(const char *name, void *arg);
void	users_answer(const char *name, enum policy_user);
/* Entries in use. */
size_t	users_count(void);

#endif
