/*
 * The queue's side of queue_agent.h: starts jobs on relay and on deliver
 * processes within their limits, sends bodies window by window, collects
 * results.  State owned: links to relay processes, running jobs by delivery
 * id, number of deliver processes.  What the next hop said is data: cut,
 * made printable and stored, never parsed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/log.h"
#include "base/proc.h"
#include "conf.h"
#include "forward.h"
#include "lane.h"
#include "needs.h"
#include "mail/address.h"
#include "proto/control_any.h"
#include "proto/net_queue.h"
#include "proto/parent_queue.h"
#include "proto/queue_agent.h"
#include "result.h"
#include "schedule.h"
#include "store.h"

#define RELAY_RUNNING_MAX	512	/* jobs on all relay links */
#define DELIVER_MAX		64	/* processes at once */
#define DELIVER_IDLE_MS		5000
#define DELIVER_REQUEST_MS	60000
#define ONWARD_MAX		65536	/* in memory, about 500 bytes */
#define LINK_QUEUED_MAX		(16U << 20)	/* bytes not yet read by agent */
#define LINK_BUFFER		(1 << 20)
#define OF_ONE_KIND	(SCHEDULE_MAX / 4 * 3)	/* envelopes in lanes */

struct relay {
	TAILQ_ENTRY(relay) entry;
	struct link	*link;
	unsigned int	 nrunning;
};

RB_HEAD(job_tree, job);

static const char why_ended[] = "the delivery agent ended before the "
    "delivery";

static void	agent_drop_jobs(struct link *, int is_soon, const char *);

static struct store *store;
static TAILQ_HEAD(, relay) relays = TAILQ_HEAD_INITIALIZER(relays);
static struct job_tree running = RB_INITIALIZER(&running);
static unsigned int nrunning, nrelay, ndeliver, nready;
static unsigned int nheld[2];		/* envelopes in lanes: far, local */
static uint32_t nonward;		/* of all running jobs */
static uint64_t last_delivery, last_request;
static int is_stopped;
static uint32_t paused;			/* PAUSE_* */

static int
job_compare(struct job *a, struct job *b)
{
	return a->delivery < b->delivery ? -1 : a->delivery > b->delivery;
}
RB_PROTOTYPE(job_tree, job, running, job_compare)
RB_GENERATE(job_tree, job, running, job_compare)

void
agent_init(struct store *s)
{
	store = s;
}

unsigned int
agent_running(void)
{
	return nrunning;
}

unsigned int
agent_ready(void)
{
	return nready;
}

/* What tells the lanes of one action apart. */
static const char *
lane_key(const struct envelope *e)
{
	const char *domain;

	switch (conf_action(e->action)) {
	case QUEUE_LOCAL:
		return e->user;
	case QUEUE_MX:
		domain = address_domain(e->recipient);
		return domain == NULL ? "" : domain;
	default:
		return "";
	}
}

int
agent_is_same_way(const struct envelope *a, const struct envelope *b)
{
	return strcmp(a->action, b->action) == 0 &&
	    strcmp(lane_key(a), lane_key(b)) == 0;
}

/*
 * However many hosts do not answer, and if all of relay pauses, there is some
 * memory for mailboxes, and the other way round.
 */
int
agent_has_room(const struct envelope *e, unsigned int room)
{
	int way = conf_action(e->action);
	struct lane *lane;
	unsigned int n;

	if (way == -1)		/* no lane: over at once, or for policy */
		return room > 0;
	n = nheld[way == QUEUE_LOCAL];
	n = n < OF_ONE_KIND ? OF_ONE_KIND - n : 0;
	if (room > n)
		room = n;
	lane = lane_find(e->action, lane_key(e));
	return lane == NULL ? room > 0 : lane_has_room(lane, room);
}

void
agent_lane_name(const struct envelope *e, char name[AGENT_LANE_SIZE])
{
	snprintf(name, AGENT_LANE_SIZE, "%s %s", e->action, lane_key(e));
}

