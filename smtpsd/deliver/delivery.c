/*
 * Deliveries of one mailbox: takes OPEN, RCPT and BODY from the queue, has
 * maildir.c write one file per recipient while the body streams in, and
 * answers with RESULT for each and DONE.  Owns the list of deliveries and
 * the queue's link.  When that link goes down or nothing was asked for
 * IDLE_S seconds the process ends: the parent starts another when needed.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/net_policy.h"
#include "proto/parent_deliver.h"
#include "proto/queue_agent.h"

#include "delivery.h"
#include "loop.h"
#include "maildir.h"

#define IDLE_S		5
#define RCPT_MAX	1000	/* of one delivery */
#define DELIVERIES_MAX	256	/* in flight */

struct delivery_rcpt {
	struct maildir_file	*file;		/* NULL: failed */
	struct maildir_error	 error;
	char			 recipient[MAILADDR_SIZE];
};

struct delivery {
	TAILQ_ENTRY(delivery)	 entry;
	struct queue_agent_open	 open;
	uint64_t		 received;	/* bytes of body */
	uint64_t		 granted;	/* bytes the queue may send */
	uint32_t		 nrcpt;		/* so far */
	struct delivery_rcpt	*rcpt;
	struct loop		 loop;
};

static TAILQ_HEAD(, delivery) deliveries = TAILQ_HEAD_INITIALIZER(deliveries);
static struct parent_deliver_conf conf, conf_new;
static struct link *queue;
static struct event idle_timer;
static unsigned int delivery_count;
static int root_fd = -1;
static int is_queue_gone;

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

static void
delivery_free(struct delivery *d)
{
	uint32_t i;

	for (i = 0; i < d->nrcpt; i++)
		maildir_discard(d->rcpt[i].file);
	TAILQ_REMOVE(&deliveries, d, entry);
	delivery_count--;
	free(d->rcpt);
	free(d);
	idle_start();
	if (proc_is_stopping() && TAILQ_EMPTY(&deliveries))
		proc_exit(0);
}

static void
result_send(struct delivery *d, uint32_t n, int class, const char *status,
    const char *text)
{
	struct agent_queue_result result;

	memset(&result, 0, sizeof(result));
	result.delivery = d->open.delivery;
	result.n = n;
	result.class = (uint32_t)class;
	strlcpy(result.status, status, sizeof(result.status));
	strlcpy(result.text, text, sizeof(result.text));
	link_send(queue, MSG_AGENT_QUEUE_RESULT, &result, sizeof(result));
}

