/*
 * The parent's ends of the children's log links.
 */
#ifndef PARENT_LOGNET_H
#define PARENT_LOGNET_H

struct lognet;

/* Reads lines from fd (taken) until it closes; frees itself then.  NULL and
 * errno on failure; fd is closed then. */
struct lognet	*lognet_new(int fd, const char *name);
/* Read what is still there, then close and free.  NULL is ok. */
void		 lognet_finish(struct lognet *);

#endif
