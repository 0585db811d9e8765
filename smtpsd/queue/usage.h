/*
 * What policy says that users have used, on its way into the store and back
 * to the next policy.
 */
#ifndef QUEUE_USAGE_H
#define QUEUE_USAGE_H

#include "proto/policy_queue.h"

struct link;
struct store;

void	usage_init(struct store *);
void	usage_add(const struct user_usage *);
/* Store what was added; between two transactions of others. */
void	usage_turn(void);
/* To a new policy: all that may still count. */
void	usage_send(struct link *policy, uint64_t now_s);

#endif
