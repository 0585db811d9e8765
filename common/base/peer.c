/*
 * Peer credentials: SO_PEERCRED where the kernel has it, getpeereid(3)
 * elsewhere.  Supplementary groups of the peer are known on Linux alone.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <unistd.h>

#include "peer.h"

int
peer_ids(int fd, uid_t *uid, gid_t *gid, pid_t *pid)
{
#if defined(__linux__) || defined(__OpenBSD__)
#ifdef __OpenBSD__
	struct sockpeercred cred;
#else
	struct ucred cred;
#endif
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == -1)
		return -1;
	*uid = cred.uid;
	*gid = cred.gid;
	if (pid != NULL)
		*pid = cred.pid;
	return 0;
#else
	if (pid != NULL)
		*pid = 0;
	return getpeereid(fd, uid, gid);
#endif
}

int
peer_in_group(int fd, gid_t gid)
{
#ifdef SO_PEERGROUPS
	gid_t groups[256];
	socklen_t i, size = sizeof(groups);

	/* Somebody in more groups than that is taken to be in none. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == -1)
		return 0;
	for (i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return 1;
#else
	(void)fd;
	(void)gid;
#endif
	return 0;
}
