/*
 * Connects to Unix sockets on behalf of children: to exactly the paths that
 * the configuration names, whatever the child says.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "conf.h"
#include "parent.h"
#include "unixsock.h"

#define UNREAD_MAX	8192	/* bytes of answers; one of 24 has a descriptor */

int
unixsock_connect(const char *path)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	int			 fd, saved;

	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void
on_relay_connect(struct link *link, struct link_in *in)
{
	const struct relay_parent_connect	*msg = in->data;
	struct parent_relay_connected		 connected;
	struct parent_relay_connect_failed	 failed;
	const struct conf_action		*a;
	int					 fd;

	memset(&connected, 0, sizeof(connected));
	memset(&failed, 0, sizeof(failed));
	connected.request = failed.request = msg->request;
	a = conf_action_by_name(parent_conf(), msg->action);
	if (a == NULL || a->kind != ACTION_LMTP || a->path[0] == '\0') {
		strlcpy(failed.text, "action has no socket",
		    sizeof(failed.text));
	} else if (link_queued(link) > UNREAD_MAX) {
		/* What it does not take must not use up our descriptors. */
		strlcpy(failed.text, "too many connections at once",
		    sizeof(failed.text));
	} else if ((fd = unixsock_connect(a->path)) == -1) {
		snprintf(failed.text, sizeof(failed.text), "%.400s: %s", a->path,
		    strerror(errno));
	} else {
		(void)link_send_fd(link, MSG_PARENT_RELAY_CONNECTED, fd,
		    &connected, sizeof(connected));
		return;
	}
	(void)link_send(link, MSG_PARENT_RELAY_CONNECT_FAILED, &failed,
	    sizeof(failed));
}
