/*
 * Hands checks to auth workers, one at a time each, in order of arrival.
 *
 * Called by authusers.c and authtoken.c (checks) and child.c (workers come and
 * go).  A worker sees one hash and one password, or one token, and its answer
 * counts only for the request that it was given.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "authtoken.h"
#include "authusers.h"
#include "authwork.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "parent.h"
#include "proto/parent_auth.h"

#define JOBS_MAX	512
#define HANG_MS		20000

struct job {
	TAILQ_ENTRY(job)	entry;
	uint64_t		request;
	uint32_t		type;	/* MSG_PARENT_AUTH_* */
	size_t			size;
	unsigned char		data[];
};

struct worker {
	uint32_t	id;		/* of the process; 0: none */
	uint64_t	request;	/* 0: idle */
	uint32_t	type;		/* of it, MSG_PARENT_AUTH_* */
	uint64_t	since_ms;
};

static TAILQ_HEAD(, job)	jobs = TAILQ_HEAD_INITIALIZER(jobs);
static size_t			njobs;
static struct worker		workers[CHILD_INSTANCES_MAX];

static void
job_free(struct job *j)
{
	freezero(j, sizeof(*j) + j->size);
}

static struct worker *
find_idle(struct link **link)
{
	int	 i;

	for (i = 0; i < CHILD_INSTANCES_MAX; i++) {
		if (workers[i].id != 0 && workers[i].request == 0 &&
		    (*link = child_link(PROC_AUTH, i)) != NULL)
			return &workers[i];
	}
	return NULL;
}

static void
hand_out(void)
{
	struct worker	*w;
	struct link	*link;
	struct job	*j;

	while ((j = TAILQ_FIRST(&jobs)) != NULL &&
	    (w = find_idle(&link)) != NULL) {
		if (link_send(link, j->type, j->data, j->size) == -1) {
			w->id = 0;
			continue;
		}
		w->request = j->request;
		w->type = j->type;
		w->since_ms = parent_now_ms();
		TAILQ_REMOVE(&jobs, j, entry);
		njobs--;
		job_free(j);
	}
}

/* NULL: the queue is full.  What is in data goes to a worker as it is. */
static struct job *
job_new(uint64_t request, uint32_t type, size_t size)
{
	struct job	*j;

	if (njobs >= JOBS_MAX || (j = calloc(1, sizeof(*j) + size)) == NULL)
		return NULL;
	j->request = request;
	j->type = type;
	j->size = size;
	return j;
}

static void
job_add(struct job *j)
{
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs++;
	hand_out();
}

int
authwork_submit(uint64_t request, const char *hash, const char *password)
{
	struct parent_auth_check	 m = { 0 };
	struct job			*j;

	if ((j = job_new(request, MSG_PARENT_AUTH_CHECK, sizeof(m))) == NULL)
		return -1;
	m.request = request;
	strlcpy(m.hash, hash, sizeof(m.hash));
	strlcpy(m.password, password, sizeof(m.password));
	memcpy(j->data, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
	job_add(j);
	return 0;
}

int
authwork_submit_token(const struct parent_auth_token *m, const char *token,
    const char *keys, size_t keys_size)
{
	struct job	*j;

	if ((j = job_new(m->request, MSG_PARENT_AUTH_TOKEN, sizeof(*m) +
	    m->token_size + keys_size)) == NULL)
		return -1;
	memcpy(j->data, m, sizeof(*m));
	memcpy(j->data + sizeof(*m), token, m->token_size);
	memcpy(j->data + sizeof(*m) + m->token_size, keys, keys_size);
	job_add(j);
	return 0;
}

size_t
authwork_queued(void)
{
	return njobs;
}

void
authwork_on_ready(uint16_t instance, uint32_t proc_id)
{
	memset(&workers[instance], 0, sizeof(workers[instance]));
	workers[instance].id = proc_id;
	hand_out();
}

void
authwork_on_death(uint16_t instance)
{
	uint64_t	 request = workers[instance].request;

	memset(&workers[instance], 0, sizeof(workers[instance]));
	if (request != 0)
		authenticate_verdict(request, VERDICT_UNKNOWN, NULL);
}

/* The worker, if this is what it was asked; it is idle then. */
static struct worker *
answered(struct link *link, uint64_t request, uint32_t type)
{
	struct child	*c = link_arg(link);
	struct worker	*w = &workers[child_instance(c)];

	if (w->id != child_id(c) || w->request == 0 ||
	    w->request != request || w->type != type) {
		link_fault(link, "answer to a check that it was not given");
		return NULL;
	}
	w->request = 0;
	return w;
}

void
on_auth_result(struct link *link, struct link_in *in)
{
	const struct auth_parent_result	*m = in->data;

	if (answered(link, m->request, MSG_PARENT_AUTH_CHECK) == NULL)
		return;
	authusers_on_result(m->request, m->matches == 1);
	hand_out();
}

void
on_auth_token_done(struct link *link, struct link_in *in)
{
	const struct auth_parent_token_done	*m = in->data;
	struct worker				*w;

	if ((w = answered(link, m->request, MSG_PARENT_AUTH_TOKEN)) == NULL)
		return;
	if (authtoken_on_result(m) == -1) {
		w->request = m->request;	/* it dies, and nobody knows */
		link_fault(link, "a user or a time that cannot be");
		return;
	}
	hand_out();
}

void
authwork_tick(void)
{
	uint64_t	 now = parent_now_ms();
	int		 i;

	for (i = 0; i < CHILD_INSTANCES_MAX; i++) {
		if (workers[i].request != 0 &&
		    now - workers[i].since_ms > HANG_MS) {
			log_warnx("auth worker %d hangs: killed", i);
			workers[i].since_ms = now;
			child_kill_by_id(workers[i].id);
		}
	}
}
