/*
 * Unix sockets of actions: this process has no file system, so the parent
 * connects, to the path that the configuration names and no other.  State
 * owned: the link to the parent and who waits for an answer of it.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/proc.h"

#include "client_impl.h"
#include "socket.h"

static TAILQ_HEAD(, client)	 asking = TAILQ_HEAD_INITIALIZER(asking);
static struct link		*parent;
static uint64_t			 last_request;

void
socket_init(struct link *link)
{
	parent = link;
}

int
socket_ask(struct client *client)
{
	struct relay_parent_connect	msg;

	memset(&msg, 0, sizeof(msg));
	msg.request = ++last_request;
	strlcpy(msg.action, client->action->conf.name, sizeof(msg.action));
	if (link_send(parent, MSG_RELAY_PARENT_CONNECT, &msg, sizeof(msg)) ==
	    -1)
		return client_end(client, "4.3.0", "parent is gone");
	client->request = msg.request;
	TAILQ_INSERT_TAIL(&asking, client, asking);
	return 0;
}

void
socket_forget(struct client *client)
{
	if (client->request == 0)
		return;
	TAILQ_REMOVE(&asking, client, asking);
	client->request = 0;
}

/* Who asked, and does not any more; NULL: it has ended. */
static struct client *
asking_take(uint64_t request)
{
	struct client	*client;

	TAILQ_FOREACH(client, &asking, asking)
		if (client->request == request) {
			socket_forget(client);
			return client;
		}
	return NULL;
}

void
on_parent_relay_connected(struct link *link, struct link_in *in)
{
	const struct parent_relay_connected	*msg = in->data;
	struct client				*client;
	int					 fd = in->fd;

	(void)link;
	if ((client = asking_take(msg->request)) == NULL)
		return;		/* the link closes it */
	in->fd = -1;
	(void)client_connected(client, fd);
}

void
on_parent_relay_connect_failed(struct link *link, struct link_in *in)
{
	const struct parent_relay_connect_failed	*msg = in->data;
	struct client					*client;

	(void)link;
	if ((client = asking_take(msg->request)) != NULL)
		(void)client_end(client, "4.4.1", msg->text);
}
