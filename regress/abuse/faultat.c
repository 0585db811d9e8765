/*
 * Kills a running process at its n-th write-type system call, makes such
 * calls fail, or writes down what it changes on the disk and when.  For tests
 * only; works from outside with ptrace(2), so that the process keeps its
 * sandbox and its libraries.  Linux on x86_64.
 *
 *	faultat [-P] [-a action] [-c calls] [-f path] [-n number] [-o record]
 *	    -p pid | command ...
 *
 * -a	kill: before the call; half: after half of its bytes (calls without
 *	bytes: after it); a name like ENOSPC: it fails
 * -c	names of calls, with commas between; else all below that write
 * -f	only calls about files whose path begins like this
 * -n	the number of the call, from 1; 0: none, count only
 * -P	all calls from that one on, until SIGUSR1 lifts the fault
 *
 * Prints "ready" when the process is held, "hit CALL PATH" at the first fault,
 * and at the end "gone COUNT", or "left COUNT" after SIGTERM: the process goes
 * on alone then.  The record is read by regress/lib/record.py.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE	(2 * PATH_MAX)
#define IOV_MAX_READ	64

/* What the arguments are. */
enum shape {
	FD_BYTES,		/* fd, buffer, size; at the file's position */
	FD_BYTES_AT,		/* the same and an offset */
	FD_VECTOR,		/* fd, vector */
	FD_ONLY,
	FD_SIZE,		/* fd, new size */
	FD_RANGE,		/* fd, mode, offset, size */
	PATH_ONE, PATH_TWO,
	AT_ONE, AT_TWO,		/* with descriptors of directories */
	AT_OPEN			/* counts only if it may make a file */
};

static const struct call {
	const char	*name;
	long		 nr;
	enum shape	 shape;
} calls[] = {
	{ "pread64",	SYS_pread64,	FD_ONLY },	/* if it is named */
	{ "write",	SYS_write,	FD_BYTES },
	{ "pwrite64",	SYS_pwrite64,	FD_BYTES_AT },
	{ "writev",	SYS_writev,	FD_VECTOR },
	{ "pwritev",	SYS_pwritev,	FD_VECTOR },
	{ "fsync",	SYS_fsync,	FD_ONLY },
	{ "fdatasync",	SYS_fdatasync,	FD_ONLY },
	{ "ftruncate",	SYS_ftruncate,	FD_SIZE },
	{ "fallocate",	SYS_fallocate,	FD_RANGE },
	{ "sendmsg",	SYS_sendmsg,	FD_ONLY },
	{ "sendto",	SYS_sendto,	FD_ONLY },
	{ "open",	SYS_openat,	AT_OPEN },
	{ "mkdir",	SYS_mkdir,	PATH_ONE },
	{ "mkdir",	SYS_mkdirat,	AT_ONE },
	{ "rmdir",	SYS_rmdir,	PATH_ONE },
	{ "unlink",	SYS_unlink,	PATH_ONE },
	{ "unlink",	SYS_unlinkat,	AT_ONE },
	{ "rename",	SYS_rename,	PATH_TWO },
	{ "rename",	SYS_renameat,	AT_TWO },
	{ "rename",	SYS_renameat2,	AT_TWO },
	{ "link",	SYS_link,	PATH_TWO },
	{ "link",	SYS_linkat,	AT_TWO },
};
#define NCALLS	(sizeof(calls) / sizeof(calls[0]))

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
static int		 is_persistent, was_hit;
static unsigned long	 at = 1, count;
static const char	*only_calls, *only_path = "";
static FILE		*record;
static volatile sig_atomic_t is_lifted, is_leaving;

/* The call under way. */
static const struct call	*now;
static enum action		 now_action;
static struct user_regs_struct	 now_regs;
static uint64_t			 now_start_ns, now_offset;
static char			 path[PATH_SIZE], path2[PATH_SIZE];
static char			*data;
static size_t			 data_size, data_room;

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		is_lifted = 1;
	else {
		is_leaving = 1;
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	}
}

static size_t
peek(unsigned long long address, void *out, size_t size)
{
	struct iovec here = { out, size };
	struct iovec there = { (void *)(uintptr_t)address, size };
	ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return n == -1 ? 0 : (size_t)n;
}

