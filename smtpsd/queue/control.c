/*
 * Answers to control: numbers, the queue page by page, a message part by
 * part, and what the administrator changes.  State owned: the link.
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
#define SHOW_MAX	(512U << 10)	/* bytes of one part, and a piece */

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

struct show {
	struct link	*link;
	uint64_t	 request;
	struct message	*message;
	struct queue_item first;	/* of its envelopes */
	uint64_t	 sent;		/* bytes before */
	uint32_t	 piece;
};

static void
show_unreadable(const struct show *show)
{
	char text[128];

	snprintf(text, sizeof(text), "%sthe message cannot be read behind its "
	    "first %" PRIu64 " of %" PRIu64 " bytes", show->first.state ==
	    QUEUE_QUARANTINED ? "quarantined: " : "", show->sent,
	    show->message->size);
	control_answer_done(show->link, show->request, 1, text);
}

static void
show_piece(const struct show *show, const char *data, size_t size)
{
	struct queue_control_body head = { .request = show->request };
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < MESSAGE_PIECE_MAX ? size - at :
		    MESSAGE_PIECE_MAX;
		link_send_tail(show->link, MSG_QUEUE_CONTROL_BODY, &head,
		    sizeof(head), data + at, n);
	}
}

/* What is shown is not kept in mind: the next request says where to go on. */
static void
show_part(struct show *show)
{
	uint64_t end = show->sent + SHOW_MAX;
	size_t size;
	char *data;

	while (show->sent < show->message->size && show->sent < end) {
		if (store_read_body(store, show->message, show->piece,
		    show->sent, &data, &size) != 0) {
			show_unreadable(show);
			return;
		}
		show_piece(show, data, size);
		show->sent += size;
		show->piece++;
		free(data);
	}
	if (show->sent < show->message->size)
		control_answer_next(show->link, show->request, show->piece);
	else
		control_answer_done(show->link, show->request, 0, NULL);
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
	const struct message_part *part = (const void *)(r + 1);
	struct show show = { .link = link, .request = r->request,
	    .sent = part->sent, .piece = part->piece };
	struct envelope *e = envelope_new();

	show.message = message_new();
	if (e == NULL || show.message == NULL)
		control_answer_done(link, r->request, 1, "out of memory");
	else if (!control_answer_may_list(link, r->request))
		;
	else if (r->arg > MESSAGE_ID_MAX || store_list(store, r->arg << 10,
	    1, show_item, &show.first) != 1 ||
	    show.first.envelope >> 10 != r->arg ||
	    store_load(store, show.first.envelope, e, show.message) != 1)
		control_answer_done(link, r->request, 1, "no such message");
	else if (show.sent > show.message->size)
		show_unreadable(&show);
	else
		show_part(&show);
	envelope_free(e);
	message_unref(show.message);
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
