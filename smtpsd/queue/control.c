/*
 * Answers to control: numbers, and the queue page by page.  State owned: the
 * link.
 */
#include <string.h>

#include "agent.h"
#include "base/link.h"
#include "base/log.h"
#include "commit.h"
#include "control.h"
#include "incoming.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"
#include "result.h"
#include "schedule.h"
#include "store.h"

#define LIST_MAX	500	/* items of one page: 0.7 MB */

struct page {
	struct link	*link;
	uint64_t	 request;
};

static struct store *store;
static struct link *control;

void
control_init(struct store *s)
{
	store = s;
}

static void
on_control_stats(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;
	struct commit_stats c;
	struct result_stats d;
	size_t i;

	commit_stats(&c);
	result_stats(&d);
	const struct { const char *name; uint64_t value; } all[] = {
		{ "queue.envelopes", store_count(store) },
		{ "queue.accepted", c.accepted },
		{ "queue.refused", c.refused },
		{ "queue.commits", c.commits },
		{ "queue.commit_largest", c.largest },
		{ "queue.delivered", d.delivered },
		{ "queue.deferred", d.deferred },
		{ "queue.failed", d.failed },
		{ "queue.bounces", d.bounces },
		{ "queue.receiving", incoming_open_count() },
		{ "queue.ready", agent_ready() },
		{ "queue.running", agent_running() },
		{ "queue.body_bytes", incoming_memory() +
		    message_held_bytes() },
	};

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		control_answer_stat(link, r->request, all[i].name,
		    all[i].value);
	control_answer_done(link, r->request, 0, NULL);
}

static void
list_item(const struct queue_item *item, void *arg)
{
	const struct page *page = arg;
	struct queue_control_item m;

	memset(&m, 0, sizeof(m));
	m.request = page->request;
	m.item = *item;
	if (schedule_is_running(item->envelope))
		m.item.state = QUEUE_RUNNING;
	link_send(page->link, MSG_QUEUE_CONTROL_ITEM, &m, sizeof(m));
}

static void
on_control_list(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;
	struct page page = { .link = link, .request = r->request };
	int n;

	n = store_list(store, r->arg, r->limit < LIST_MAX ? r->limit :
	    LIST_MAX, list_item, &page);
	control_answer_done(link, r->request, n == -1, n == -1 ?
	    "the queue cannot be read" : NULL);
}

static void
control_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("control link down: %s", why);
	if (link == control)
		control = NULL;
}

static const struct link_rule control_rules[] = {
	{ MSG_CONTROL_ANY_STATS, LINK_STATE_ANY, on_control_stats },
	{ MSG_CONTROL_QUEUE_LIST, LINK_STATE_ANY, on_control_list },
};

void
control_link(uint32_t peer_id, int fd)
{
	struct link_end end = { .name = "control", .rules = control_rules,
	    .nrules = sizeof(control_rules) / sizeof(control_rules[0]),
	    .down = control_down, .peer_id = peer_id };

	link_close(control);
	if ((control = link_new(fd, &end)) == NULL)
		fatal("control link");
}
