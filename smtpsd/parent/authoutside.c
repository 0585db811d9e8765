/*
 * Passwords that others check: the system (login) and Dovecot (dovecot).
 *
 * Called by authenticate.c through attempt.h, by child.c when such a process
 * comes or goes, and by the loop with results.  Owns the queue of checks that
 * wait and the list of those that a process has.  One user can have two
 * checks at the system at once: a store that hangs for one user does not keep
 * the others waiting.  Whatever a process says counts only for a check that
 * it was given.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "authoutside.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "mail/usersfile.h"
#include "memo.h"
#include "parent.h"
#include "proto/parent_backend.h"
#include "unixsock.h"

#define JOBS_MAX	256
#define SAME_USER_MAX	2
#define WAIT_MS		20000	/* for a process that has room */
#define HANG_MS		60000	/* more than any of them takes */
#define CONNECT_MS	200	/* least time between two connections */

struct job {
	TAILQ_ENTRY(job)		entry;
	uint64_t			since_ms;
	enum proc_kind			kind;
	char				path[DOVECOT_PATH_SIZE];
	struct parent_backend_check	check;
};

/* What a process has before it. */
struct running {
	uint64_t	request;	/* 0: free */
	uint64_t	since_ms;
	char		user[LOGIN_SIZE];
};

struct asker {
	uint32_t	id;		/* of the process; 0: none */
	size_t		nrunning;
	uint64_t	connect_ms;	/* the last connection to Dovecot */
	int		is_down;	/* and the log knows */
	struct running	running[BACKEND_DOVECOT_MAX];
};

static TAILQ_HEAD(, job)	jobs = TAILQ_HEAD_INITIALIZER(jobs);
static size_t			njobs;
static struct asker		system_asker, dovecot_askers[DOVECOTS_MAX];

static struct asker *
asker_of(enum proc_kind kind, uint16_t instance)
{
	if (kind == PROC_LOGIN && instance == 0)
		return &system_asker;
	if (kind == PROC_DOVECOT && instance < DOVECOTS_MAX)
		return &dovecot_askers[instance];
	return NULL;
}

static const char *
name_of(enum proc_kind kind)
{
	return kind == PROC_LOGIN ? "system" : "dovecot";
}

static void
job_drop(struct job *j)
{
	TAILQ_REMOVE(&jobs, j, entry);
	njobs--;
	freezero(j, sizeof(*j));
}

/* The process for a job; NULL: there is none now, or it has no room. */
static struct asker *
find_asker(const struct job *j, struct link **link)
{
	const struct conf	*conf = parent_conf();
	struct asker		*a = &system_asker;
	size_t			 i, same = 0, room = BACKEND_LOGIN_MAX;
	uint16_t		 instance = 0;

	if (j->kind == PROC_DOVECOT) {
		while (instance < conf->ndovecots &&
		    strcmp(conf->dovecots[instance], j->path) != 0)
			instance++;
		if (instance == conf->ndovecots)
			return NULL;
		a = &dovecot_askers[instance];
		room = BACKEND_DOVECOT_MAX;
	}
	if (a->id == 0 || a->nrunning >= room ||
	    (*link = child_link(j->kind, instance)) == NULL)
		return NULL;
	for (i = 0; i < room && j->kind == PROC_LOGIN; i++)
		same += a->running[i].request != 0 &&
		    strcmp(a->running[i].user, j->check.user) == 0;
	return same < SAME_USER_MAX ? a : NULL;
}

static void
hand_over(struct asker *a, struct link *link, struct job *j)
{
	struct running	*r = a->running;

	if (link_send(link, MSG_PARENT_BACKEND_CHECK, &j->check,
	    sizeof(j->check)) == -1) {
		a->id = 0;
		return;
	}
	while (r->request != 0)
		r++;
	r->request = j->check.request;
	r->since_ms = parent_now_ms();
	strlcpy(r->user, j->check.user, sizeof(r->user));
	a->nrunning++;
	job_drop(j);
}

static void
hand_out(void)
{
	struct asker	*a;
	struct link	*link;
	struct job	*j, *next;

	TAILQ_FOREACH_SAFE(j, &jobs, entry, next) {
		if ((a = find_asker(j, &link)) != NULL)
			hand_over(a, link, j);
	}
}

static int
submit(struct attempt *a, enum proc_kind kind)
{
	struct job	*j;

	/* No store has a user of a name that cannot be. */
	if (a->flaw != NULL) {
		authenticate_verdict(a->request, VERDICT_BAD, a->flaw);
		return 0;
	}
	if (njobs >= JOBS_MAX || (j = calloc(1, sizeof(*j))) == NULL)
		return -1;
	j->kind = kind;
	j->since_ms = parent_now_ms();
	strlcpy(j->path, a->hash, sizeof(j->path));
	j->check.request = a->request;
	strlcpy(j->check.address, a->address, sizeof(j->check.address));
	strlcpy(j->check.user, a->login, sizeof(j->check.user));
	strlcpy(j->check.password, a->password, sizeof(j->check.password));
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs++;
	hand_out();
	return 0;
}

size_t
authoutside_queued(void)
{
	return njobs;
}

/* Reasons come from outside and stay for one call. */
static const char *
clean_reason(const char *reason)
{
	static char	 clean[NAME_SIZE];

	strlcpy(clean, reason, sizeof(clean));
	if (clean[0] == '\0' || clean[strspn(clean,
	    "abcdefghijklmnopqrstuvwxyz-")] != '\0')
		return "refused";
	return clean;
}

