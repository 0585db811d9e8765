/*
 * Where the addresses of a user's ~/.forward lead: the queue's questions.
 */
#ifndef POLICY_ROUTE_H
#define POLICY_ROUTE_H

struct link;
struct link_in;

void	on_queue_route(struct link *, struct link_in *);
/* The parent answered for this name. */
void	route_retry(const char *name);
void	route_expire(void);	/* answer what has waited too long */
void	route_forget(void);	/* the queue that asked is gone */
int	route_waits(void);

#endif
