/*
 * Runs commands, one for each recipient.  Called by delivery.c.  A command
 * is a program with arguments, never a line for a shell; it gets the message
 * as a file on descriptor 0, a clean environment, the user's home as its
 * directory, and limits of time and memory.  Owns the commands that run, a
 * few at once, each in a session of its own so that all of it can be killed.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/aliastext.h"
#include "mail/command.h"

#include "conf.h"
#include "delivery_impl.h"
#include "exitcode.h"
#include "forward.h"

#define RUNNING_MAX	4
#define MEMORY_MAX	(512UL << 20)	/* bytes of address space */
#define SAID_MAX	512		/* bytes of output that are kept */
#define LOCKED_MAX	(64UL << 10)	/* bytes that are never swapped out */
#define NOFILE		256
#define ENV_MAX		10

struct run {
	struct delivery	*delivery;	/* NULL: free */
	uint32_t	 n;		/* recipient */
	pid_t		 pid;
	int		 said_fd;
	int		 is_late;
	struct event	 said_ev;
	struct event	 time_ev;
	size_t		 nsaid;
	char		 said[SAID_MAX + 1];
};

static struct run runs[RUNNING_MAX];
static struct event child_ev;
static int is_ready;

static int	run_start(struct run *, struct delivery *, uint32_t,
		    const char *);

static const char *
home(void)
{
	return conf_now()->forward ? conf_now()->home :
	    conf_now()->path;
}

static int
write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n) {
		n = write(fd, data, size);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -1;
	}
	return 0;
}

static int
file_new(void)
{
#if defined(MFD_CLOEXEC)
	return memfd_create("message", MFD_CLOEXEC);
#else
	char path[] = "/tmp/smtpsd.XXXXXXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd != -1)
		unlink(path);
	return fd;
#endif
}

/* The message as the command gets it, at its first byte; -1 and errno. */
static int
message_file(const struct delivery *d, const struct delivery_rcpt *rcpt)
{
	const char *eol = d->stage.raw ? "\r\n" : "\n";
	char head[2 * MAILADDR_SIZE + 64];
	int fd, n;

	n = snprintf(head, sizeof(head), "Return-Path: <%s>%sDelivered-To: "
	    "%s%s", d->open.sender, eol, rcpt->recipient, eol);
	if ((fd = file_new()) == -1)
		return -1;
	if (write_all(fd, head, (size_t)n) == 0 && write_all(fd,
	    d->stage.data, d->stage.used) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
environment(char *room, size_t size, char *env[ENV_MAX],
    const struct command_values *v)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{ "HOME", home() }, { "USER", v->user },
		{ "LOGNAME", v->user }, { "SHELL", "/bin/sh" },
		{ "PATH", "/usr/local/bin:/usr/bin:/bin" },
		{ "LANG", "C" }, { "SENDER", v->sender },
		{ "RECIPIENT", v->recipient },
	};
	size_t i, used = 0;
	int n;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		n = snprintf(room + used, size - used, "%s=%s", all[i].name,
		    all[i].value);
		if (n < 0 || (size_t)n >= size - used)
			return -1;
		env[i] = room + used;
		used += (size_t)n + 1;
	}
	env[i] = NULL;
	return 0;
}

/*
 * smtpsd itself may lock all memory there is, and its children inherit that.
 * What is limited further already stays so.
 */
static int
limit_command(void)
{
	static const struct {
		int	 what;
		rlim_t	 most;
	} limits[] = {
		{ RLIMIT_AS, MEMORY_MAX }, { RLIMIT_MEMLOCK, LOCKED_MAX },
		{ RLIMIT_NOFILE, NOFILE },
	};
	struct rlimit rl;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		rl.rlim_cur = rl.rlim_max = limits[i].most;
		if (setrlimit(limits[i].what, &rl) == -1 && errno != EPERM)
			return -1;
	}
	return 0;
}

