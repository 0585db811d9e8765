/*
 * The rest of the queue as the agents see it, and relays and delivers that say
 * what a test has them say.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf.h"
#include "forward.h"
#include "proto/queue_agent.h"
#include "result.h"
#include "schedule.h"
#include "testagent.h"

unsigned int nreleased, nresults, nsoon, nwarnings;
char last_text[TEXT_SIZE];
int has_forward;
uint32_t accused;
uint64_t now_ms = 5000000;

int
conf_action(const char *name)
{
	return strcmp(name, "far") == 0 ? QUEUE_MX : strcmp(name, "local") ==
	    0 ? QUEUE_LOCAL : -1;
}

int
conf_forwards(const char *name)
{
	return has_forward && strcmp(name, "local") == 0;
}

uint64_t
conf_stuck_ms(const char *name)
{
	(void)name;
	return 0;
}

int
forward_add(struct envelope *e, const char *address)
{
	(void)e;
	(void)address;
	return 1;
}

void
forward_route(struct job *job)
{
	(void)job;
}

void
schedule_release(struct job *job)
{
	uint32_t i;

	nreleased += job->nenv;
	for (i = 0; i < job->nenv; i++)
		envelope_free(job->env[i]);
	message_unref(job->message);
	free(job);
}

void
result_add(struct job *job, uint64_t ms)
{
	(void)ms;
	nresults++;
	nwarnings += job->is_warning;
	strlcpy(last_text, job->env[0]->result == NULL ? "" :
	    job->env[0]->result->text, sizeof(last_text));
	nsoon += job->is_soon && job->env[0]->result != NULL &&
	    job->env[0]->result->class == AGENT_TEMPFAIL;
	schedule_release(job);
}

struct envelope *
make_envelope(const char *action, unsigned int i)
{
	struct envelope *e = envelope_new();

	strlcpy(e->action, action, sizeof(e->action));
	snprintf(e->user, sizeof(e->user), "u%u", i);
	snprintf(e->recipient, sizeof(e->recipient), "a@d%u.example", i);
	return e;
}

/* As the schedule does, while there is room.  How many. */
unsigned int
fill_lanes(const char *action, unsigned int n, int is_one_lane)
{
	struct envelope *e;
	struct job *job;
	unsigned int i;

	for (i = 0; n + i < SCHEDULE_MAX; i++) {
		e = make_envelope(action, is_one_lane ? 0 : i + 1);
		if (!agent_has_room(e, SCHEDULE_MAX - n - i)) {
			envelope_free(e);
			break;
		}
		job = calloc(1, sizeof(*job) + sizeof(job->env[0]));
		job->message = message_new();
		job->env[0] = e;
		job->nenv = 1;
		agent_add(job);
	}
	return i;
}

void
on_broken(uint32_t peer_id)
{
	accused = peer_id;
}

static void
on_open(struct link *link, struct link_in *in)
{
	const struct queue_agent_open *open = in->data;
	struct peer *p = link_arg(link);

	p->nopen++;
	p->last = open->delivery;
	if (p->first == 0)
		p->first = p->last;
	if (p->n < 16)
		p->delivery[p->n++] = open->delivery;
}

static void
on_rcpt(struct link *link, struct link_in *in)
{
	const struct queue_agent_rcpt *r = in->data;
	struct peer *p = link_arg(link);

	if (strncmp(r->recipient, "a@d", 3) != 0 || r->recipient[4] != '.')
		p->has_other = 1;
}

static void
on_body(struct link *link, struct link_in *in)
{
	const struct agent_delivery *d = in->data;
	struct peer *p = link_arg(link);

	if (d->delivery != p->delivery[0])
		return;
	p->nbody += in->size - sizeof(*d);
	if (p->is_asking && p->nbody % AGENT_WINDOW == 0)
		link_send(link, MSG_AGENT_QUEUE_MORE, d, sizeof(*d));
}

static void
on_peer_down(struct link *link, const char *why)
{
	struct peer *p = link_arg(link);

	(void)why;
	p->link = NULL;
}

/* For the lane's request, or a relay. */
void
peer_start(struct peer *p, uint32_t id, const struct lane *lane)
{
	static const struct link_rule rules[] = {
		{ MSG_QUEUE_AGENT_OPEN, LINK_STATE_ANY, on_open },
		{ MSG_QUEUE_AGENT_RCPT, LINK_STATE_ANY, on_rcpt },
		{ MSG_QUEUE_AGENT_BODY, LINK_STATE_ANY, on_body },
	};
	struct link_end end = { .name = "queue", .rules = rules, .nrules = 3,
	    .down = on_peer_down, .arg = p };
	int fd[2];

	memset(p, 0, sizeof(*p));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (p->link = link_new(fd[1], &end)) == NULL)
		fatal("peer");
	if (lane != NULL)
		agent_deliver_link(id, lane->request, fd[0]);
	else
		agent_relay_link(id, fd[0]);
}

void
peer_say(struct peer *p, unsigned int n, uint32_t type)
{
	struct agent_delivery d = { p->delivery[n] };

	link_send(p->link, type, &d, sizeof(d));
}

/* Turns of a second; what was sent before it arrives in each. */
void
pass_turns(unsigned int seconds)
{
	while (seconds-- > 0) {
		link_flush_all();
		event_loop(EVLOOP_NONBLOCK);
		now_ms += 1000;
		agent_turn(now_ms);
	}
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
}

void
add_big_job(const char *action, unsigned int i, size_t size, unsigned int n)
{
	struct job *job = calloc(1, sizeof(*job) + n * sizeof(job->env[0]));

	job->message = message_new();
	job->message->body = calloc(1, size);
	job->message->size = size;
	while (job->nenv < n)
		job->env[job->nenv++] = make_envelope(action, i);
	agent_add(job);
}

void
add_job(const char *action, unsigned int i)
{
	add_big_job(action, i, 6, 1);
}

/* One job for each of n domains. */
void
add_far_jobs(unsigned int from, unsigned int n)
{
	for (; n > 0; n--)
		add_job("far", from + n);
}

void
alive_for(struct peer *p, unsigned int ms)
{
	unsigned int i, past;

	for (past = 0; past < ms; past += AGENT_ALIVE_MS) {
		for (i = 0; i < p->n; i++)
			peer_say(p, i, MSG_AGENT_QUEUE_ALIVE);
		pass_turns(AGENT_ALIVE_MS / 1000);
	}
}

/* Of all that it has, and as if none had been asked before. */
void
peer_say_all(struct peer *p, uint32_t type)
{
	struct agent_delivery d;

	for (d.delivery = p->first; p->first != 0 && d.delivery <= p->last;
	    d.delivery++)
		link_send(p->link, type, &d, sizeof(d));
	if (type == MSG_AGENT_QUEUE_DONE)
		p->first = 0;
}
