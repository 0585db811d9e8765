/*
 * Peer credentials: SO_PEERCRED where the kernel has it, getpeereid(3)
 * elsewhere.  Only the effective ids are known: supplementary groups of the
 * peer are not.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <unistd.h>

#include "peer.h"

int
peer_ids(int fd, uid_t *uid, gid_t *gid)
{
#if defined(__linux__)
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == -1)
		return -1;
	*uid = cred.uid;
	*gid = cred.gid;
	return 0;
#else
	return getpeereid(fd, uid, gid);
#endif
}