static void
running_free(struct asker *a, struct running *r)
{
	memset(r, 0, sizeof(*r));
	a->nrunning--;
}

static void
later(enum proc_kind kind, uint64_t request, const char *user,
    const char *reason)
{
	log_info("event=auth-later user=%s backend=%s reason=%s", log_vis(user),
	    name_of(kind), reason);
	authenticate_verdict(request, VERDICT_UNKNOWN, NULL);
}

void
authoutside_on_ready(enum proc_kind kind, uint16_t instance, uint32_t proc_id)
{
	struct asker	*a;

	if ((a = asker_of(kind, instance)) == NULL)
		return;
	memset(a, 0, sizeof(*a));
	a->id = proc_id;
	hand_out();
}

void
authoutside_on_death(enum proc_kind kind, uint16_t instance)
{
	struct asker	*a, old;
	size_t		 i;

	if ((a = asker_of(kind, instance)) == NULL)
		return;
	old = *a;
	memset(a, 0, sizeof(*a));
	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (old.running[i].request != 0)
			later(kind, old.running[i].request,
			    old.running[i].user, "process-died");
}

void
on_backend_result(struct link *link, struct link_in *in)
{
	const struct backend_parent_result	*m = in->data;
	struct child				*c = link_arg(link);
	struct asker				*a;
	struct running				 done;
	size_t					 i;

	a = asker_of(child_kind(c), child_instance(c));
	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (m->request != 0 && a->running[i].request == m->request)
			break;
	if (a->id != child_id(c) || i == BACKEND_DOVECOT_MAX) {
		link_fault(link, "answer to a check that it was not given");
		return;
	}
	if (m->verdict == BACKEND_OK && !users_name_ok(m->user)) {
		link_fault(link, "a user of a name that cannot be");
		return;
	}
	done = a->running[i];
	running_free(a, &a->running[i]);
	if (m->verdict == BACKEND_OK)
		authenticate_verdict_as(m->request, m->user, 0);
	else if (m->verdict == BACKEND_BAD)
		authenticate_verdict(m->request, VERDICT_BAD,
		    clean_reason(m->reason));
	else
		later(child_kind(c), m->request, done.user,
		    clean_reason(m->reason));
	hand_out();
}

static void
tick_asker(struct asker *a, uint64_t now)
{
	size_t	 i;

	for (i = 0; i < BACKEND_DOVECOT_MAX && a->id != 0; i++) {
		if (a->running[i].request == 0 ||
		    now - a->running[i].since_ms <= HANG_MS)
			continue;
		log_warnx("a process that checks passwords hangs: killed");
		a->running[i].since_ms = now;
		child_kill_by_id(a->id);
		break;
	}
}

void
authoutside_tick(void)
{
	struct job	*j;
	uint64_t	 now = parent_now_ms(), request;
	enum proc_kind	 kind;
	char		 user[LOGIN_SIZE];
	size_t		 i;

	while ((j = TAILQ_FIRST(&jobs)) != NULL &&
	    now - j->since_ms > WAIT_MS) {
		request = j->check.request;
		kind = j->kind;
		strlcpy(user, j->check.user, sizeof(user));
		job_drop(j);
		later(kind, request, user, "overloaded");
	}
	tick_asker(&system_asker, now);
	for (i = 0; i < DOVECOTS_MAX; i++)
		tick_asker(&dovecot_askers[i], now);
}

void
on_dovecot_connect(struct link *link, struct link_in *in)
{
	const struct conf	*conf = parent_conf();
	struct child		*c = link_arg(link);
	struct asker		*a;
	uint64_t		 now = parent_now_ms();
	uint16_t		 instance = child_instance(c);
	int			 fd = -1;

	(void)in;
	a = asker_of(PROC_DOVECOT, instance);
	if (instance < conf->ndovecots && now - a->connect_ms >= CONNECT_MS) {
		a->connect_ms = now;
		fd = unixsock_connect(conf->dovecots[instance]);
		if (fd == -1 && !a->is_down)
			log_warn("Dovecot: %s",
			    log_vis(conf->dovecots[instance]));
		a->is_down = fd == -1;
	}
	if (fd == -1)
		(void)link_send(link, MSG_PARENT_DOVECOT_REFUSED, NULL, 0);
	else
		(void)link_send_fd(link, MSG_PARENT_DOVECOT_SOCKET, fd, NULL,
		    0);
}

static void
system_prepare(struct attempt *a, const struct conf_listener *l)
{
	(void)l;
	a->hash[0] = '\0';
	strlcpy(a->user, a->login, sizeof(a->user));
	memo_mac(a->mac, a->login, "system", a->password);
}

static int
system_start(struct attempt *a)
{
	return submit(a, PROC_LOGIN);
}

/* The path stands where the users file has its hash. */
static void
dovecot_prepare(struct attempt *a, const struct conf_listener *l)
{
	strlcpy(a->hash, parent_conf()->dovecots[l->dovecot - 1],
	    sizeof(a->hash));
	strlcpy(a->user, a->login, sizeof(a->user));
	memo_mac(a->mac, a->login, a->hash, a->password);
}

static int
dovecot_start(struct attempt *a)
{
	return submit(a, PROC_DOVECOT);
}

/* What is right now may be locked in a minute: nothing is remembered. */
const struct auth_backend *
authsystem_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "system", .prepare = system_prepare,
		.start = system_start
	};

	return &backend;
}

const struct auth_backend *
authdovecot_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "dovecot", .prepare = dovecot_prepare,
		.start = dovecot_start
	};

	return &backend;
}
