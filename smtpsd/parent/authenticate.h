/*
 * Checks logins for net, and tells policy who is logged in where.
 */
#ifndef PARENT_AUTHENTICATE_H
#define PARENT_AUTHENTICATE_H

#include <stdint.h>

struct link;
struct link_in;

struct authenticate_stats {
	uint64_t	ok;
	uint64_t	failed;
	uint64_t	later;
	uint64_t	remembered;	/* of ok: without a slow hash */
	uint64_t	pending;
};

int	authenticate_init(void);
/* A new configuration or users file is in force. */
void	authenticate_on_users(void);
void	authenticate_on_net_death(uint32_t proc_id);
void	authenticate_get_stats(struct authenticate_stats *);

/* user: proven by the socket it came from, or NULL: nobody. */
void	authenticate_local(uint32_t net_id, uint64_t session, uint32_t listener,
	    const char *user);

void	on_net_auth(struct link *, struct link_in *);
void	on_net_auth_step(struct link *, struct link_in *);
void	on_net_auth_cancel(struct link *, struct link_in *);

#endif
