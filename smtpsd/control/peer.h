/*
 * Who is at the other end of a Unix domain socket, as the kernel says.
 * For control only.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include <sys/types.h>

/* Effective ids at the time of connect(2).  -1 and errno on failure. */
int	peer_ids(int fd, uid_t *uid, gid_t *gid);

#endif
