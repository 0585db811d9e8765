/*
 * Kills a running process at its n-th write-type system call, makes such
 * calls fail, or writes down what it changes on the disk and when.  For tests
 * only; works from outside with ptrace(2), so that the process keeps its
 * sandbox and its libraries.  All threads of it count, not what it starts.
 * Linux on x86_64.
 *
 *	faultat [-Pt] [-a action] [-c calls] [-f path] [-n number] [-o record]
 *	    -p pid | command ...
 *
 * -a	kill: before the call; half: after half of its bytes (calls without
 *	bytes: after it); a name like ENOSPC: it fails
 * -c	names of calls, with commas between; else all of faultcall.c that write
 * -f	only calls about files whose path begins like this
 * -n	the number of the call, from 1; 0: none, count only
 * -P	all calls from that one on, until SIGUSR1 lifts the fault
 * -t	only calls of other threads than the first
 *
 * Prints "ready" when the process is held, "hit CALL PATH" at the first fault,
 * and at the end "gone COUNT", or "left COUNT" after SIGTERM: the process goes
 * on alone then.  The record is read by regress/lib/record.py; a line is written
 * at the end of its call, so that they are in the order of that.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "faultcall.h"

#define TASKS_MAX	64
#define OPTIONS		(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)

static const struct {
	const char	*name;
	int		 number;
} errors[] = {
	{ "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EIO", EIO },
	{ "EROFS", EROFS }, { "EMFILE", EMFILE }, { "EINTR", EINTR },
};

enum action { NOTHING, KILL, HALF, FAIL };

static pid_t		 pid;
static enum action	 action = NOTHING;
static int		 action_errno;
static int		 is_persistent, was_hit, of_threads;
static unsigned long	 at = 1, count;
static const char	*only_calls, *only_path = "";
static FILE		*record;
static volatile sig_atomic_t is_lifted, is_leaving;

/* A thread and its call under way, if that has one. */
static struct task {
	pid_t			tid;		/* 0: this place is free */
	enum action		action;
	uint64_t		start_ns;
	struct passing		p;
} tasks[TASKS_MAX];

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static struct task *
task_find(pid_t tid)
{
	struct task *t;

	for (t = tasks; t < tasks + TASKS_MAX; t++)
		if (t->tid == tid)
			return t;
	return NULL;
}

/* Also of one that has been held already. */
static struct task *
task_add(pid_t tid)
{
	struct task *t = task_find(tid);

	if (t != NULL)
		return t;
	if ((t = task_find(0)) == NULL)
		errx(1, "too many threads");
	t->p.call = NULL;
	t->tid = tid;
	return t;
}

static void
on_signal(int sig)
{
	struct task *t;

	if (sig == SIGUSR1) {
		is_lifted = 1;
		return;
	}
	is_leaving = 1;
	for (t = tasks; t < tasks + TASKS_MAX; t++)
		if (t->tid != 0)
			ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
}

