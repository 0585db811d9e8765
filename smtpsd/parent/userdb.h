/*
 * Unix accounts, which only the parent may look up.
 */
#ifndef PARENT_USERDB_H
#define PARENT_USERDB_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct link;
struct link_in;

struct account {
	uid_t	uid;
	gid_t	gid;
	char	home[1024];
};

enum userdb_answer {
	USERDB_UNSURE = -1,	/* the system cannot say now; logged */
	USERDB_NONE,	/* no such user, a name that cannot be one, root, or a
			 * user that smtpsd itself runs as */
	USERDB_FOUND
};

enum userdb_answer	userdb_find(const char *name, struct account *);
/*
 * 0: after a look-up that took long and found nobody, for some time, unless
 * the name is in /etc/passwd.  For names that strangers send.
 */
int			userdb_may_ask(const char *name);
/*
 * Finds the users that smtpsd runs as, while the system can say who they are.
 * 0, or -1 and errno.
 */
int	userdb_init(void);
/*
 * The groups that the user is in beside gid, never root's; their number.  What
 * does not fit is left out.
 */
uint16_t	userdb_groups(const char *name, gid_t gid, uint32_t *groups,
	    size_t max);
void	on_policy_user(struct link *, struct link_in *);

#endif
