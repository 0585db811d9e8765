/*
 * The queue's link.  A delivery is complete enough to be sent when all its
 * recipients are known; its body follows in windows while it is sent.  Each
 * delivery ends with exactly one DONE, or with the link.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"

#include "client.h"
#include "delivery.h"
#include "destination.h"

#define HASH_SIZE	1024
#define RCPT_MAX	1000
#define DELIVERIES_MAX	20000
#define LINK_BUFFER	(1 << 20)

static LIST_HEAD(, delivery) hash[HASH_SIZE];
static struct link *queue;
static uint64_t ndeliveries, nok, nfailed;
static int is_drop_due;
static uint64_t told_ms;		/* when ALIVE was said last */

static struct delivery *
delivery_find(uint64_t id)
{
	struct delivery *d;

	LIST_FOREACH(d, &hash[id % HASH_SIZE], hashed)
		if (d->id == id)
			return d;
	return NULL;
}

static void
delivery_free(struct delivery *d)
{
	uint32_t i;

	LIST_REMOVE(d, hashed);
	ndeliveries--;
	for (i = 0; i < d->nrcpt; i++)
		free(d->rcpt[i].orcpt);
	free(d->rcpt);
	free(d->body);
	free(d);
}

uint64_t
delivery_count(void)
{
	return ndeliveries;
}

uint64_t
delivery_count_ok(void)
{
	return nok;
}

uint64_t
delivery_count_failed(void)
{
	return nfailed;
}

size_t
delivery_body(const struct delivery *d, const char **data)
{
	*data = d->body + d->body_start;
	return d->body_used - d->body_start;
}

void
delivery_take(struct delivery *d, size_t size)
{
	struct agent_delivery more = { d->id };

	d->body_start += size;
	d->taken += size;
	if (d->body_start == d->body_used)
		d->body_start = d->body_used = 0;
	if (d->granted < d->size && d->granted - d->taken <= AGENT_WINDOW / 2) {
		d->granted += AGENT_WINDOW;
		link_send(queue, MSG_AGENT_QUEUE_MORE, &more, sizeof(more));
	}
}

void
delivery_result(struct delivery *d, uint32_t n, int class, const char *status,
    const char *remote, const char *text)
{
	static struct agent_queue_result result;

	if (d->rcpt[n].is_done)
		return;
	d->rcpt[n].is_done = 1;
	if (class == AGENT_TEMPFAIL || class == AGENT_PERMFAIL)
		nfailed++;
	else if (class != AGENT_AGAIN)
		nok++;
	memset(&result, 0, sizeof(result));
	result.delivery = d->id;
	result.n = n;
	result.class = (uint32_t)class;
	strlcpy(result.status, status, sizeof(result.status));
	strlcpy(result.remote, remote, sizeof(result.remote));
	strlcpy(result.text, text, sizeof(result.text));
	link_send(queue, MSG_AGENT_QUEUE_RESULT, &result, sizeof(result));
}

void
delivery_result_rest(struct delivery *d, int class, const char *status,
    const char *remote, const char *text)
{
	uint32_t n;

	for (n = 0; n < d->nrcpt; n++)
		delivery_result(d, n, class, status, remote, text);
}

uint32_t
delivery_rcpt_next(const struct delivery *d, uint32_t n)
{
	while (n < d->nrcpt && d->rcpt[n].is_done)
		n++;
	return n;
}

void
delivery_done(struct delivery *d)
{
	struct agent_delivery done = { d->id };

	link_send(queue, MSG_AGENT_QUEUE_DONE, &done, sizeof(done));
	delivery_free(d);
}

/*
 * An address that could break out of its command is tried nowhere.  Policy or
 * the disk may have made it: no fault of the queue, which would be replaced
 * for it and come with the same again.
 */
static void
begin(struct delivery *d)
{
	if (!d->has_control) {
		destination_add(d);
		return;
	}
	delivery_result_rest(d, AGENT_PERMFAIL, "5.1.3", "",
	    "an address of the envelope is none");
	delivery_done(d);
}

static void
on_queue_open(struct link *link, struct link_in *in)
{
	const struct queue_agent_open *msg = in->data;
	size_t envid_size = in->size - sizeof(*msg);
	struct delivery *d;

	if (msg->nrcpt == 0 || msg->nrcpt > RCPT_MAX ||
	    envid_size > ENVID_MAX ||
	    delivery_find(msg->delivery) != NULL) {
		link_fault(link, "bad OPEN");
		return;
	}
	if (ndeliveries >= DELIVERIES_MAX) {
		link_fault(link, "too many deliveries");
		return;
	}
	/* No fault of the queue: it gets a new relay and tries again. */
	if ((d = calloc(1, sizeof(*d))) == NULL ||
	    (d->rcpt = calloc(msg->nrcpt, sizeof(*d->rcpt))) == NULL)
		fatal("delivery");
	d->id = msg->delivery;
	d->size = msg->size;
	d->granted = AGENT_WINDOW;
	d->nrcpt = msg->nrcpt;
	d->flags = msg->flags;
	strlcpy(d->action, msg->action, sizeof(d->action));
	strlcpy(d->sender, msg->sender, sizeof(d->sender));
	d->has_control = address_has_control(msg->sender);
	memcpy(d->envid, msg + 1, envid_size);
	LIST_INSERT_HEAD(&hash[d->id % HASH_SIZE], d, hashed);
	ndeliveries++;
}

