/*
 * How often users of this host may come to the Unix sockets for submission.
 * For localpeer.c.
 */
#ifndef PARENT_PEERLIMIT_H
#define PARENT_PEERLIMIT_H

#include <sys/types.h>

#include <stdint.h>

/* Connections per second of one user, and how many may be saved. */
#define PEER_USER_RATE	500.0
#define PEER_USER_BURST	2000.0
/* The same of one net process. */
#define PEER_RATE	2000.0
#define PEER_BURST	8000.0

struct child;

/* 1: the parent may look up who this user is, once more. */
int	peerlimit_may_ask(struct child *net, uid_t uid, uint64_t now_ms);

#endif
