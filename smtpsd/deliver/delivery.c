/*
 * Deliveries of one user: takes OPEN, RCPT and BODY from the queue and
 * answers with RESULT for each recipient and DONE.  For a Maildir one file
 * per recipient is written while the body streams in; for an mbox or a
 * command the body is gathered.  batch.c and run.c bring what is complete to
 * its end.  Owns the list of deliveries and the queue's link.  When that
 * link goes down or nothing was asked for IDLE_S seconds the process ends:
 * the parent starts another when needed.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/net_policy.h"

#include "conf.h"
#include "delivery.h"
#include "delivery_impl.h"
#include "forward.h"
#include "maildir.h"

#define IDLE_S		5
#define RCPT_MAX	1000	/* of one delivery */
#define DELIVERIES_MAX	256	/* in flight */
#define STAGED_MAX	(UINT64_C(64) << 20)	/* bytes of gathered bodies */

static struct delivery_list deliveries = TAILQ_HEAD_INITIALIZER(deliveries);
static struct link *queue;
static struct delivery *large;	/* is gathered beyond the first window */
static uint64_t large_bytes;	/* of all that were or are */
static struct event idle_timer;
static unsigned int delivery_count;
static int is_queue_gone;
static int has_complete;

struct delivery_list *
delivery_all(void)
{
	return &deliveries;
}

static void
idle_start(void)
{
	struct timeval tv = { IDLE_S, 0 };

	if (TAILQ_EMPTY(&deliveries))
		evtimer_add(&idle_timer, &tv);
}

static void
on_idle(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (TAILQ_EMPTY(&deliveries))
		proc_exit(0);
}

static struct delivery *
delivery_find(uint64_t id)
{
	struct delivery *d;

	TAILQ_FOREACH(d, &deliveries, entry)
		if (d->open.delivery == id)
			return d;
	return NULL;
}

/* The body is gathered in memory. */
static int
is_staged(const struct delivery *d)
{
	return conf_now()->kind != DELIVER_MAILDIR || d->forward != NULL;
}

/* The next window of a body is welcome. */
static void
grant(struct delivery *d)
{
	struct agent_delivery msg = { d->open.delivery };

	d->wants_more = 0;
	d->granted += AGENT_WINDOW;
	link_send(queue, MSG_AGENT_QUEUE_MORE, &msg, sizeof(msg));
}

/*
 * Where bodies are gathered, one at a time grows, and one that commands have
 * to see, which may take minutes, counts until it is gone: memory is bounded.
 */
static void
large_next(void)
{
	struct delivery *d;

	if (large != NULL)
		return;
	TAILQ_FOREACH(d, &deliveries, entry)
		if (d->wants_more)
			break;
	if (d == NULL || (large_bytes != 0 && (large_bytes >= STAGED_MAX ||
	    d->open.size > STAGED_MAX - large_bytes)))
		return;
	large = d;
	d->is_large = 1;
	large_bytes += d->open.size;
	grant(d);
}

static void
grant_in_turn(struct delivery *d)
{
	if (!is_staged(d) || large == d) {
		grant(d);
		return;
	}
	d->wants_more = 1;
	large_next();
}

static void
large_leaves(void)
{
	large = NULL;
	large_next();
}

static void
delivery_free(struct delivery *d)
{
	uint32_t i;

	run_forget(d);
	for (i = 0; i < d->nrcpt; i++)
		maildir_discard(d->rcpt[i].file);
	stage_free(&d->stage);
	TAILQ_REMOVE(&deliveries, d, entry);
	delivery_count--;
	if (d->is_large)
		large_bytes -= d->open.size;
	if (large == d)
		large = NULL;
	large_next();
	free(d->rcpt);
	free(d->forward);
	free(d);
	idle_start();
	if (proc_is_stopping() && TAILQ_EMPTY(&deliveries))
		proc_exit(0);
}