static void
on_queue_rcpt(struct link *link, struct link_in *in)
{
	const struct queue_agent_rcpt *msg = in->data;
	size_t orcpt_size = in->size - sizeof(*msg);
	struct delivery *d;
	struct rcpt *rcpt;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (d->nrcpt_known >= d->nrcpt || msg->n != d->nrcpt_known) {
		link_fault(link, "bad RCPT");
		return;
	}
	rcpt = &d->rcpt[msg->n];
	if (orcpt_size > 0 && (rcpt->orcpt = strndup((const char *)(msg + 1),
	    orcpt_size)) == NULL)
		fatal("recipient");
	rcpt->notify = msg->notify;
	strlcpy(rcpt->recipient, msg->recipient, sizeof(rcpt->recipient));
	d->has_control |= address_has_control(msg->recipient);
	if (++d->nrcpt_known == d->nrcpt)
		begin(d);
}

static int
body_append(struct delivery *d, const char *data, size_t size)
{
	char *bigger;
	size_t want;

	if (d->body_size - d->body_used < size && d->body_start > 0) {
		memmove(d->body, d->body + d->body_start,
		    d->body_used - d->body_start);
		d->body_used -= d->body_start;
		d->body_start = 0;
	}
	if (d->body_size - d->body_used < size) {
		want = d->body_used + size;
		if (d->size > want)
			want = d->size < 2 * AGENT_WINDOW ? d->size :
			    2 * AGENT_WINDOW;
		if ((bigger = realloc(d->body, want)) == NULL)
			return -1;
		d->body = bigger;
		d->body_size = want;
	}
	memcpy(d->body + d->body_used, data, size);
	d->body_used += size;
	return 0;
}

static void
on_queue_body(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	size_t size = in->size - sizeof(*msg);
	struct delivery *d;

	if ((d = delivery_find(msg->delivery)) == NULL)
		return;		/* failed before its body had come */
	if (d->nrcpt_known != d->nrcpt || size > d->granted - d->received ||
	    size > d->size - d->received) {
		link_fault(link, "bad BODY");
		return;
	}
	d->received += size;
	if (body_append(d, (const char *)(msg + 1), size) == -1)
		fatal("body");
	if (d->client != NULL)
		client_body(d->client);
}

static void
on_queue_cancel(struct link *link, struct link_in *in)
{
	const struct agent_delivery *msg = in->data;
	struct delivery *d;

	(void)link;
	if ((d = delivery_find(msg->delivery)) == NULL)
		return;
	if (d->client != NULL)
		client_forget(d->client, d);
	else if (d->is_waiting)
		destination_forget(d);
	delivery_result_rest(d, AGENT_TEMPFAIL, "4.3.0", "",
	    "Message cannot be read");
	delivery_done(d);
}

static const struct link_rule queue_rules[] = {
	{ MSG_QUEUE_AGENT_OPEN, LINK_STATE_ANY, on_queue_open },
	{ MSG_QUEUE_AGENT_RCPT, LINK_STATE_ANY, on_queue_rcpt },
	{ MSG_QUEUE_AGENT_BODY, LINK_STATE_ANY, on_queue_body },
	{ MSG_QUEUE_AGENT_CANCEL, LINK_STATE_ANY, on_queue_cancel },
};

/* Everything in flight belongs to a queue that is gone. */
static void
deliveries_drop(void)
{
	struct delivery *d;
	int i;

	is_drop_due = 0;
	for (i = 0; i < HASH_SIZE; i++)
		while ((d = LIST_FIRST(&hash[i])) != NULL) {
			if (d->client != NULL)
				client_forget(d->client, d);
			else if (d->is_waiting)
				destination_forget(d);
			delivery_free(d);
		}
}

static void
on_queue_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (link != queue)
		return;
	/* Somebody up the stack may be using a delivery: wait. */
	queue = NULL;
	is_drop_due = 1;
}

/*
 * Whatever waits or is being sent ends by the limits of destination.c and
 * client.c; one that neither of them has would never, and nothing is said of
 * it.
 */
static void
deliveries_tell(void)
{
	struct agent_delivery alive;
	struct delivery *d;
	int i;

	for (i = 0; i < HASH_SIZE; i++)
		LIST_FOREACH(d, &hash[i], hashed) {
			if (d->client == NULL && !d->is_waiting)
				continue;
			alive.delivery = d->id;
			link_send(queue, MSG_AGENT_QUEUE_ALIVE, &alive,
			    sizeof(alive));
		}
}

void
delivery_turn(void)
{
	if (is_drop_due)
		deliveries_drop();
	if (proc_now_ms() - told_ms < AGENT_ALIVE_MS)
		return;
	told_ms = proc_now_ms();
	deliveries_tell();
}

void
delivery_on_link(uint32_t peer_id, int fd)
{
	struct link_end end = {
		.name = "queue", .rules = queue_rules,
		.nrules = sizeof(queue_rules) / sizeof(queue_rules[0]),
		.down = on_queue_down, .peer_id = peer_id,
	};

	link_close(queue);
	deliveries_drop();
	if ((queue = link_new(fd, &end)) == NULL) {
		log_warn("link to queue");
		close(fd);
		return;
	}
	link_set_buffer(queue, LINK_BUFFER);
}
