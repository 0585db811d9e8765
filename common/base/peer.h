/*
 * Who is at the other end of a Unix domain socket, as the kernel says.  For
 * programs that accept on one.
 */
#ifndef BASE_PEER_H
#define BASE_PEER_H

#include <sys/types.h>

/*
 * Effective ids at the time of connect(2); the process, or 0 where the
 * system does not tell.  pid may be NULL.  -1 and errno on failure.
 */
int	peer_ids(int fd, uid_t *uid, gid_t *gid, pid_t *pid);

/* 1: the group is one of the peer's supplementary ones (Linux; else 0). */
int	peer_in_group(int fd, gid_t gid);

#endif
