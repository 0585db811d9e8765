/*
 * When passwords were used, as the parent says, on its way into the store.
 */
#ifndef QUEUE_LOGIN_H
#define QUEUE_LOGIN_H

#include <stdint.h>

struct link;
struct link_in;
struct store;

void	login_init(struct store *);
void	on_parent_login(struct link *, struct link_in *);
/* Store what has waited for a second; between two transactions of others. */
void	login_turn(uint64_t now_ms);
/* The same without waiting: before a list, and at the end. */
void	login_store(void);

#endif
