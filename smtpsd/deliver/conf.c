/*
 * What this process is for: one mailbox or command, as the parent says once.
 * Called by main.c for the parent's messages and by the others that need to
 * know.  Owns the configuration and the directory where paths begin.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/link.h"
#include "mail/command.h"

#include "conf.h"
#include "delivery_impl.h"
#include "expand.h"

static struct parent_deliver_conf conf, conf_new;
static int root_fd = -1;

const struct parent_deliver_conf *
conf_now(void)
{
	return &conf;
}

int
conf_root(struct outcome *outcome)
{
	const char *path = conf.forward ? conf.base : "/";

	if (root_fd == -1)
		root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd == -1)
		outcome_open(outcome, "open", -1, path);
	return root_fd;
}

void
on_parent_deliver_conf(struct link *link, struct link_in *in)
{
	(void)link;
	memcpy(&conf_new, in->data, sizeof(conf_new));
}

void
conf_begin(void)
{
	memset(&conf_new, 0, sizeof(conf_new));
}

int
conf_end(void)
{
	char path[PATHNAME_SIZE];

	switch (conf_new.kind) {
	case DELIVER_MAILDIR:
	case DELIVER_MBOX:
		if (expand_path(conf_new.path, "user@example.org", "user",
		    path, sizeof(path)) != 0)
			return -1;
		if (conf_new.forward && (conf_new.home[0] != '/' ||
		    conf_new.base[0] != '/' || run_init() == -1))
			return -1;
		break;
	case DELIVER_COMMAND:
		if (command_fault(conf_new.command) != NULL || run_init() == -1)
			return -1;
		break;
	case DELIVER_DISCARD:
		break;
	default:
		return -1;
	}
	conf = conf_new;
	return 0;
}