/* A deliver is let go: the parent sees to it that it ends. */
static void
deliver_leave(uint32_t proc_id, int ends)
{
	struct queue_parent_deliver_kill m;

	memset(&m, 0, sizeof(m));
	m.proc_id = proc_id;
	m.ends = ends != 0;
	link_send(proc_parent(), MSG_QUEUE_PARENT_DELIVER_KILL, &m, sizeof(m));
}

/* Give every recipient without a result this one; the job is over. */
static void
job_finish(struct job *job, uint32_t class, const char *status,
    const char *text)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++) {
		job->env[i]->is_running = 0;
		if (job->env[i]->result == NULL)
			/* no memory: no result is a temporary failure */
			envelope_result(job->env[i], class, status, "", text);
	}
	free(job->piece);
	job->piece = NULL;
	job->lane = NULL;
	job->link = NULL;
	result_add(job, proc_now_ms());
}

void
agent_add(struct job *job)
{
	const char *action = job->env[0]->action;
	int way = conf_action(action);

	if (action[0] == '\0') {
		forward_route(job);
		return;
	}
	if (way == -1) {
		job_finish(job, AGENT_TEMPFAIL, "4.3.5",
		    "the action is not in the configuration");
		return;
	}
	job->lane = lane_get(action, lane_key(job->env[0]), way);
	if (job->lane == NULL) {
		job_finish(job, AGENT_TEMPFAIL, "4.3.0", "out of memory");
		return;
	}
	TAILQ_INSERT_TAIL(&job->lane->ready, job, entry);
	job->lane->nready++;
	job->lane->nwaiting += job->nenv;
	nheld[job->lane->way == QUEUE_LOCAL] += job->nenv;
	nready++;
}

/* Out of the ready list of its lane. */
static void
job_unready(struct job *job)
{
	TAILQ_REMOVE(&job->lane->ready, job, entry);
	job->lane->nready--;
	job->lane->nwaiting -= job->nenv;
	nheld[job->lane->way == QUEUE_LOCAL] -= job->nenv;
	nready--;
}

static void
job_unrun(struct job *job)
{
	struct lane *lane = job->lane;
	struct relay *relay;

	RB_REMOVE(job_tree, &running, job);
	nrunning--;
	nheld[lane->way == QUEUE_LOCAL] -= job->nenv;
	lane->nrunning--;
	lane->nonward -= job->nonward;
	nonward -= job->nonward;
	job->nonward = 0;
	if (lane->way == QUEUE_LOCAL) {
		lane->since_ms = proc_now_ms();
		return;
	}
	nrelay--;
	TAILQ_FOREACH(relay, &relays, entry)
		if (relay->link == job->link)
			relay->nrunning--;
	lane_free_if_unused(lane);
}

/* Have the next bytes of the body at hand.  -1, 1 as the store says. */
static int
job_read_piece(struct job *job)
{
	int r;

	if (job->piece_used < job->piece_size)
		return 0;
	free(job->piece);
	job->piece = NULL;
	job->piece_used = job->piece_size = 0;
	if ((r = store_read_body(store, job->message, job->piece_n, job->sent,
	    &job->piece, &job->piece_size)) == 0)
		job->piece_n++;
	return r;
}

/* Send one window of the body.  -1: it cannot be read; 1: it is damaged. */
static int
job_send_window(struct job *job)
{
	struct agent_delivery head = { .delivery = job->delivery };
	struct message *m = job->message;
	uint64_t end = job->sent + AGENT_WINDOW;
	const char *data;
	size_t n;
	int r;

	if (end > m->size)
		end = m->size;
	for (; job->sent < end; job->sent += n) {
		n = end - job->sent;
		if (m->body != NULL)
			data = m->body + job->sent;
		else {
			if ((r = job_read_piece(job)) != 0)
				return r;
			data = job->piece + job->piece_used;
			if (n > job->piece_size - job->piece_used)
				n = job->piece_size - job->piece_used;
		}
		if (n > BODY_PIECE_MAX)
			n = BODY_PIECE_MAX;
		link_send_tail(job->link, MSG_QUEUE_AGENT_BODY, &head,
		    sizeof(head), data, n);
		if (m->body == NULL)
			job->piece_used += n;
	}
	return 0;
}

