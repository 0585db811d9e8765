/*
 * Addresses in, one connected descriptor out, or the reason of each failure:
 * several at a time, in the manner of RFC 8305, but exchangers of a worse
 * preference only when the better ones have had their time (RFC 5321 5.1).
 * For relay only.
 */
#ifndef RELAY_CONNECT_H
#define RELAY_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#define CONNECT_MAX	4	/* attempts of one connector at a time */
#define CONNECT_ALL_MAX	250	/* with so many under way, one each */

struct connector;
struct targets;

struct connect_def {
	struct targets	*targets;	/* the caller's while this lives */
	uint16_t	 port;
	const char	*source4;	/* to bind to, "": any; the caller's */
	const char	*source6;
	/* May there be one more beside those that are under way? */
	int		(*has_room)(void *arg);
	/*
	 * fd: connected to this target, and the receiver's; all other attempts
	 * have ended.  -1: no address is left.  It may free the connector.
	 */
	void		(*done)(void *arg, int fd, uint32_t target);
	void		*arg;
};

/* NULL: no memory.  Nothing happens before connect_go(). */
struct connector *connect_new(const struct connect_def *);
void		 connect_free(struct connector *);	/* NULL is ok */
/* Try those that are left; done() will come, or has when this returns. */
void		 connect_go(struct connector *);
/* The one that done() gave was no good after all. */
void		 connect_failed(struct connector *, const char *why);
/* The one that done() gave is the next to try. */
void		 connect_again(struct connector *);
/* It is good: for a while others begin with it. */
void		 connect_worked(struct connector *);
int		 connect_has_more(const struct connector *);
/* One could not be reached now: it may say something else later. */
int		 connect_has_unreached(const struct connector *);
/* Attempts under way. */
unsigned int	 connect_count(const struct connector *);
/* "address, address: reason; address: reason; 7 more" */
void		 connect_why(const struct connector *, char *, size_t);

#endif
