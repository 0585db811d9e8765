/*
 * Answers to control: numbers, the queue page by page, one message, and what
 * the administrator changes.  State owned: the link, the message being shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/link.h"
#include "base/log.h"
#include "commit.h"
#include "control.h"
#include "edit.h"
#include "incoming.h"
#include "login.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"
#include "result.h"
#include "schedule.h"
#include "store.h"

#define LIST_MAX	500	/* items of one page: 0.7 MB */
#define SHOW_QUEUED_MAX	(1U << 20)	/* bytes that control has not read */

struct page {
	struct link	*link;
	uint64_t	 request;
};

static struct store *store;
static struct link *control;
static struct {
	struct message	*message;	/* NULL: none is being shown */
	uint64_t	 request;
	uint64_t	 sent;
	int		 is_quarantined;
	uint32_t	 piece;
}			 show;

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
		{ "queue.counting", !store_is_counted(store) },
		{ "queue.accepted", c.accepted },
		{ "queue.refused", c.refused },
		{ "queue.commits", c.commits },
		{ "queue.commit_largest", c.largest },
		{ "queue.delivered", d.delivered },
		{ "queue.deferred", d.deferred },
		{ "queue.failed", d.failed },
		{ "queue.quarantined", d.quarantined },
		{ "queue.bounces", d.bounces },
		{ "queue.receiving", incoming_open_count() },
		{ "queue.ready", agent_ready() },
		{ "queue.in_memory", schedule_busy() },
		{ "queue.loaded", schedule_loaded() },
		{ "queue.running", agent_running() },
		{ "queue.paused.mta", (agent_paused() & PAUSE_MTA) != 0 },
		{ "queue.paused.mda", (agent_paused() & PAUSE_MDA) != 0 },
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

	if (!control_answer_may_list(link, r->request))
		return;
	n = store_list(store, r->arg, r->limit < LIST_MAX ? r->limit :
	    LIST_MAX, list_item, &page);
	control_answer_done(link, r->request, n == -1, n == -1 ?
	    "the queue cannot be read" : NULL);
}

static void
list_login(const struct login_info *info, void *arg)
{
	const struct page *page = arg;
	struct queue_control_login m;

	memset(&m, 0, sizeof(m));
	m.request = page->request;
	m.info = *info;
	link_send(page->link, MSG_QUEUE_CONTROL_LOGIN, &m, sizeof(m));
}

static void
on_control_logins(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;
	struct page page = { .link = link, .request = r->request };
	char above[LOGIN_SIZE];
	size_t size = in->size - sizeof(*r);
	int n;

	memcpy(above, r + 1, size);	/* less than its size: the shape */
	above[size] = '\0';
	if (!control_answer_may_list(link, r->request))
		return;
	login_store();
	n = store_list_logins(store, above, r->limit < LIST_MAX ? r->limit :
	    LIST_MAX, list_login, &page);
	control_answer_done(link, r->request, n == -1, n == -1 ?
	    "the logins cannot be read" : NULL);
}

static void
on_edit_done(uint64_t request, const struct edit_result *r)
{
	char text[128];

	if (r->is_failed)
		strlcpy(text, "the queue cannot be changed, see the log",
		    sizeof(text));
	else if (r->running > 0)
		snprintf(text, sizeof(text), "%" PRIu64 " envelopes; %" PRIu64
		    " are being delivered and were left alone", r->changed,
		    r->running);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " envelopes",
		    r->changed);
	control_answer_done(control, request, r->is_failed, text);
}

static void
on_control_edit(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;
	char selector[MAILADDR_SIZE];
	size_t size = in->size - sizeof(*r);
	struct edit_def def = { .what = QUEUE_EDIT_WHAT(r->limit),
	    .which = QUEUE_EDIT_WHICH(r->limit), .id = r->arg,
	    .selector = selector };

	memcpy(selector, r + 1, size);	/* less than its size: the shape */
	selector[size] = '\0';
	if (link != control || edit_start(&def, on_edit_done,
	    r->request) == -1)
		control_answer_done(link, r->request, 1,
		    "not now: other changes are under way");
}

static void
on_control_pause(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;

	agent_pause((uint32_t)r->arg & (PAUSE_MTA | PAUSE_MDA),
	    r->limit != 0);
	control_answer_done(link, r->request, 0, NULL);
}

static void
show_end(const char *error)
{
	control_answer_done(control, show.request, error != NULL, error);
	message_unref(show.message);
	memset(&show, 0, sizeof(show));
}

static void
show_unreadable(void)
{
	char text[128];

	snprintf(text, sizeof(text), "%sthe message cannot be read behind its "
	    "first %" PRIu64 " of %" PRIu64 " bytes", show.is_quarantined ?
	    "quarantined: " : "", show.sent, show.message->size);
	show_end(text);
}

/* The bytes of a message, as far as the link takes them. */
void
control_turn(void)
{
	struct queue_control_body head = { .request = show.request };
	size_t size, at, n;
	char *data;

	while (show.message != NULL && control != NULL &&
	    link_queued(control) < SHOW_QUEUED_MAX) {
		if (show.sent >= show.message->size) {
			show_end(NULL);
			return;
		}
		if (store_read_body(store, show.message, show.piece++,
		    show.sent, &data, &size) != 0) {
			show_unreadable();
			return;
		}
		for (at = 0; at < size; at += n) {
			n = size - at < MESSAGE_PIECE_MAX ? size - at :
			    MESSAGE_PIECE_MAX;
			link_send_tail(control, MSG_QUEUE_CONTROL_BODY, &head,
			    sizeof(head), data + at, n);
		}
		show.sent += size;
		free(data);
	}
}

int
control_is_busy(void)
{
	return show.message != NULL;
}

static void
show_item(const struct queue_item *item, void *arg)
{
	*(struct queue_item *)arg = *item;
}

static void
on_control_message(struct link *link, struct link_in *in)
{
	const struct control_request *r = in->data;
	struct envelope *e = envelope_new();
	struct message *m = message_new();
	static struct queue_item first;

	if (show.message != NULL || link != control || e == NULL ||
	    m == NULL) {
		control_answer_done(link, r->request, 1,
		    "not now: another message is being shown");
	} else if (r->arg > MESSAGE_ID_MAX || store_list(store, r->arg << 10,
	    1, show_item, &first) != 1 || first.envelope >> 10 != r->arg ||
	    store_load(store, first.envelope, e, m) != 1) {
		control_answer_done(link, r->request, 1, "no such message");
	} else {
		show.message = message_ref(m);
		show.request = r->request;
		show.is_quarantined = first.state == QUEUE_QUARANTINED;
	}
	envelope_free(e);
	message_unref(m);
}

static void
control_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("control link down: %s", why);
	if (link != control)
		return;
	control = NULL;
	edit_forget();
	message_unref(show.message);
	memset(&show, 0, sizeof(show));
}

static const struct link_rule control_rules[] = {
	{ MSG_CONTROL_ANY_STATS, LINK_STATE_ANY, on_control_stats },
	{ MSG_CONTROL_QUEUE_LIST, LINK_STATE_ANY, on_control_list },
	{ MSG_CONTROL_QUEUE_EDIT, LINK_STATE_ANY, on_control_edit },
	{ MSG_CONTROL_QUEUE_MESSAGE, LINK_STATE_ANY, on_control_message },
	{ MSG_CONTROL_ANY_PAUSE, LINK_STATE_ANY, on_control_pause },
	{ MSG_CONTROL_QUEUE_LOGINS, LINK_STATE_ANY, on_control_logins },
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
