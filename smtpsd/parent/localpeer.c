/*
 * Who is behind a connection to a Unix socket for submission.  net hands a
 * duplicate of what it accepted; what it says about it counts for nothing.
 * The socket must prove that it is the accepted end of a connection to that
 * listener's own path, and the kernel names its peer.
 *
 * A taken-over net and a client together could hand over the client's end:
 * its "peer" would be whoever called listen(), which is root.  Such an end
 * has our path as its remote name and this process as its peer.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "authanswer.h"
#include "authenticate.h"
#include "base/accounts.h"
#include "base/link.h"
#include "base/log.h"
#include "base/peer.h"
#include "base/bucket.h"
#include "child.h"
#include "conf.h"
#include "localpeer.h"
#include "mail/usersfile.h"
#include "parent.h"
#include "peerlimit.h"
#include "proto/net_parent.h"

/* Of refusals in the log: who connects and hangs up costs himself nothing. */
#define LINES_RATE	1.0
#define LINES_BURST	50.0

static struct bucket	lines = { .tokens = LINES_BURST };

static int
may_log(void)
{
	return bucket_take(&lines, LINES_RATE, LINES_BURST, parent_now_ms());
}

static int
has_path(const struct sockaddr_un *un, socklen_t size, const char *path)
{
	const size_t	 at = offsetof(struct sockaddr_un, sun_path);
	char		 name[sizeof(un->sun_path) + 1] = "";

	if (size > at && size <= sizeof(*un))
		memcpy(name, un->sun_path, size - at);
	return strcmp(name, path) == 0;
}

/* NULL: it is the accepted end of a connection to path. */
static const char *
check_socket(int fd, const char *path)
{
	struct sockaddr_un	 un = { 0 };
	socklen_t		 size = sizeof(un);
	int			 n;

	if (getsockname(fd, (struct sockaddr *)&un, &size) == -1 ||
	    un.sun_family != AF_UNIX)
		return "not a Unix socket";
	if (!has_path(&un, size, path))
		return "a socket of another name";
	size = sizeof(n);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &n, &size) == -1 ||
	    n != SOCK_STREAM)
		return "not a stream socket";
	memset(&un, 0, sizeof(un));
	size = sizeof(un);
	if (getpeername(fd, (struct sockaddr *)&un, &size) == -1)
		return "not connected";
	if (has_path(&un, size, path))
		return "the client's end";
	return NULL;
}

/* AUTH_OK and user, or what is to be said. */
static enum auth_result
peer_user(struct child *net, int fd, char *user, size_t usersize)
{
	const struct passwd	*pw;
	uid_t			 uid;
	gid_t			 gid;
	pid_t			 pid;

	if (peer_ids(fd, &uid, &gid, &pid) == -1 || pid == getpid())
		return AUTH_BAD;
	if (!peerlimit_may_ask(net, uid, parent_now_ms()))
		return AUTH_LATER;
	switch (accounts_uid(uid, &pw)) {
	case ACCOUNTS_UNSURE:
		if (may_log())
			log_info("local socket: the name of uid %lu cannot be "
			    "looked up: %s", (unsigned long)uid,
			    strerror(errno));
		return AUTH_LATER;
	case ACCOUNTS_NONE:
		if (may_log())
			log_info("local socket: uid %lu has no name",
			    (unsigned long)uid);
		return AUTH_BAD;
	default:
		break;
	}
	if (!users_name_ok(pw->pw_name) ||
	    strlcpy(user, pw->pw_name, usersize) >= usersize)
		return AUTH_BAD;
	return AUTH_OK;
}

void
on_net_peer(struct link *link, struct link_in *in)
{
	const struct net_parent_peer	*m = in->data;
	struct child			*net = link_arg(link);
	const struct conf_listener	*l;
	const char			*why;
	enum auth_result		 result;
	char				 user[LOGIN_SIZE];

	if (m->session >> 32 != child_id(net)) {
		link_fault(link, "PEER of a session that is not its own");
		return;
	}
	/* A listener may have gone by a reload that net has not seen yet. */
	l = conf_listener_by_id(parent_conf(), m->listener);
	if (l == NULL || l->kind != LISTENER_LOCAL) {
		authenticate_local(child_id(net), m->session, m->listener,
		    NULL);
		return;
	}
	if ((why = check_socket(in->fd, l->path)) != NULL) {
		/* It may be dead already: then nobody waits either. */
		if (may_log())
			log_info("local socket %s: refused: %s", l->path,
			    why);
		authenticate_local(child_id(net), m->session, m->listener,
		    NULL);
		return;
	}
	result = peer_user(net, in->fd, user, sizeof(user));
	if (result == AUTH_LATER)
		authanswer_net(child_id(net), m->session, AUTH_LATER, NULL);
	else if (result != AUTH_OK)
		authenticate_local(child_id(net), m->session, m->listener,
		    NULL);
	else
		authenticate_local(child_id(net), m->session, m->listener,
		    user);
}