/* A damaged one would be so next time: it waits for the administrator. */
static void
job_cancel(struct job *job, int is_damaged)
{
	struct agent_delivery head = { .delivery = job->delivery };
	uint32_t i;

	log_warnx("message=%013" PRIx64 " %s", job->message->id, is_damaged ?
	    "body is damaged: quarantined" : "body cannot be read");
	for (i = 0; i < job->nenv; i++)
		job->env[i]->is_damaged = is_damaged &&
		    job->env[i]->result == NULL;
	link_send(job->link, MSG_QUEUE_AGENT_CANCEL, &head, sizeof(head));
	job_unrun(job);
	job_finish(job, AGENT_TEMPFAIL, "4.3.0", is_damaged ?
	    "the message is damaged in the queue" :
	    "the message cannot be read from the queue");
}

/* The message's needs, with what can be had of its header. */
static uint32_t
job_flags(struct job *job)
{
	const struct message *m = job->message;

	if (!(m->flags & MAIL_SMTPUTF8))
		return m->flags;
	if (m->body != NULL)
		return needs_flags(m, job->env, job->nenv, m->body, m->size);
	return job_read_piece(job) != 0 ? m->flags : needs_flags(m, job->env,
	    job->nenv, job->piece, job->piece_size);
}

static void
job_send(struct job *job)
{
	struct queue_agent_open open;
	struct queue_agent_rcpt rcpt;
	struct message *m = job->message;
	uint32_t i;
	int r;

	memset(&open, 0, sizeof(open));
	open.delivery = job->delivery;
	open.message = m->id;
	open.size = m->size;
	open.nrcpt = job->nenv;
	open.flags = job_flags(job);
	strlcpy(open.action, job->lane->action, sizeof(open.action));
	strlcpy(open.sender, m->sender, sizeof(open.sender));
	link_send_tail(job->link, MSG_QUEUE_AGENT_OPEN, &open, sizeof(open),
	    m->envid, strlen(m->envid));
	for (i = 0; i < job->nenv; i++) {
		memset(&rcpt, 0, sizeof(rcpt));
		rcpt.delivery = job->delivery;
		rcpt.n = i;
		strlcpy(rcpt.recipient, job->env[i]->recipient,
		    sizeof(rcpt.recipient));
		strlcpy(rcpt.original, job->env[i]->original,
		    sizeof(rcpt.original));
		rcpt.notify = job->env[i]->notify;
		link_send_tail(job->link, MSG_QUEUE_AGENT_RCPT, &rcpt,
		    sizeof(rcpt), job->env[i]->orcpt, job->env[i]->orcpt ==
		    NULL ? 0 : strlen(job->env[i]->orcpt));
		job->env[i]->is_running = 1;
	}
	if ((r = job_send_window(job)) != 0)
		job_cancel(job, r == 1);
}

/* The first ready job of a lane goes to an agent. */
static void
lane_start_job(struct lane *lane, struct link *link)
{
	struct job *job = TAILQ_FIRST(&lane->ready);

	job_unready(job);
	job->link = link;
	job->delivery = ++last_delivery;
	RB_INSERT(job_tree, &running, job);
	nrunning++;
	nheld[lane->way == QUEUE_LOCAL] += job->nenv;
	if (lane->nrunning++ == 0)
		lane->since_ms = proc_now_ms();
	job_send(job);
}

static struct relay *
relay_least_busy(void)
{
	struct relay *relay, *best = NULL;

	TAILQ_FOREACH(relay, &relays, entry)
		if (best == NULL || relay->nrunning < best->nrunning)
			best = relay;
	return best;
}

/*
 * Half of what is left, at most: hosts that take mail and never answer must
 * leave some for one that does.
 */
static int
lane_may_run(const struct lane *lane)
{
	const unsigned int max = lane->way == QUEUE_MX ? LANE_MX_RUNNING_MAX :
	    LANE_RELAY_RUNNING_MAX;

	return lane->nrunning < max && nrelay < RELAY_RUNNING_MAX &&
	    lane->nrunning <= (RELAY_RUNNING_MAX - nrelay) / 2;
}

