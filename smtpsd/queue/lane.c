/*
 * The lanes of jobs.  State owned: all lanes, as a tree by action and key
 * and as a list.  Called by agent*.c only.
 */
#include <stdlib.h>
#include <string.h>

#include "lane.h"
#include "proto/parent_queue.h"

RB_HEAD(lane_tree, lane);

static struct lane_tree tree = RB_INITIALIZER(&tree);
static struct lane_list all = TAILQ_HEAD_INITIALIZER(all);

static int
lane_compare(struct lane *a, struct lane *b)
{
	int r = strcmp(a->action, b->action);

	return r != 0 ? r : strcmp(a->key, b->key);
}
RB_PROTOTYPE(lane_tree, lane, tree, lane_compare)
RB_GENERATE(lane_tree, lane, tree, lane_compare)

struct lane *
lane_find(const char *action, const char *key)
{
	struct lane wanted;

	strlcpy(wanted.action, action, sizeof(wanted.action));
	strlcpy(wanted.key, key, sizeof(wanted.key));
	return RB_FIND(lane_tree, &tree, &wanted);
}

struct lane *
lane_get(const char *action, const char *key, int way)
{
	struct lane *lane;

	if ((lane = lane_find(action, key)) != NULL)
		return lane;
	if ((lane = calloc(1, sizeof(*lane))) == NULL)
		return NULL;
	strlcpy(lane->action, action, sizeof(lane->action));
	strlcpy(lane->key, key, sizeof(lane->key));
	lane->way = way;
	TAILQ_INIT(&lane->ready);
	RB_INSERT(lane_tree, &tree, lane);
	TAILQ_INSERT_TAIL(&all, lane, entry);
	return lane;
}

struct lane *
lane_by_request(uint64_t request)
{
	struct lane *lane;

	TAILQ_FOREACH(lane, &all, entry)
		if (lane->request != 0 && lane->request == request)
			return lane;
	return NULL;
}

int
lane_has_room(const struct lane *lane, unsigned int room)
{
	if (lane->way == QUEUE_LOCAL && lane->nready >= LANE_LOCAL_READY_MAX)
		return 0;
	return lane->nwaiting < room / LANE_READY_PART;
}

void
lane_free_if_unused(struct lane *lane)
{
	if (lane->nready > 0 || lane->nrunning > 0 || lane->link != NULL ||
	    lane->request != 0)
		return;
	RB_REMOVE(lane_tree, &tree, lane);
	TAILQ_REMOVE(&all, lane, entry);
	free(lane);
}

void
lane_to_tail(struct lane *lane)
{
	TAILQ_REMOVE(&all, lane, entry);
	TAILQ_INSERT_TAIL(&all, lane, entry);
}

struct lane_list *
lane_all(void)
{
	return &all;
}