/* In the child.  What is said from here on is what the user is told. */
static void
become(const struct command *command, char *const *env, int in_fd, int out_fd)
{
	const char *failed = "setsid";
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in_fd, 0) == -1 || dup2(out_fd, 1) == -1 ||
	    dup2(out_fd, 2) == -1)
		_exit(75);
	closefrom(3);
	umask(077);
#ifdef PR_SET_PDEATHSIG
	/* If this deliver is killed, nobody would count the time. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
	if (setsid() != -1) {
		failed = "limits";
		if (limit_command() == 0) {
			failed = home();
			if (chdir(home()) == 0) {
				execve(command->argv[0], command->argv, env);
				failed = command->argv[0];
			}
		}
	}
	dprintf(2, "%s: %s", failed, strerror(errno));
	_exit(75);
}

static void
run_stop(struct run *r)
{
	event_del(&r->said_ev);
	evtimer_del(&r->time_ev);
	close(r->said_fd);
	r->delivery = NULL;
	r->pid = 0;
}

static void
said_read(struct run *r)
{
	char rest[4096];
	size_t room = SAID_MAX - r->nsaid;
	ssize_t n;

	n = read(r->said_fd, rest, sizeof(rest));
	if (n > 0) {
		memcpy(r->said + r->nsaid, rest, (size_t)n < room ? (size_t)n :
		    room);
		r->nsaid += (size_t)n < room ? (size_t)n : room;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		event_del(&r->said_ev);
}

static void
on_said(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	said_read(arg);
}

static void
on_late(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	r->is_late = 1;
	if (kill(-r->pid, SIGKILL) == -1)
		kill(r->pid, SIGKILL);
}

/*
 * The next command of .forward, if there is one.  The queue hears of nothing
 * before all have run, so together they have the time of one.
 */
static void
run_next(struct run *r, struct delivery *d, uint32_t n)
{
	char command[ALIASTEXT_SIZE];

	if (!forward_command(&d->rcpt[n].rest, command))
		return;
	if (d->until_ms == 0)
		d->until_ms = proc_now_ms() +
		    (uint64_t)conf_now()->time_s * 1000;
	if (proc_now_ms() >= d->until_ms)
		outcome_set(&d->rcpt[n].outcome, AGENT_TEMPFAIL, "4.3.0",
		    "commands of .forward took too long");
	else if (run_start(r, d, n, command) == 0)
		return;
	d->rcpt[n].is_over = 1;
}

/* How long a command may run. */
static struct timeval
time_left(const struct delivery *d)
{
	struct timeval tv = { conf_now()->time_s, 0 };
	uint64_t now_ms = proc_now_ms(), ms;

	if (d->until_ms == 0)
		return tv;
	ms = d->until_ms > now_ms ? d->until_ms - now_ms : 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000 + 1);
	return tv;
}

static void
run_ended(struct run *r, int status)
{
	struct delivery *d = r->delivery;
	struct delivery_rcpt *rcpt = &d->rcpt[r->n];

	said_read(r);
	r->said[r->nsaid] = '\0';
	/* What it left behind in its session has no time any more. */
	kill(-r->pid, SIGKILL);
	exitcode_outcome(&rcpt->outcome, status, r->is_late, r->said);
	if (rcpt->outcome.class != AGENT_OK)
		log_info("command for %s: %s", log_vis(rcpt->recipient),
		    log_text(rcpt->outcome.text));
	run_stop(r);
	if (d->forward != NULL && rcpt->outcome.class == AGENT_OK) {
		run_next(r, d, r->n);
		return;
	}
	rcpt->is_over = 1;
	if (d->forward == NULL)
		delivery_report(d, r->n);
}

static void
on_child(int sig, short what, void *arg)
{
	int status;
	pid_t pid;
	size_t i;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < RUNNING_MAX; i++)
			if (runs[i].delivery != NULL && runs[i].pid == pid)
				run_ended(&runs[i], status);
	run_turn();
}

