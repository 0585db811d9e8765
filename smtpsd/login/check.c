/*
 * One short-lived process for each check.
 *
 * Called from the loop.  A job holds the pipe on which its process answers,
 * and a timer.  What comes out of the pipe is hostile: the process ran
 * somebody's modules.  After LIMIT_S the process and all that it started are
 * killed; the slot is free when the process is gone.  One that cannot even be
 * killed, since it waits for a file system of its user's, leaves its place to
 * others; its user has no more of them.  It is forked at the end of a
 * turn, when the link's buffers are wiped, and wipes what waits beside its
 * own check: it knows one password.
 *
 * A refusal leaves only at a multiple of STEP_MS after the question: how
 * long a module looked for a user must not tell whether there is one.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "check.h"
#include "mail/usersfile.h"
#include "system.h"

#define LIMIT_S		10
#define STEP_MS		250
#define ANSWER_FD	3
#define DEATH_MS	1000	/* who is killed is gone by then, or never */
#define JOBS_MAX	64	/* with those that cannot be killed */

struct job {
	int			is_used;
	pid_t			pid;		/* 0: not started */
	int			fd;		/* -1: answered or dead */
	int			is_answered;
	int			was_killed;
	uint64_t		request;
	uint64_t		since_ms;
	uint64_t		killed_ms;	/* 0: not yet */
	char			user[LOGIN_SIZE];
	size_t			have;		/* bytes of answer */
	struct event		readable;
	struct event		timer;
	struct system_answer	answer;
	struct parent_backend_check check;	/* until it is started */
};

static struct job	jobs[JOBS_MAX];
static struct event	child_ev;

static void
send_answer(uint64_t request, const struct system_answer *a)
{
	struct backend_parent_result	 r;

	memset(&r, 0, sizeof(r));
	r.request = request;
	r.verdict = a->verdict;
	if (a->verdict == BACKEND_OK)
		memcpy(r.user, a->user, sizeof(r.user));
	else
		memcpy(r.reason, a->reason, sizeof(r.reason));
	(void)link_send(proc_parent(), MSG_BACKEND_PARENT_RESULT, &r,
	    sizeof(r));
}

static void
send_later(uint64_t request, const char *reason)
{
	struct system_answer	 a;

	memset(&a, 0, sizeof(a));
	a.verdict = BACKEND_LATER;
	strlcpy(a.reason, reason, sizeof(a.reason));
	send_answer(request, &a);
}

/* The group too: a module may have started programs. */
static void
job_kill(struct job *j)
{
	if (j->fd != -1) {
		event_del(&j->readable);
		close(j->fd);
		j->fd = -1;
	}
	j->was_killed = 1;
	j->killed_ms = proc_now_ms();
	(void)kill(-j->pid, SIGKILL);
	(void)kill(j->pid, SIGKILL);
}

static void
job_clear(struct job *j)
{
	explicit_bzero(j, sizeof(*j));
	j->fd = -1;
}

/* A slot is free when its answer has left and its process is gone. */
static void
job_reap(struct job *j)
{
	int	 status;

	if (j->pid == 0 || j->fd != -1 || !j->is_answered ||
	    waitpid(j->pid, &status, WNOHANG) != j->pid)
		return;
	if (WIFSIGNALED(status) && !j->was_killed)
		log_warnx("a check of a password died of signal %d",
		    WTERMSIG(status));
	evtimer_del(&j->timer);
	job_clear(j);
}

static void
job_answer(struct job *j)
{
	j->is_answered = 1;
	evtimer_del(&j->timer);
	send_answer(j->request, &j->answer);
	job_reap(j);
}

static int
answer_is_sane(const struct system_answer *a)
{
	if (memchr(a->user, '\0', sizeof(a->user)) == NULL ||
	    memchr(a->reason, '\0', sizeof(a->reason)) == NULL)
		return 0;
	if (a->verdict == BACKEND_OK)
		return users_name_ok(a->user);
	return a->verdict == BACKEND_BAD || a->verdict == BACKEND_LATER;
}

/* The process has said all that it will say. */
static void
job_finish(struct job *j)
{
	struct timeval	 tv = { 0, 0 };
	uint64_t	 past = proc_now_ms() - j->since_ms;

	if (j->have < sizeof(j->answer) || !answer_is_sane(&j->answer)) {
		log_warnx("a check of a password ended without an answer");
		memset(&j->answer, 0, sizeof(j->answer));
		system_answer(&j->answer, BACKEND_LATER, "crashed");
	}
	/* It has nothing more to do; what it started ends with it. */
	job_kill(j);
	if (j->answer.verdict != BACKEND_BAD) {
		job_answer(j);
		return;
	}
	tv.tv_usec = (suseconds_t)(STEP_MS - past % STEP_MS) * 1000;
	evtimer_add(&j->timer, &tv);
}

static void
on_readable(int fd, short what, void *arg)
{
	struct job	*j = arg;
	ssize_t		 n;

	(void)what;
	n = read(fd, (char *)&j->answer + j->have,
	    sizeof(j->answer) - j->have);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (j->have += (size_t)n) < sizeof(j->answer))
		return;
	job_finish(j);
}