static void
lane_turn_relay(struct lane *lane)
{
	struct relay *relay;

	if (lane->nready > 0 && nrelay < RELAY_RUNNING_MAX)
		lane_to_tail(lane);
	/* the last job may free the lane */
	while (lane->nready > 0 && lane_may_run(lane) &&
	    (paused & PAUSE_MTA) == 0 &&
	    (relay = relay_least_busy()) != NULL) {
		int is_last = lane->nready == 1;

		nrelay++;
		relay->nrunning++;
		lane_start_job(lane, relay->link);
		if (is_last)
			break;
	}
}

static void
lane_request_deliver(struct lane *lane, uint64_t now_ms)
{
	struct queue_parent_deliver d;

	memset(&d, 0, sizeof(d));
	lane->request = d.id = ++last_request;
	lane->since_ms = now_ms;
	ndeliver++;
	strlcpy(d.action, lane->action, sizeof(d.action));
	strlcpy(d.user, lane->key, sizeof(d.user));
	link_send(proc_parent(), MSG_QUEUE_PARENT_DELIVER, &d, sizeof(d));
}

/*
 * A user can stop his own deliver process, and a disk can hang: it must not
 * hold its place for ever.
 */
static int
lane_is_stuck(const struct lane *lane, uint64_t now_ms)
{
	uint64_t stuck_ms = conf_stuck_ms(lane->action);

	return stuck_ms != 0 && now_ms > lane->since_ms &&
	    now_ms - lane->since_ms > stuck_ms;
}

static void
lane_give_up(struct lane *lane)
{
	struct link *link = lane->link;

	log_warnx("deliver does nothing: user=%s action=%s",
	    log_vis(lane->key), log_vis(lane->action));
	deliver_leave(link_peer_id(link), 0);
	agent_drop_jobs(link, 0, "the delivery took too long");
	link_close(link);
	lane->link = NULL;
	ndeliver--;
	lane_free_if_unused(lane);
}

static void
lane_turn_local(struct lane *lane, uint64_t now_ms)
{
	if (lane->link == NULL) {
		if (lane->request != 0) {
			if (now_ms - lane->since_ms < DELIVER_REQUEST_MS)
				return;
			ndeliver--;
			lane->request = 0;
		}
		if (lane->nready > 0 && ndeliver < DELIVER_MAX && !is_stopped &&
		    (paused & PAUSE_MDA) == 0)
			lane_request_deliver(lane, now_ms);
		else
			lane_free_if_unused(lane);
		return;
	}
	while (lane->nready > 0 && lane->nrunning < LANE_LOCAL_RUNNING_MAX &&
	    !is_stopped && (paused & PAUSE_MDA) == 0)
		lane_start_job(lane, lane->link);
	if (lane->nrunning > 0 && lane_is_stuck(lane, now_ms)) {
		lane_give_up(lane);
		return;
	}
	if (lane->nready > 0 || lane->nrunning > 0)
		return;
	if (now_ms - lane->since_ms < DELIVER_IDLE_MS &&
	    ndeliver < DELIVER_MAX && !is_stopped)
		return;
	deliver_leave(link_peer_id(lane->link), 1);
	link_close(lane->link);
	lane->link = NULL;
	ndeliver--;
	lane_free_if_unused(lane);
}

void
agent_turn(uint64_t now_ms)
{
	struct lane *lane, *next, *last = TAILQ_LAST(lane_all(), lane_list);

	/* Those that had a turn go behind the last one. */
	for (lane = TAILQ_FIRST(lane_all()); lane != NULL; lane = next) {
		next = lane == last ? NULL : TAILQ_NEXT(lane, entry);
		if (lane->way == QUEUE_LOCAL)
			lane_turn_local(lane, now_ms);
		else if (!is_stopped)
			lane_turn_relay(lane);
	}
}