/* The body is complete: commit each file and tell. */
static void
delivery_finish(struct delivery *d)
{
	struct agent_delivery done = { d->open.delivery };
	struct delivery_rcpt *rcpt;
	struct maildir_file *file;
	uint32_t i;

	for (i = 0; i < d->nrcpt; i++) {
		rcpt = &d->rcpt[i];
		file = rcpt->file;
		rcpt->file = NULL;
		if (file != NULL && maildir_commit(file, &rcpt->error) == 0)
			result_send(d, i, AGENT_OK, "2.0.0", "Delivered");
		else
			result_send(d, i, rcpt->error.class,
			    rcpt->error.status, rcpt->error.text);
	}
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
on_queue_open(struct link *link, struct link_in *in)
{
	const struct queue_agent_open *open_msg = in->data;
	struct delivery *d;

	if (open_msg->nrcpt == 0 || open_msg->nrcpt > RCPT_MAX ||
	    delivery_count >= DELIVERIES_MAX ||
	    has_control(open_msg->sender) ||
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
	d->open = *open_msg;
	d->granted = AGENT_WINDOW;
	TAILQ_INSERT_TAIL(&deliveries, d, entry);
	delivery_count++;
	evtimer_del(&idle_timer);
}

static void
rcpt_open(struct delivery *d, struct delivery_rcpt *rcpt,
    const char *recipient)
{
	char path[PATHNAME_SIZE];

	strlcpy(rcpt->recipient, recipient, sizeof(rcpt->recipient));
	switch (maildir_expand(conf.path, recipient, conf.user, path,
	    sizeof(path))) {
	case 0:
		break;
	case MAILDIR_BAD_ADDRESS:
		rcpt->error.class = AGENT_PERMFAIL;
		strlcpy(rcpt->error.status, "5.1.3",
		    sizeof(rcpt->error.status));
		strlcpy(rcpt->error.text, "Address cannot name a mailbox",
		    sizeof(rcpt->error.text));
		return;
	default:
		rcpt->error.class = AGENT_TEMPFAIL;
		strlcpy(rcpt->error.status, "4.3.5",
		    sizeof(rcpt->error.status));
		strlcpy(rcpt->error.text, "Mailbox is configured wrongly",
		    sizeof(rcpt->error.text));
		return;
	}
	if (root_fd == -1)
		root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rcpt->file = maildir_open(root_fd, path, d->open.sender, recipient,
	    &rcpt->error);
	if (rcpt->file == NULL)
		log_info("mailbox %s: %s", log_vis(path), rcpt->error.text);
}

static void
on_queue_rcpt(struct link *link, struct link_in *in)
{
	const struct queue_agent_rcpt *msg = in->data;
	struct delivery *d;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (msg->n != d->nrcpt || d->nrcpt >= d->open.nrcpt ||
	    has_control(msg->recipient)) {
		link_fault(link, "bad RCPT");
		return;
	}
	rcpt_open(d, &d->rcpt[d->nrcpt], msg->recipient);
	d->nrcpt++;
	if (d->nrcpt == d->open.nrcpt && d->open.size == 0)
		delivery_finish(d);
}

static void
rcpt_write(struct delivery_rcpt *rcpt, const char *data, size_t size)
{
	if (rcpt->file == NULL ||
	    maildir_write(rcpt->file, data, size, &rcpt->error) == 0)
		return;
	maildir_discard(rcpt->file);
	rcpt->file = NULL;
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
		if (rcpt->file == NULL ||
		    strcasecmp(rcpt->recipient, address) != 0)
			continue;
		maildir_discard(rcpt->file);
		rcpt->file = NULL;
		rcpt->error.class = AGENT_PERMFAIL;
		strlcpy(rcpt->error.status, "5.4.6",
		    sizeof(rcpt->error.status));
		strlcpy(rcpt->error.text, "Mail loop: Delivered-To names this "
		    "recipient already", sizeof(rcpt->error.text));
	}
}

static void
on_queue_body(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	const char *data = (const char *)(msg + 1);
	size_t size = in->size - sizeof(*msg);
	struct delivery *d;
	uint32_t i;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (d->nrcpt != d->open.nrcpt || size > d->granted - d->received ||
	    size > d->open.size - d->received) {
		link_fault(link, "bad BODY");
		return;
	}
	loop_feed(&d->loop, data, size, on_delivered_to, d);
	for (i = 0; i < d->nrcpt; i++)
		rcpt_write(&d->rcpt[i], data, size);
	d->received += size;
	if (d->received == d->open.size)
		delivery_finish(d);
	else if (d->received == d->granted) {
		d->granted += AGENT_WINDOW;
		link_send(link, MSG_AGENT_QUEUE_MORE, msg, sizeof(*msg));
	}
}

static void
on_queue_cancel(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	struct delivery *d;
	uint32_t i;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	for (i = 0; i < d->open.nrcpt; i++)
		result_send(d, i, AGENT_TEMPFAIL, "4.3.0",
		    "Message cannot be read");
	link_send(link, MSG_AGENT_QUEUE_DONE, msg, sizeof(*msg));
	delivery_free(d);
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
delivery_turn(void)
{
	if (!is_queue_gone)
		return;
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

	if (maildir_expand(conf_new.path, "user@example.org", "user", path,
	    sizeof(path)) != 0)
		return -1;
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
