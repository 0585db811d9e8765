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

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/command.h"
#include "proto/boot.h"
#include "proto/net_policy.h"

#include "delivery.h"
#include "delivery_impl.h"
#include "expand.h"
#include "forward.h"
#include "maildir.h"

#define IDLE_S		5
#define RCPT_MAX	1000	/* of one delivery */
#define DELIVERIES_MAX	256	/* in flight */
#define STAGED_MAX	(UINT64_C(64) << 20)	/* bytes of gathered bodies */

static struct delivery_list deliveries = TAILQ_HEAD_INITIALIZER(deliveries);
static struct parent_deliver_conf conf, conf_new;
static struct link *queue;
static struct delivery *large;	/* is gathered beyond the first window */
static uint64_t large_bytes;	/* of all that were or are */
static struct event idle_timer;
static unsigned int delivery_count;
static int root_fd = -1;
static int is_queue_gone;
static int has_complete;

const struct parent_deliver_conf *
delivery_conf(void)
{
	return &conf;
}

struct delivery_list *
delivery_all(void)
{
	return &deliveries;
}

int
delivery_root(struct outcome *outcome)
{
	const char *path = conf.forward ? conf.base : "/";

	if (root_fd == -1)
		root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd == -1)
		outcome_open(outcome, "open", -1, path);
	return root_fd;
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
	return conf.kind != DELIVER_MAILDIR || d->forward != NULL;
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
	while (forward_address(&list, conf.user, d->rcpt[n].recipient,
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

static int
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 1;
	return 0;
}

static void
rcpt_fail(struct delivery_rcpt *rcpt, int class, const char *status,
    const char *text)
{
	maildir_discard(rcpt->file);
	rcpt->file = NULL;
	outcome_set(&rcpt->outcome, class, status, text);
	rcpt->is_over = 1;
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
	d->is_ready = conf.kind != DELIVER_COMMAND && d->forward == NULL;
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
	if (conf.forward)
		d->forward = forward_read(conf.home, &d->forward_fault);
	d->open = *open_msg;
	d->granted = AGENT_WINDOW;
	d->stage.raw = (open_msg->flags & MAIL_BINARYMIME) != 0;
	TAILQ_INSERT_TAIL(&deliveries, d, entry);
	delivery_count++;
	evtimer_del(&idle_timer);
}

/* -1: it goes nowhere. */
static int
rcpt_forward(struct delivery *d, struct delivery_rcpt *rcpt)
{
	rcpt->keeps = 1;
	if (d->forward == NULL && d->forward_fault.class == AGENT_OK)
		return 0;
	rcpt->rest = d->forward;
	rcpt->outcome = d->forward_fault;
	if (d->forward != NULL && (rcpt->keeps = forward_check(d->forward,
	    conf.user, rcpt->recipient, &rcpt->outcome)) != -1)
		return 0;
	rcpt->is_over = 1;
	log_info(".forward of %s: %s", log_vis(rcpt->recipient),
	    log_text(rcpt->outcome.text));
	return -1;
}

static void
rcpt_open(struct delivery *d, struct delivery_rcpt *rcpt,
    const char *recipient)
{
	int dir_fd;

	strlcpy(rcpt->recipient, recipient, sizeof(rcpt->recipient));
	if (conf.forward && (rcpt_forward(d, rcpt) == -1 || !rcpt->keeps))
		return;
	if (conf.kind == DELIVER_DISCARD) {
		outcome_set(&rcpt->outcome, AGENT_OK, "2.0.0", "Discarded");
		rcpt->is_over = 1;
	}
	if (conf.kind == DELIVER_DISCARD || conf.kind == DELIVER_COMMAND)
		return;
	switch (expand_path(conf.path, recipient, conf.user, rcpt->path,
	    sizeof(rcpt->path))) {
	case 0:
		break;
	case EXPAND_BAD_ADDRESS:
		rcpt_fail(rcpt, AGENT_PERMFAIL, "5.1.3",
		    "Address cannot name a mailbox");
		return;
	default:
		rcpt_fail(rcpt, AGENT_TEMPFAIL, "4.3.5",
		    "Mailbox is configured wrongly");
		return;
	}
	if (conf.kind != DELIVER_MAILDIR)
		return;
	if ((dir_fd = delivery_root(&rcpt->outcome)) != -1)
		rcpt->file = maildir_open(dir_fd, rcpt->path, d->stage.raw,
		    d->open.sender, recipient, &rcpt->outcome);
	if (rcpt->file == NULL) {
		rcpt->is_over = 1;
		log_info("mailbox %s: %s", log_vis(rcpt->path),
		    rcpt->outcome.text);
	}
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
	/* policy's word, from the disk: such a message ends, not the link */
	if (has_control(d->open.sender) || has_control(msg->recipient))
		rcpt_fail(&d->rcpt[d->nrcpt], AGENT_PERMFAIL, "5.1.3",
		    "Address with a control character");
	else
		rcpt_open(d, &d->rcpt[d->nrcpt], msg->recipient);
	d->nrcpt++;
	if (d->nrcpt == d->open.nrcpt && d->open.size == 0)
		delivery_complete(d);
}

/* Its mailbox has had this message: something sends it round in a circle. */
static void
on_delivered_to(void *arg, const char *address)
{
	struct delivery *d = arg;
	struct delivery_rcpt *rcpt;
	uint32_t i;

	for (i = 0; i < d->nrcpt; i++) {
		rcpt = &d->rcpt[i];
		if (!rcpt->is_over && strcasecmp(rcpt->recipient, address) == 0)
			rcpt_fail(rcpt, AGENT_PERMFAIL, "5.4.6", "Mail loop: "
			    "Delivered-To names this recipient already");
	}
}

static void
body_write(struct delivery *d, const char *data, size_t size)
{
	struct delivery_rcpt *rcpt;
	uint32_t i;

	loop_feed(&d->loop, data, size, on_delivered_to, d);
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
	if (conf.kind == DELIVER_MAILDIR)
		batch_maildir();
	else
		batch_mbox();
}

static void
finish(void)
{
	has_complete = 0;
	if (conf.kind == DELIVER_COMMAND || conf.forward)
		run_turn();
	if (conf.kind != DELIVER_COMMAND)
		delivery_mailboxes();
}

void
delivery_turn(void)
{
	/* What has arrived by now shares the flush. */
	if (has_complete && conf.kind != DELIVER_COMMAND)
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

void
on_parent_deliver_conf(struct link *link, struct link_in *in)
{
	(void)link;
	memcpy(&conf_new, in->data, sizeof(conf_new));
}

void
delivery_conf_begin(void)
{
	memset(&conf_new, 0, sizeof(conf_new));
}

int
delivery_conf_end(void)
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
