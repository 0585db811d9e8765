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

/* Takes fd and server (NULL: no TLS).  NULL: no memory, fd is closed. */
struct listener	*listener_new(const struct parent_net_listener *, int fd,
		    struct tls *server);
void		 listener_start(struct listener *);
void		 listener_retire(struct listener *);	/* no new sessions */
struct listener	*listener_ref(struct listener *);
void		 listener_unref(struct listener *);	/* NULL is ok */
struct tls	*listener_tls(struct listener *);
const struct parent_net_listener *listener_info(const struct listener *);
/* Out of descriptors: all listeners pause until listener_tick(). */
void		 listener_tick(void);		/* once per second */

#endif