static int
is_named(const char *name)
{
	size_t n = strlen(name);
	const char *p;

	if (only_calls == NULL)
		return strcmp(name, "pread64") != 0;
	for (p = only_calls; (p = strstr(p, name)) != NULL; p += n)
		if ((p == only_calls || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0'))
			return 1;
	return 0;
}

/* Whether it is this call that something happens to. */
static int
call_is_chosen(const struct task *t)
{
	if (!is_named(t->p.call->name) || (of_threads && t->tid == pid) ||
	    strncmp(t->p.path, only_path, strlen(only_path)) != 0)
		return 0;
	count++;
	if (action == NOTHING || is_lifted || at == 0)
		return 0;
	return count == at || (is_persistent && count > at);
}

static void
call_enter(struct task *t)
{
	struct user_regs_struct r;

	t->action = NOTHING;
	t->p.call = NULL;
	if (ptrace(PTRACE_GETREGS, t->tid, 0, &r) == -1 ||
	    (t->p.call = call_find(&r)) == NULL)
		return;
	t->start_ns = clock_ns();
	call_look(&t->p, t->tid, &r, only_path, record != NULL);
	if (!call_is_chosen(t))
		return;
	if (!was_hit) {
		printf("hit %s %s\n", t->p.call->name, t->p.path);
		fflush(stdout);
	}
	was_hit = 1;
	t->action = action;
	if (action == KILL)
		kill(pid, SIGKILL);
	else if (action == FAIL) {
		/* a call that every sandbox has, and that does nothing */
		r.orig_rax = SYS_getppid;
		ptrace(PTRACE_SETREGS, t->tid, 0, &r);
	} else if (t->p.call->shape == FD_BYTES ||
	    t->p.call->shape == FD_BYTES_AT) {
		r.rdx = (r.rdx + 1) / 2;
		ptrace(PTRACE_SETREGS, t->tid, 0, &r);
	}
}

static int
is_zero(const char *p, size_t n)
{
	return n > 0 && p[0] == '\0' && memcmp(p, p + 1, n - 1) == 0;
}

/* A line and the bytes.  A short write has as many as were written. */
static void
record_call(const struct task *t, long result)
{
	size_t n = t->p.data_size;
	int zero;

	if (record == NULL || t->p.call->nr == SYS_pread64 ||
	    strncmp(t->p.path, only_path, strlen(only_path)) != 0)
		return;
	if (n > 0 && result >= 0 && (size_t)result < n)
		n = (size_t)result;
	if (result < 0)
		n = 0;
	zero = is_zero(t->p.data, n);
	fprintf(record, "%" PRIu64 " %" PRIu64 " %s %ld %" PRIu64 " %zu %d %d"
	    "\t%s\t%s\n", t->start_ns, clock_ns(), t->p.call->name, result,
	    t->p.offset, n, zero, t->tid != pid, t->p.path, t->p.path2);
	if (!zero && fwrite(t->p.data, 1, n, record) != n)
		err(1, "record");
}

static void
call_leave(struct task *t)
{
	struct user_regs_struct r;

	if (t->p.call == NULL || ptrace(PTRACE_GETREGS, t->tid, 0, &r) == -1)
		return;
	if (t->action == FAIL) {
		r.rax = (unsigned long long)-(long long)action_errno;
		ptrace(PTRACE_SETREGS, t->tid, 0, &r);
	} else if (t->action == HALF)
		kill(pid, SIGKILL);
	record_call(t, (long)r.rax);
	t->p.call = NULL;
}

static void
on_call(struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_enter(t);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		call_leave(t);
}

static void
finish(const char *how)
{
	if (record != NULL && fclose(record) != 0)
		err(1, "record");
	printf("%s %lu\n", how, count);
	exit(0);
}

/* Not what it made with clone(2) that is no thread of it. */
static int
is_thread(pid_t tid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%ld/task/%ld", (long)pid,
	    (long)tid);
	return access(name, F_OK) == 0;
}

/* What to do after a stop: the request and the signal with it. */
static int
on_stop(struct task *t, int status, int *sig)
{
	*sig = WSTOPSIG(status);
	if (*sig == (SIGTRAP | 0x80)) {
		on_call(t);
		*sig = 0;
	} else if (status >> 16 == PTRACE_EVENT_STOP) {
		if (*sig != SIGTRAP && !is_leaving)
			return PTRACE_LISTEN;
		*sig = 0;
	} else if (status >> 16 != 0)
		*sig = 0;
	return is_leaving && t->p.call == NULL ? PTRACE_DETACH :
	    PTRACE_SYSCALL;
}

static int
has_tasks(void)
{
	struct task *t;

	for (t = tasks; t < tasks + TASKS_MAX; t++)
		if (t->tid != 0)
			return 1;
	return 0;
}

static void
follow(void)
{
	int status, request, sig, has_left = 0;
	struct task *t;
	pid_t tid;

	while (has_tasks()) {
		if ((tid = waitpid(-1, &status, __WALL)) == -1) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (!WIFSTOPPED(status)) {
			if ((t = task_find(tid)) != NULL)
				t->tid = 0;
			continue;
		}
		if (!is_thread(tid)) {
			ptrace(PTRACE_DETACH, tid, 0, 0);
			continue;
		}
		t = task_add(tid);
		request = on_stop(t, status, &sig);
		ptrace(request, tid, 0, sig);
		if (request == PTRACE_DETACH) {
			t->tid = 0;
			has_left = 1;
		}
	}
	finish(has_left ? "left" : "gone");
}

/* -1: it is gone, or held already. */
static int
hold_one(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) == -1)
		return -1;
	task_add(tid);
	return ptrace(PTRACE_INTERRUPT, tid, 0, 0);
}

/* How many threads that were not held yet: more may begin meanwhile. */
static int
hold_threads(void)
{
	char name[64];
	struct dirent *d;
	DIR *dir;
	pid_t tid;
	int n = 0;

	snprintf(name, sizeof(name), "/proc/%ld/task", (long)pid);
	if ((dir = opendir(name)) == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		tid = (pid_t)strtol(d->d_name, NULL, 10);
		if (tid > 0 && task_find(tid) == NULL && hold_one(tid) == 0)
			n++;
	}
	closedir(dir);
	return n;
}

static void
hold(void)
{
	if (hold_one(pid) == -1)
		err(1, "hold %ld", (long)pid);
	while (hold_threads() > 0)
		;
}

static void
run_command(char **argv)
{
	int gate[2];
	char c;

	if (pipe(gate) == -1 || (pid = fork()) == -1)
		err(1, NULL);
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &c, 1) != 0)
			_exit(127);
		close(gate[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(gate[0]);
	hold();
	close(gate[1]);
}

static void
set_action(const char *name)
{
	size_t i;

	if (strcmp(name, "kill") == 0)
		action = KILL;
	else if (strcmp(name, "half") == 0)
		action = HALF;
	else {
		for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			if (strcmp(name, errors[i].name) == 0) {
				action = FAIL;
				action_errno = errors[i].number;
				return;
			}
		errx(1, "unknown action: %s", name);
	}
}

static void
catch_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
}

int
main(int argc, char **argv)
{
	int ch;

	while ((ch = getopt(argc, argv, "+Pa:c:f:n:o:p:t")) != -1)
		switch (ch) {
		case 'P':
			is_persistent = 1;
			break;
		case 'a':
			set_action(optarg);
			break;
		case 'c':
			only_calls = optarg;
			break;
		case 'f':
			only_path = optarg;
			break;
		case 'n':
			at = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			if ((record = fopen(optarg, "wb")) == NULL)
				err(1, "%s", optarg);
			break;
		case 'p':
			pid = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 't':
			of_threads = 1;
			break;
		default:
			return 1;
		}
	if ((pid > 0) == (optind < argc))
		errx(1, "a process or a command");
	if (pid > 0)
		hold();
	else
		run_command(argv + optind);
	catch_signals();
	puts("ready");
	fflush(stdout);
	follow();
}