static int
run_fork(struct run *r, const struct command *command, char *const *env,
    int in_fd)
{
	int fds[2], flags;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	if ((r->pid = fork()) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (r->pid == 0)
		become(command, env, in_fd, fds[1]);
	close(fds[1]);
	r->said_fd = fds[0];
	flags = fcntl(r->said_fd, F_GETFL);
	(void)fcntl(r->said_fd, F_SETFL, flags | O_NONBLOCK);
	return 0;
}

/* -1: the recipient has its outcome. */
static int
run_start(struct run *r, struct delivery *d, uint32_t n, const char *text)
{
	struct timeval tv = time_left(d);
	struct delivery_rcpt *rcpt = &d->rcpt[n];
	struct command_values v = { d->open.sender, rcpt->recipient,
	    conf_now()->user };
	char room[2 * PATHNAME_SIZE + 4 * MAILADDR_SIZE], *env[ENV_MAX];
	struct command *command;
	const char *fault;
	int in_fd = -1, rc = -1;

	if ((command = malloc(sizeof(*command))) == NULL) {
		outcome_errno(&rcpt->outcome, "memory");
		return -1;
	}
	fault = command_expand(command, text, &v);
	if (fault == NULL && environment(room, sizeof(room), env, &v) == -1)
		fault = "has no room for its environment";
	if (fault != NULL) {
		if (fault == command_no_option)
			outcome_set(&rcpt->outcome, AGENT_PERMFAIL, "5.1.3",
			    "");
		else
			outcome_set(&rcpt->outcome, AGENT_TEMPFAIL, "4.3.5",
			    "");
		snprintf(rcpt->outcome.text, sizeof(rcpt->outcome.text),
		    "the command %s", fault);
		goto out;
	}
	if ((in_fd = message_file(d, rcpt)) == -1 ||
	    run_fork(r, command, env, in_fd) == -1) {
		outcome_errno(&rcpt->outcome, "command");
		goto out;
	}
	r->delivery = d;
	r->n = n;
	r->is_late = 0;
	r->nsaid = 0;
	event_set(&r->said_ev, r->said_fd, EV_READ | EV_PERSIST, on_said, r);
	event_add(&r->said_ev, NULL);
	evtimer_set(&r->time_ev, on_late, r);
	evtimer_add(&r->time_ev, &tv);
	rc = 0;
 out:
	if (in_fd != -1)
		close(in_fd);
	free(command);
	return rc;
}

static struct run *
run_free(void)
{
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++)
		if (runs[i].delivery == NULL)
			return &runs[i];
	return NULL;
}

static int
is_running(const struct delivery *d)
{
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++)
		if (runs[i].delivery == d)
			return 1;
	return 0;
}

/* Start what there is room for; 1: all recipients of it are over. */
static int
delivery_run(struct delivery *d)
{
	struct run *r;

	for (; d->next < d->nrcpt; d->next++) {
		if (d->rcpt[d->next].is_over) {
			if (d->forward == NULL)
				delivery_report(d, d->next);
			continue;
		}
		if ((r = run_free()) == NULL)
			return 0;
		if (d->forward != NULL)
			run_next(r, d, d->next);
		else if (run_start(r, d, d->next,
		    conf_now()->command) == -1) {
			d->rcpt[d->next].is_over = 1;
			delivery_report(d, d->next);
		}
	}
	return !is_running(d);
}

void
run_turn(void)
{
	struct delivery *d, *next;
	int has_ready = 0;

	TAILQ_FOREACH_SAFE(d, delivery_all(), entry, next) {
		if (!d->is_complete || d->is_ready || !delivery_run(d))
			continue;
		if (d->forward == NULL) {
			delivery_over(d);
			continue;
		}
		forward_files(d);
		d->is_ready = has_ready = 1;
	}
	if (has_ready)
		delivery_mailboxes();
}

void
run_forget(struct delivery *d)
{
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++) {
		if (runs[i].delivery != d)
			continue;
		kill(-runs[i].pid, SIGKILL);
		kill(runs[i].pid, SIGKILL);
		run_stop(&runs[i]);
	}
}

int
run_init(void)
{
	if (is_ready)
		return 0;
	is_ready = 1;
	signal_set(&child_ev, SIGCHLD, on_child, NULL);
	return signal_add(&child_ev, NULL);
}