static void
result_send(struct delivery *d, uint32_t n, const struct outcome *outcome)
{
	struct agent_queue_result result;

	memset(&result, 0, sizeof(result));
	result.delivery = d->open.delivery;
	result.n = n;
	result.class = (uint32_t)outcome->class;
	strlcpy(result.status, outcome->status, sizeof(result.status));
	strlcpy(result.text, outcome->text, sizeof(result.text));
	link_send(queue, MSG_AGENT_QUEUE_RESULT, &result, sizeof(result));
}

/* All else is done: the queue sends it on when it has stored the result. */
static void
forward_send(const struct delivery *d, uint32_t n)
{
	struct agent_queue_forward msg;
	const char *list = d->forward;

	memset(&msg, 0, sizeof(msg));
	msg.delivery = d->open.delivery;
	msg.n = n;
	while (forward_address(&list, conf_now()->user, d->rcpt[n].recipient,
	    msg.address, sizeof(msg.address))) {
		link_send(queue, MSG_AGENT_QUEUE_FORWARD, &msg, sizeof(msg));
		memset(msg.address, 0, sizeof(msg.address));
	}
}

void
delivery_report(struct delivery *d, uint32_t n)
{
	int class = d->rcpt[n].outcome.class;

	if (d->forward != NULL && (class == AGENT_OK ||
	    class == AGENT_FORWARDED))
		forward_send(d, n);
	result_send(d, n, &d->rcpt[n].outcome);
}

void
delivery_over(struct delivery *d)
{
	struct agent_delivery done = { d->open.delivery };

	link_send(queue, MSG_AGENT_QUEUE_DONE, &done, sizeof(done));
	delivery_free(d);
}

/* The body does not fit into memory: nobody gets it. */
static void
stage_fail(struct delivery *d)
{
	uint32_t i;

	for (i = 0; i < d->nrcpt; i++)
		if (!d->rcpt[i].is_over)
			rcpt_fail(&d->rcpt[i], AGENT_TEMPFAIL, "4.3.0",
			    "out of memory");
	stage_free(&d->stage);
}

static void
delivery_complete(struct delivery *d)
{
	if (is_staged(d) && stage_end(&d->stage) == -1)
		stage_fail(d);
	d->is_complete = has_complete = 1;
	d->is_ready = conf_now()->kind != DELIVER_COMMAND && d->forward == NULL;
	if (large == d)
		large_leaves();
}

static void
on_queue_open(struct link *link, struct link_in *in)
{
	const struct queue_agent_open *open_msg = in->data;
	struct delivery *d;

	if (open_msg->nrcpt == 0 || open_msg->nrcpt > RCPT_MAX ||
	    delivery_count >= DELIVERIES_MAX ||
	    delivery_find(open_msg->delivery) != NULL) {
		link_fault(link, "bad OPEN");
		return;
	}
	if ((d = calloc(1, sizeof(*d))) == NULL ||
	    (d->rcpt = calloc(open_msg->nrcpt, sizeof(*d->rcpt))) == NULL) {
		free(d);
		log_warn("delivery");
		link_fault(link, "no memory");	/* the queue tries again */
		return;
	}
	if (conf_now()->forward)
		d->forward = forward_read(conf_now()->home, &d->forward_fault);
	d->open = *open_msg;
	d->granted = AGENT_WINDOW;
	d->stage.raw = (open_msg->flags & MAIL_BINARYMIME) != 0;
	TAILQ_INSERT_TAIL(&deliveries, d, entry);
	delivery_count++;
	evtimer_del(&idle_timer);
}

static void
on_queue_rcpt(struct link *link, struct link_in *in)
{
	const struct queue_agent_rcpt *msg = in->data;
	struct delivery *d;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (msg->n != d->nrcpt || d->nrcpt >= d->open.nrcpt) {
		link_fault(link, "bad RCPT");
		return;
	}
	rcpt_open(d, &d->rcpt[d->nrcpt], msg->recipient);
	d->nrcpt++;
	if (d->nrcpt == d->open.nrcpt && d->open.size == 0)
		delivery_complete(d);
}