static void
on_timer(int fd, short what, void *arg)
{
	struct job	*j = arg;

	(void)fd;
	(void)what;
	if (j->fd != -1) {
		log_warnx("the system did not check a password within %d s: "
		    "killed", LIMIT_S);
		job_kill(j);
		memset(&j->answer, 0, sizeof(j->answer));
		system_answer(&j->answer, BACKEND_LATER, "timeout");
	}
	job_answer(j);
}

/*
 * What a module left behind in a session of its own becomes a child of this
 * process when its parent is gone (check_init): only jobs may stay.
 */
static void
kill_orphans(void)
{
#ifdef __linux__
	char	 path[64];
	FILE	*f;
	size_t	 i;
	int	 pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
	    (int)getpid());
	if ((f = fopen(path, "re")) == NULL)
		return;
	while (fscanf(f, "%d", &pid) == 1) {
		for (i = 0; i < JOBS_MAX; i++)
			if (jobs[i].pid == pid)
				break;
		if (i < JOBS_MAX)
			continue;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, WNOHANG);
	}
	fclose(f);
#endif
}

static void
on_sigchld(int sig, short what, void *arg)
{
	size_t	 i;

	(void)sig;
	(void)what;
	(void)arg;
	for (i = 0; i < JOBS_MAX; i++)
		job_reap(&jobs[i]);
	kill_orphans();
}

/* In the new process; the links of this one are not its. */
static void
run(struct parent_backend_check *check, int fd)
{
	struct rlimit		 cpu = { LIMIT_S, LIMIT_S };
	struct system_answer	 answer;
	sigset_t		 none;
	size_t			 i;

	for (i = 0; i < JOBS_MAX; i++)
		if (&jobs[i].check != check)
			explicit_bzero(&jobs[i].check, sizeof(jobs[i].check));
	(void)setsid();
	if (fd != ANSWER_FD && dup2(fd, ANSWER_FD) == -1)
		_exit(1);
	closefrom(ANSWER_FD + 1);
	/* Not for the programs that modules start. */
	(void)fcntl(ANSWER_FD, F_SETFD, FD_CLOEXEC);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	system_check(check, &answer);
	_exit(write(ANSWER_FD, &answer, sizeof(answer)) != sizeof(answer));
}

static int
job_start(struct job *j)
{
	struct timeval	 limit = { LIMIT_S, 0 };
	int		 fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	if ((j->pid = fork()) == -1) {
		j->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (j->pid == 0)
		run(&j->check, fds[1]);
	close(fds[1]);
	explicit_bzero(&j->check, sizeof(j->check));
	j->fd = fds[0];
	(void)fcntl(j->fd, F_SETFL, O_NONBLOCK);
	j->since_ms = proc_now_ms();
	event_set(&j->readable, j->fd, EV_READ | EV_PERSIST, on_readable, j);
	event_add(&j->readable, NULL);
	evtimer_set(&j->timer, on_timer, j);
	evtimer_add(&j->timer, &limit);
	return 0;
}

void
check_turn(void)
{
	struct job	*j;
	size_t		 i;

	for (i = 0; i < JOBS_MAX; i++) {
		j = &jobs[i];
		if (!j->is_used || j->pid != 0 || job_start(j) == 0)
			continue;
		log_warn("cannot start a check");
		send_later(j->request, "cannot-start");
		job_clear(j);
	}
}

static int
is_undying(const struct job *j)
{
	return j->killed_ms != 0 && proc_now_ms() - j->killed_ms > DEATH_MS;
}

/* NULL: there is a place for a check of this user's. */
static const char *
place_fault(const char *user)
{
	size_t	 i, n = 0;

	for (i = 0; i < JOBS_MAX; i++) {
		if (!jobs[i].is_used)
			continue;
		if (!is_undying(&jobs[i]))
			n++;
		else if (strcmp(jobs[i].user, user) == 0)
			return "still-hangs";
	}
	return n < BACKEND_LOGIN_MAX ? NULL : "overloaded";
}

void
on_parent_check(struct link *link, struct link_in *in)
{
	const struct parent_backend_check	*check = in->data;
	const char				*fault = place_fault(check->user);
	size_t					 i;

	(void)link;
	for (i = 0; i < JOBS_MAX; i++)
		if (!jobs[i].is_used)
			break;
	if (i == JOBS_MAX && fault == NULL)
		fault = "overloaded";
	if (fault != NULL) {
		send_later(check->request, fault);
		return;
	}
	jobs[i].is_used = 1;
	jobs[i].request = check->request;
	strlcpy(jobs[i].user, check->user, sizeof(jobs[i].user));
	memcpy(&jobs[i].check, check, sizeof(*check));
}

int
check_init(void)
{
	size_t	 i;

	for (i = 0; i < JOBS_MAX; i++)
		jobs[i].fd = -1;
#ifdef PR_SET_CHILD_SUBREAPER
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		return -1;
#endif
	signal_set(&child_ev, SIGCHLD, on_sigchld, NULL);
	return signal_add(&child_ev, NULL);
}

void
check_stop(void)
{
	size_t	 i;

	for (i = 0; i < JOBS_MAX; i++)
		if (jobs[i].pid != 0)
			job_kill(&jobs[i]);
}
