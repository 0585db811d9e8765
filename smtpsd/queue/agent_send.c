/*
 * What a job's agent gets: the message, its recipients and the body window by
 * window, one piece of the store in memory.  A body that cannot be read ends
 * the job.  State owned: none but which store.  Called when a job starts and
 * for each MORE; knows no lanes' limits and no processes, only the link.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_inside.h"
#include "base/log.h"
#include "needs.h"
#include "proto/net_queue.h"
#include "proto/queue_agent.h"
#include "store.h"

static struct store *store;

void
job_send_init(struct store *s)
{
	store = s;
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
		return needs_flags(m, m->body, m->size);
	return job_read_piece(job) != 0 ? m->flags : needs_flags(m,
	    job->piece, job->piece_size);
}

void
job_send_more(struct job *job)
{
	int r;

	if ((r = job_send_window(job)) != 0)
		job_cancel(job, r == 1);
}

/* A database that was damaged has any; what does not fit would end us. */
static size_t
orcpt_size(const struct envelope *e)
{
	size_t n = e->orcpt == NULL ? 0 : strlen(e->orcpt);

	return n > ORCPT_MAX ? 0 : n;
}

void
job_send(struct job *job)
{
	struct queue_agent_open open;
	struct queue_agent_rcpt rcpt;
	struct message *m = job->message;
	uint32_t i;

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
		    sizeof(rcpt), job->env[i]->orcpt,
		    orcpt_size(job->env[i]));
		job->env[i]->is_running = 1;
	}
	job_send_more(job);
}
