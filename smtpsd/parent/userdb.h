/*
 * Unix accounts, which only the parent may look up.
 */
#ifndef PARENT_USERDB_H
#define PARENT_USERDB_H

#include <sys/types.h>

#include <stddef.h>

struct link;
struct link_in;

struct account {
	uid_t	uid;
	gid_t	gid;
	char	home[1024];
};

/* 0, or -1: no such user, a name that cannot be one, or root. */
int	userdb_find(const char *name, struct account *);
void	on_policy_user(struct link *, struct link_in *);

#endif
