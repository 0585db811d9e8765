/*
 * Hands checks to auth workers, one at a time each, in order of arrival.
 *
 * Called by authusers.c (checks) and child.c (workers come and go).  A worker
 * sees one hash and one password, and its answer counts only for the request
 * that it was given.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

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
	TAILQ_ENTRY(job)		entry;
	struct parent_auth_check	check;
};

struct worker {
	uint32_t	id;		/* of the process; 0: none */
	uint64_t	request;	/* 0: idle */
	uint64_t	since_ms;
};

static TAILQ_HEAD(, job)	jobs = TAILQ_HEAD_INITIALIZER(jobs);
static size_t			njobs;
static struct worker		workers[CHILD_INSTANCES_MAX];

static void
job_free(struct job *j)
{
	explicit_bzero(j, sizeof(*j));
	free(j);
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
		if (link_send(link, MSG_PARENT_AUTH_CHECK, &j->check,
		    sizeof(j->check)) == -1) {
			w->id = 0;
			continue;
		}
		w->request = j->check.request;
		w->since_ms = parent_now_ms();
		TAILQ_REMOVE(&jobs, j, entry);
		njobs--;
		job_free(j);
	}
}

int
authwork_submit(uint64_t request, const char *hash, const char *password)
{
	struct job	*j;

	if (njobs >= JOBS_MAX || (j = calloc(1, sizeof(*j))) == NULL)
		return -1;
	j->check.request = request;
	strlcpy(j->check.hash, hash, sizeof(j->check.hash));
	strlcpy(j->check.password, password, sizeof(j->check.password));
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs++;
	hand_out();
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
		authusers_on_result(request, -1);
}

void
on_auth_result(struct link *link, struct link_in *in)
{
	const struct auth_parent_result	*m = in->data;
	struct child			*c = link_arg(link);
	struct worker			*w = &workers[child_instance(c)];

	if (w->id != child_id(c) || w->request == 0 ||
	    w->request != m->request) {
		link_fault(link, "answer to a check that it was not given");
		return;
	}
	w->request = 0;
	authusers_on_result(m->request, m->matches == 1);
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