void
agent_withdraw(void)
{
	struct lane *lane, *next;
	struct job *job;

	TAILQ_FOREACH_SAFE(lane, lane_all(), entry, next) {
		while ((job = TAILQ_FIRST(&lane->ready)) != NULL) {
			job_unready(job);
			schedule_release(job);
		}
		lane_free_if_unused(lane);
	}
}

void
agent_pause(uint32_t kinds, int is_paused)
{
	paused = is_paused ? paused | kinds : paused & ~kinds;
}

uint32_t
agent_paused(void)
{
	return paused;
}

void
agent_stop(void)
{
	is_stopped = 1;
}

/* The job an agent speaks of; NULL if it is over or another agent's. */
static struct job *
job_of(struct link *link, uint64_t delivery)
{
	struct job key, *job;

	key.delivery = delivery;
	job = RB_FIND(job_tree, &running, &key);
	return job != NULL && job->link == link ? job : NULL;
}

static void
on_agent_more(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct job *job = job_of(link, d->delivery);
	int r;

	if (job == NULL || job->sent == job->message->size)
		return;
	job->lane->since_ms = proc_now_ms();
	if (link_queued(link) > LINK_QUEUED_MAX) {
		link_fault(link, "MORE without reading");
		return;
	}
	if ((r = job_send_window(job)) != 0)
		job_cancel(job, r == 1);
}

static void
make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

/* RFC 3463 2: class of one digit, subject and detail of up to three. */
static int
is_status(const char *s, uint32_t class)
{
	static const char digits[] = { '?', '2', '4', '5', '2', '2',
	    '4' };
	size_t n;
	int i;

	if (s[0] != digits[class] || s[1] != '.')
		return 0;
	for (s += 2, i = 0; i < 2; i++) {
		n = strspn(s, "0123456789");
		if (n < 1 || n > 3 || s[n] != (i == 0 ? '.' : '\0'))
			return 0;
		s += n + 1;
	}
	return 1;
}

static void
on_agent_result(struct link *link, struct link_in *in)
{
	static const char *const plain[] = { "", "2.0.0", "4.0.0", "5.0.0",
	    "2.0.0", "2.0.0", "4.5.3" };
	struct agent_queue_result r;
	struct job *job;

	memcpy(&r, in->data, sizeof(r));
	if ((job = job_of(link, r.delivery)) == NULL)
		return;
	if (r.n >= job->nenv || job->env[r.n]->result != NULL ||
	    r.class < AGENT_OK || r.class > AGENT_AGAIN) {
		link_fault(link, "RESULT out of place");
		return;
	}
	job->lane->since_ms = proc_now_ms();
	if (r.class == AGENT_OK && job->env[r.n]->is_short) {
		envelope_result(job->env[r.n], AGENT_TEMPFAIL, "4.3.1", "",
		    "too much is being sent on");
		return;
	}
	make_printable(r.text);
	make_printable(r.remote);
	envelope_result(job->env[r.n], r.class, is_status(r.status, r.class) ?
	    r.status : plain[r.class], r.remote, r.text);
}

/*
 * A user's word about where his mail goes.  One lane may hold as much as is
 * left for all others.
 */
static void
on_agent_forward(struct link *link, struct link_in *in)
{
	const struct agent_queue_forward *f = in->data;
	struct job *job = job_of(link, f->delivery);
	struct envelope *e;

	if (job == NULL)
		return;
	if (f->n >= job->nenv || job->env[f->n]->result != NULL ||
	    !conf_forwards(job->lane->action) ||
	    job->env[f->n]->nonward >= FORWARDS_MAX) {
		link_fault(link, "FORWARD out of place");
		return;
	}
	e = job->env[f->n];
	if (job->lane->nonward >= ONWARD_MAX - nonward) {
		e->is_short = 1;
		return;
	}
	switch (forward_add(e, f->address)) {
	case 0:
		job->nonward++;
		job->lane->nonward++;
		nonward++;
		break;
	case 1:
		link_fault(link, "FORWARD to what is no address");
		break;
	default:
		e->is_short = 1;
	}
}

static void
on_agent_done(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct job *job = job_of(link, d->delivery);

	if (job == NULL)
		return;
	job_unrun(job);
	job_finish(job, AGENT_TEMPFAIL, "4.3.0", "the agent gave no result");
}