/* A string may end just before a page that is not there. */
static void
peek_string(unsigned long long address, char *out, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++)
		if (peek(address + i, out + i, 1) != 1 || out[i] == '\0')
			break;
	out[i] = '\0';
}

static void
proc_link(const char *what, char *out, size_t size)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%ld/%s", (long)pid, what);
	n = readlink(name, out, size - 1);
	out[n == -1 ? 0 : n] = '\0';
}

static void
path_of_fd(int fd, char *out)
{
	char name[32];

	if (fd == AT_FDCWD)
		snprintf(name, sizeof(name), "cwd");
	else
		snprintf(name, sizeof(name), "fd/%d", fd);
	proc_link(name, out, PATH_MAX);
}

/* As it is seen from here: the process may have another root. */
static void
path_at(int fd, unsigned long long address, char *out)
{
	char name[PATH_MAX];
	size_t n;

	peek_string(address, name, sizeof(name));
	if (name[0] == '/') {
		proc_link("root", out, PATH_MAX);
		n = strcmp(out, "/") == 0 ? 0 : strlen(out);
		snprintf(out + n, PATH_SIZE - n, "%s", name);
		return;
	}
	path_of_fd(fd, out);
	n = strlen(out);
	snprintf(out + n, PATH_SIZE - n, "/%s", name);
}