static void
body_write(struct delivery *d, const char *data, size_t size)
{
	struct delivery_rcpt *rcpt;
	uint32_t i;

	loop_feed(&d->loop, data, size, rcpt_in_circle, d);
	if (is_staged(d) && stage_add(&d->stage, data, size) == -1)
		stage_fail(d);
	for (i = 0; i < d->nrcpt; i++) {
		rcpt = &d->rcpt[i];
		if (rcpt->file == NULL || maildir_write(rcpt->file, data, size,
		    &rcpt->outcome) == 0)
			continue;
		maildir_discard(rcpt->file);
		rcpt->file = NULL;
		rcpt->is_over = 1;
	}
}

static void
on_queue_body(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	size_t size = in->size - sizeof(*msg);
	struct delivery *d;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (d->nrcpt != d->open.nrcpt || size > d->granted - d->received ||
	    size > d->open.size - d->received) {
		link_fault(link, "bad BODY");
		return;
	}
	body_write(d, (const char *)(msg + 1), size);
	d->received += size;
	if (d->received == d->open.size)
		delivery_complete(d);
	else if (d->received == d->granted)
		grant_in_turn(d);
}

static void
on_queue_cancel(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	struct outcome outcome = { 0 };
	struct delivery *d;
	uint32_t i;

	(void)link;
	if ((d = delivery_find(msg->delivery)) == NULL || d->is_complete)
		return;
	outcome_set(&outcome, AGENT_TEMPFAIL, "4.3.0",
	    "Message cannot be read");
	for (i = 0; i < d->open.nrcpt; i++)
		result_send(d, i, &outcome);
	delivery_over(d);
}

static const struct link_rule queue_rules[] = {
	{ MSG_QUEUE_AGENT_OPEN, LINK_STATE_ANY, on_queue_open },
	{ MSG_QUEUE_AGENT_RCPT, LINK_STATE_ANY, on_queue_rcpt },
	{ MSG_QUEUE_AGENT_BODY, LINK_STATE_ANY, on_queue_body },
	{ MSG_QUEUE_AGENT_CANCEL, LINK_STATE_ANY, on_queue_cancel },
};

static void
on_queue_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (link != queue)
		return;
	/* Somebody up the stack may be using a delivery: wait. */
	queue = NULL;
	is_queue_gone = 1;
}

void
delivery_mailboxes(void)
{
	if (conf_now()->kind == DELIVER_MAILDIR)
		batch_maildir();
	else
		batch_mbox();
}

static void
finish(void)
{
	has_complete = 0;
	if (conf_now()->kind == DELIVER_COMMAND || conf_now()->forward)
		run_turn();
	if (conf_now()->kind != DELIVER_COMMAND)
		delivery_mailboxes();
}

void
delivery_turn(void)
{
	/* What has arrived by now shares the flush. */
	if (has_complete && conf_now()->kind != DELIVER_COMMAND)
		link_poll(queue);
	if (!is_queue_gone) {
		if (has_complete)
			finish();
		return;
	}
	while (!TAILQ_EMPTY(&deliveries))
		delivery_free(TAILQ_FIRST(&deliveries));
	proc_exit(0);
}

void
delivery_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = {
		.name = "queue", .rules = queue_rules,
		.nrules = sizeof(queue_rules) / sizeof(queue_rules[0]),
		.down = on_queue_down, .peer_id = peer_id,
	};

	(void)cookie;
	if (kind != PROC_QUEUE) {
		close(fd);
		return;
	}
	link_close(queue);
	while (!TAILQ_EMPTY(&deliveries))
		delivery_free(TAILQ_FIRST(&deliveries));
	if ((queue = link_new(fd, &end)) == NULL) {
		close(fd);
		fatal("link to queue");
	}
	link_set_buffer(queue, 256 * 1024);
	idle_start();
}

int
delivery_init(struct link *parent)
{
	(void)parent;
	evtimer_set(&idle_timer, on_idle, NULL);
	idle_start();
	return 0;
}

void
delivery_on_stop(void)
{
	if (TAILQ_EMPTY(&deliveries))
		proc_exit(0);
}
