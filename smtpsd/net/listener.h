/*
 * The listening sockets with their certificates and the limits in force: one
 * configuration.  A session keeps a reference to its listener, so that a
 * reload does not disturb it (and because tls_free() on a context from which
 * a connection still shakes hands is fatal).
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/net_parent.h"

struct tls;

struct listener;

struct table;

/* Takes fd, server (NULL: no TLS) and nets (who may speak PROXY, or NULL).
 * NULL: no memory, all are given up. */
struct listener	*listener_new(const struct parent_net_listener *, int fd,
		    struct tls *server, struct table *nets);
void		 listener_start(struct listener *);
void		 listener_retire(struct listener *);	/* no new sessions */
void		 listener_unref(struct listener *);	/* NULL is ok */
/* A session begins, with a reference of its own; it ends. */
struct listener	*listener_join(struct listener *);
void		 listener_part(struct listener *);	/* NULL is ok */
/* Sessions now, those from before a reload included. */
uint32_t	 listener_sessions(const struct listener *);
/* 1: this peer may speak PROXY here. */
int		 listener_trusts(const struct listener *, const char *address);
void		 listener_each(void (*)(struct listener *, void *), void *);
struct tls	*listener_tls(struct listener *);
const struct parent_net_listener *listener_info(const struct listener *);
/* What AUTH it can offer now, AUTH_BIT()s; 0 until it is told. */
uint32_t	 listener_mechanisms(const struct listener *);
void		 listener_set_mechanisms(struct listener *, uint32_t);
/* The administrator lets nobody in, or lets them in again. */
void		 listener_hold(int is_held);
/* Out of descriptors: all listeners pause until listener_tick(). */
void		 listener_tick(void);		/* once per second */

#endif