static uint64_t
fd_position(int fd)
{
	char name[64], line[128];
	unsigned long long pos = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%ld/fdinfo/%d", (long)pid, fd);
	if ((f = fopen(name, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "pos: %llu", &pos) == 1)
			break;
	fclose(f);
	return pos;
}

static void
data_take(unsigned long long address, size_t size)
{
	if (record == NULL || size == 0)
		return;
	if (data_size + size > data_room) {
		data_room = (data_size + size) * 2;
		if ((data = realloc(data, data_room)) == NULL)
			err(1, NULL);
	}
	if (peek(address, data + data_size, size) != size)
		errx(1, "cannot read the bytes of %s", now->name);
	data_size += size;
}

static void
data_take_vector(unsigned long long address, size_t n)
{
	struct iovec v[IOV_MAX_READ];
	size_t i;

	if (n > IOV_MAX_READ)
		errx(1, "a vector too long");
	if (peek(address, v, n * sizeof(v[0])) != n * sizeof(v[0]))
		errx(1, "cannot read a vector");
	for (i = 0; i < n; i++)
		data_take((unsigned long long)(uintptr_t)v[i].iov_base,
		    v[i].iov_len);
}

/* Arguments of the call: paths, offset and bytes. */
static void
call_arguments(const struct user_regs_struct *r)
{
	int is_file;

	path[0] = path2[0] = '\0';
	data_size = 0;
	now_offset = 0;
	switch (now->shape) {
	case PATH_ONE:
	case PATH_TWO:
		path_at(AT_FDCWD, r->rdi, path);
		if (now->shape == PATH_TWO)
			path_at(AT_FDCWD, r->rsi, path2);
		return;
	case AT_ONE:
	case AT_TWO:
	case AT_OPEN:
		path_at((int)r->rdi, r->rsi, path);
		if (now->shape == AT_TWO)
			path_at((int)r->rdx, r->r10, path2);
		return;
	default:
		path_of_fd((int)r->rdi, path);
	}
	is_file = path[0] == '/' && strncmp(path, only_path,
	    strlen(only_path)) == 0;
	switch (now->shape) {
	case FD_BYTES:
	case FD_BYTES_AT:
		if (is_file)
			data_take(r->rsi, r->rdx);
		break;
	case FD_VECTOR:
		if (is_file)
			data_take_vector(r->rsi, r->rdx);
		break;
	case FD_SIZE:
		now_offset = r->rsi;
		break;
	case FD_RANGE:
		now_offset = r->rdx + r->r10;
		break;
	default:
		break;
	}
	if (now->shape == FD_BYTES_AT ||
	    (now->shape == FD_VECTOR && now->nr == SYS_pwritev))
		now_offset = r->r10;
	else if (is_file && record != NULL && (now->shape == FD_BYTES ||
	    now->shape == FD_VECTOR))
		now_offset = fd_position((int)r->rdi);
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
call_is_chosen(void)
{
	if (!is_named(now->name) ||
	    strncmp(path, only_path, strlen(only_path)) != 0)
		return 0;
	count++;
	if (action == NOTHING || is_lifted || at == 0)
		return 0;
	return count == at || (is_persistent && count > at);
}

static void
call_enter(void)
{
	size_t i;

	now_action = NOTHING;
	now = NULL;
	if (ptrace(PTRACE_GETREGS, pid, 0, &now_regs) == -1)
		return;
	for (i = 0; i < NCALLS && calls[i].nr != (long)now_regs.orig_rax; i++)
		;
	if (i == NCALLS || (calls[i].shape == AT_OPEN &&
	    ((int)now_regs.rdx & O_CREAT) == 0))
		return;
	now = &calls[i];
	now_start_ns = clock_ns();
	call_arguments(&now_regs);
	if (!call_is_chosen())
		return;
	if (!was_hit) {
		printf("hit %s %s\n", now->name, path);
		fflush(stdout);
	}
	was_hit = 1;
	now_action = action;
	if (action == KILL)
		kill(pid, SIGKILL);
	else if (action == FAIL) {
		/* a call that every sandbox has, and that does nothing */
		struct user_regs_struct r = now_regs;

		r.orig_rax = SYS_getppid;
		ptrace(PTRACE_SETREGS, pid, 0, &r);
	} else if (now->shape == FD_BYTES || now->shape == FD_BYTES_AT) {
		struct user_regs_struct r = now_regs;

		r.rdx = (r.rdx + 1) / 2;
		ptrace(PTRACE_SETREGS, pid, 0, &r);
	}
}

static int
is_zero(const char *p, size_t n)
{
	return n > 0 && p[0] == '\0' && memcmp(p, p + 1, n - 1) == 0;
}

/* A line and the bytes.  A short write has as many as were written. */
static void
record_call(long result)
{
	size_t n = data_size;
	int zero;

	if (record == NULL || now->nr == SYS_pread64 ||
	    strncmp(path, only_path, strlen(only_path)) != 0)
		return;
	if (n > 0 && result >= 0 && (size_t)result < n)
		n = (size_t)result;
	if (result < 0)
		n = 0;
	zero = is_zero(data, n);
	fprintf(record, "%" PRIu64 " %" PRIu64 " %s %ld %" PRIu64 " %zu %d"
	    "\t%s\t%s\n", now_start_ns, clock_ns(), now->name, result,
	    now_offset, n, zero, path, path2);
	if (!zero && fwrite(data, 1, n, record) != n)
		err(1, "record");
}

static void
call_leave(void)
{
	struct user_regs_struct r;

	if (now == NULL || ptrace(PTRACE_GETREGS, pid, 0, &r) == -1)
		return;
	if (now_action == FAIL) {
		r.rax = (unsigned long long)-(long long)action_errno;
		ptrace(PTRACE_SETREGS, pid, 0, &r);
	} else if (now_action == HALF)
		kill(pid, SIGKILL);
	record_call((long)r.rax);
	now = NULL;
}

static void
on_call(void)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_enter();
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		call_leave();
}

static void
finish(const char *how)
{
	if (record != NULL && fclose(record) != 0)
		err(1, "record");
	printf("%s %lu\n", how, count);
	exit(0);
}

/* What to do after a stop: the request and the signal with it. */
static int
on_stop(int status, int *sig)
{
	*sig = WSTOPSIG(status);
	if (*sig == (SIGTRAP | 0x80)) {
		on_call();
		*sig = 0;
	} else if (status >> 16 == PTRACE_EVENT_STOP) {
		if (*sig != SIGTRAP)
			return PTRACE_LISTEN;
		*sig = 0;
	}
	return is_leaving && now == NULL ? PTRACE_DETACH : PTRACE_SYSCALL;
}

static void
follow(void)
{
	int status, request, sig;

	for (;;) {
		if (waitpid(pid, &status, __WALL) == -1) {
			if (errno == EINTR)
				continue;
			finish("gone");
		}
		if (!WIFSTOPPED(status))
			finish("gone");
		request = on_stop(status, &sig);
		ptrace(request, pid, 0, sig);
		if (request == PTRACE_DETACH)
			finish("left");
	}
}

static void
hold(void)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == -1)
		err(1, "seize %ld", (long)pid);
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == -1)
		err(1, "interrupt");
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

	while ((ch = getopt(argc, argv, "+Pa:c:f:n:o:p:")) != -1)
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