static const struct link_rule agent_rules[] = {
	{ MSG_AGENT_QUEUE_MORE, LINK_STATE_ANY, on_agent_more },
	{ MSG_AGENT_QUEUE_RESULT, LINK_STATE_ANY, on_agent_result },
	{ MSG_AGENT_QUEUE_DONE, LINK_STATE_ANY, on_agent_done },
	{ MSG_AGENT_QUEUE_FORWARD, LINK_STATE_ANY, on_agent_forward },
};

/* All jobs of an agent end; is_soon: without fault of theirs. */
static void
agent_drop_jobs(struct link *link, int is_soon, const char *text)
{
	struct job *job, *next;

	RB_FOREACH_SAFE(job, job_tree, &running, next) {
		if (job->link != link)
			continue;
		job->is_soon = is_soon;
		job_unrun(job);
		job_finish(job, AGENT_TEMPFAIL, "4.3.0", text);
	}
}

static void
relay_down(struct link *link, const char *why)
{
	struct relay *relay;

	log_info("relay link down: %s", why != NULL ? why : "closed");
	agent_drop_jobs(link, 1, why_ended);
	TAILQ_FOREACH(relay, &relays, entry)
		if (relay->link == link)
			break;
	if (relay != NULL) {
		TAILQ_REMOVE(&relays, relay, entry);
		free(relay);
	}
}

static void
deliver_down(struct link *link, const char *why)
{
	struct lane *lane = link_arg(link);

	if (why != NULL || lane->nrunning > 0)
		log_warnx("deliver link down: user=%s %s",
		    log_vis(lane->key), why != NULL ? why : "closed");
	deliver_leave(link_peer_id(link), 1);
	agent_drop_jobs(link, 1, why_ended);
	lane->link = NULL;
	ndeliver--;
	lane_free_if_unused(lane);
}

void
agent_relay_link(uint32_t peer_id, int fd)
{
	struct link_end end = { .name = "relay", .rules = agent_rules,
	    .nrules = sizeof(agent_rules) / sizeof(agent_rules[0]),
	    .down = relay_down, .peer_id = peer_id };
	struct relay *relay;

	if ((relay = calloc(1, sizeof(*relay))) == NULL ||
	    (relay->link = link_new(fd, &end)) == NULL)
		fatal("relay link");
	link_set_buffer(relay->link, LINK_BUFFER);
	TAILQ_INSERT_TAIL(&relays, relay, entry);
}

void
agent_deliver_link(uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = { .name = "deliver", .rules = agent_rules,
	    .nrules = sizeof(agent_rules) / sizeof(agent_rules[0]),
	    .down = deliver_down, .peer_id = peer_id };
	struct lane *lane = lane_by_request(cookie);

	if (lane == NULL) {
		/* asked for too long ago; without a link it ends */
		deliver_leave(peer_id, 1);
		close(fd);
		return;
	}
	end.arg = lane;
	lane->request = 0;
	if ((lane->link = link_new(fd, &end)) == NULL) {
		log_warn("deliver link");
		deliver_leave(peer_id, 1);
		close(fd);
		ndeliver--;
		return;
	}
	lane->since_ms = proc_now_ms();
	link_set_buffer(lane->link, LINK_BUFFER);
}

void
on_parent_deliver_failed(struct link *link, struct link_in *in)
{
	struct parent_queue_deliver_failed f;
	struct lane *lane;
	struct job *job;

	(void)link;
	memcpy(&f, in->data, sizeof(f));
	if ((lane = lane_by_request(f.id)) == NULL)
		return;
	make_printable(f.text);
	lane->request = 0;
	ndeliver--;
	while ((job = TAILQ_FIRST(&lane->ready)) != NULL) {
		job_unready(job);
		job_finish(job, f.is_permanent ? AGENT_PERMFAIL :
		    AGENT_TEMPFAIL, f.is_permanent ? "5.1.1" : "4.3.0",
		    f.text);
	}
	lane_free_if_unused(lane);
}
