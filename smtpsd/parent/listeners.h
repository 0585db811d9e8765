/*
 * Binds what the configuration listens on, and the control socket.  What
 * stands at a Unix socket's path is only replaced if it is root's and dead.
 */
#ifndef PARENT_LISTENERS_H
#define PARENT_LISTENERS_H

#include <stddef.h>

struct conf;

/*
 * Fills the descriptors of conf.  Sockets that old (or NULL) has for the same
 * address stay in old until listeners_move().  -1 and a reason in err; what
 * was bound anew is closed with conf_free().
 */
int	listeners_open(struct conf *conf, const struct conf *old, char *err,
	    size_t errsize);
/* Takes the sockets that stay out of old.  Cannot fail. */
void	listeners_move(struct conf *conf, struct conf *old);
/* Removes the names of the Unix sockets. */
void	listeners_unlink(const struct conf *);

#endif
