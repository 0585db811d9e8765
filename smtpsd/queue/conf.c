/*
 * The queue's configuration.  State owned: the one in force and the one that
 * is being received.  Called from main.c's table of the parent's messages.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf.h"
#include "incoming.h"

struct conf {
	struct parent_queue_conf	 main;
	struct parent_queue_action	*actions;
	size_t				 nactions;
	int				 is_set;
	int				 is_broken;	/* no memory */
};

static struct conf now = {
	.main = { .message_max = 50U << 20, .expire_s = 5 * 86400,
	    .retry_min_s = 60, .retry_max_s = 3600, .hostname = "localhost" }
};
static struct conf next;

const struct parent_queue_conf *
conf_get(void)
{
	return &now.main;
}

int
conf_is_set(void)
{
	return now.is_set;
}

int
conf_action(const char *name)
{
	size_t i;

	for (i = 0; i < now.nactions; i++)
		if (strcmp(now.actions[i].name, name) == 0)
			return (int)now.actions[i].way;
	return -1;
}

uint64_t
conf_stuck_ms(const char *name)
{
	size_t i;

	for (i = 0; i < now.nactions; i++)
		if (strcmp(now.actions[i].name, name) == 0)
			return (uint64_t)now.actions[i].stuck_s * 1000;
	return 0;
}

int
conf_forwards(const char *name)
{
	size_t i;

	for (i = 0; i < now.nactions; i++)
		if (strcmp(now.actions[i].name, name) == 0)
			return now.actions[i].forward != 0;
	return 0;
}

void
conf_begin(void)
{
	free(next.actions);
	memset(&next, 0, sizeof(next));
}

int
conf_end(void)
{
	if (!next.is_set || next.is_broken) {
		log_warnx("configuration: incomplete");
		return -1;
	}
	free(now.actions);
	now = next;
	memset(&next, 0, sizeof(next));
	incoming_limit(now.main.message_max);
	return 0;
}

void
on_parent_conf(struct link *link, struct link_in *in)
{
	(void)link;
	memcpy(&next.main, in->data, sizeof(next.main));
	if (next.main.retry_min_s == 0)
		next.main.retry_min_s = 1;
	if (next.main.retry_max_s < next.main.retry_min_s)
		next.main.retry_max_s = next.main.retry_min_s;
	next.is_set = 1;
}

void
on_parent_action(struct link *link, struct link_in *in)
{
	struct parent_queue_action *actions;

	(void)link;
	actions = reallocarray(next.actions, next.nactions + 1,
	    sizeof(*actions));
	if (actions == NULL) {
		next.is_broken = 1;
		return;
	}
	memcpy(&actions[next.nactions++], in->data, sizeof(*actions));
	next.actions = actions;
}
