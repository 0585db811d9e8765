/*
 * inside PID: makes system calls from within a running process, to see what
 * its sandbox does with them.  For cases/75-sandbox.py; needs root.
 *
 * Each line of standard input is one call: a number, then up to six
 * arguments; each line of output is what became of it: its result, or
 * "killed SIGNAL", after which there is nothing more to ask.  An argument is
 * a number, or s:TEXT, z:BYTES of zeros, x:HEX, of which the call gets the
 * address.  "i386:NUMBER" makes the call by the gate of another machine.
 * "filter" prints the seccomp programs of the process, newest first.
 *
 * The process is stopped in a system call of its own, at the instruction
 * after it; that is executed again with other registers, and at the end
 * everything is put back as it was.
 */
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/elf.h>
#include <linux/filter.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER	0x420c
#endif
#define AREA		2048	/* bytes for what arguments point to */
#define BELOW		4096	/* where they are, below the stack pointer */
#define TRIES		200

#if defined(__x86_64__)
#include <sys/user.h>
#define REGS		struct user_regs_struct
#define PC(r)		(r).rip
#define SP(r)		(r).rsp
#define RESULT(r)	(r).rax
#define NUMBER(r)	(r).orig_rax
static const unsigned char	gate[] = { 0x0f, 0x05 };
static const unsigned char	gate_i386[] = { 0xcd, 0x80 };
#elif defined(__aarch64__)
#include <asm/ptrace.h>
#define REGS		struct user_pt_regs
#define PC(r)		(r).pc
#define SP(r)		(r).sp
#define RESULT(r)	(r).regs[0]
#define NUMBER(r)	(r).regs[8]
static const unsigned char	gate[] = { 0x01, 0x00, 0x00, 0xd4 };
#else
#error "registers of this machine"
#endif

static pid_t	pid;
static int	mem_fd;
static REGS	saved;

static void
get_regs(REGS *r)
{
	struct iovec	iov = { r, sizeof(*r) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) == -1)
		err(1, "registers");
}

static void
set_regs(const REGS *r)
{
	REGS		copy = *r;
	struct iovec	iov = { &copy, sizeof(copy) };
#ifdef __aarch64__
	int		none = -1;
	struct iovec	nr = { &none, sizeof(none) };
#endif

	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov) == -1)
		err(1, "registers");
#ifdef __aarch64__
	/* Else the kernel may begin the interrupted call again by itself. */
	(void)ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &nr);
#endif
}

/* Nothing of this is restarted by the kernel: it is done here. */
static void
at_gate(REGS *r, unsigned long nr, const unsigned long args[6])
{
	PC(*r) -= sizeof(gate);
#ifdef __x86_64__
	r->rax = nr;
	r->orig_rax = (unsigned long)-1;
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	r->r10 = args[3];
	r->r8 = args[4];
	r->r9 = args[5];
#else
	int	i;

	r->regs[8] = nr;
	for (i = 0; i < 6; i++)
		r->regs[i] = args[i];
#endif
}

static int
is_in_call(void)
{
	unsigned char	insn[sizeof(gate)];

	get_regs(&saved);
	return (long)NUMBER(saved) >= 0 && pread(mem_fd, insn, sizeof(insn),
	    (off_t)(PC(saved) - sizeof(gate))) == sizeof(insn) &&
	    memcmp(insn, gate, sizeof(gate)) == 0;
}

static void
attach(void)
{
	struct timespec	pause = { 0, 5 * 1000 * 1000 };
	char		path[64];
	int		i, status;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	if ((mem_fd = open(path, O_RDWR)) == -1)
		err(1, "%s", path);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD) ==
	    -1)
		err(1, "attach");
	for (i = 0; i < TRIES; i++) {
		if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1 ||
		    waitpid(pid, &status, __WALL) == -1)
			err(1, "stop");
		if (!WIFSTOPPED(status))
			errx(1, "it has ended");
		if (is_in_call())
			return;
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) == -1)
			err(1, "continue");
		nanosleep(&pause, NULL);
	}
	errx(1, "it makes no system calls");
}

/* 1: what was saved can be made again without loss. */
static int
is_interrupted(void)
{
	long	result = (long)RESULT(saved);

	return result == -EINTR || (result <= -512 && result >= -516);
}

static void
detach(void)
{
#ifdef __x86_64__
	REGS	r = saved;

	if (is_interrupted()) {
		PC(r) -= sizeof(gate);
		r.rax = saved.orig_rax;
	}
	r.orig_rax = (unsigned long)-1;
#else
	REGS	r = saved;

	/* x0 is lost: the caller sees an interruption. */
	if (is_interrupted())
		RESULT(r) = (unsigned long)-EINTR;
#endif
	set_regs(&r);
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
		err(1, "detach");
}

/* To the next entry or exit of a call; 0: it has died. */
static int
step(void)
{
	int	sig = 0, status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig) == -1)
			err(1, "step");
		if (waitpid(pid, &status, __WALL) == -1)
			err(1, "wait");
		if (WIFSIGNALED(status)) {
			printf("killed %s\n", WTERMSIG(status) == SIGSYS ?
			    "SIGSYS" : strsignal(WTERMSIG(status)));
			return 0;
		}
		if (WIFEXITED(status)) {
			printf("exited\n");
			return 0;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 1;
		sig = status >> 16 != 0 ? 0 : WSTOPSIG(status);
	}
}

/* A filter's signal comes when the call is left: a death, or a handler's. */
static int
is_signalled(void)
{
	char			path[64], line[256];
	unsigned long long	pending = 0;
	FILE			*f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 1;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "SigPnd: %llx", &pending) == 1)
			break;
	fclose(f);
	return (pending >> (SIGSYS - 1) & 1) != 0;
}

static int
call(unsigned long nr, const unsigned long args[6], const unsigned char *code)
{
	REGS	r = saved;
	off_t	at = (off_t)(PC(saved) - sizeof(gate));

	if (code != gate && pwrite(mem_fd, code, sizeof(gate), at) == -1)
		err(1, "code");
	at_gate(&r, nr, args);
#ifdef __x86_64__
	if (code != gate) {
		r.rbx = args[0];
		r.rcx = args[1];
	}
#endif
	set_regs(&r);
	if (!step() || !step())
		return 0;
	get_regs(&r);
	if (is_signalled()) {
		/* Back from the handler it is where it was, or gone. */
		do {
			if (!step())
				return 0;
			get_regs(&r);
		} while (PC(r) != PC(saved) || SP(r) != SP(saved));
	}
	if (code != gate && pwrite(mem_fd, gate, sizeof(gate), at) == -1)
		err(1, "code");
	printf("%ld\n", (long)RESULT(r));
	return 1;
}

static size_t
hex(const char *s, unsigned char *out, size_t max)
{
	unsigned int	byte;
	size_t		n;

	for (n = 0; n < max && sscanf(s + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (unsigned char)byte;
	return n;
}

/* The value of an argument; what it points to is written to the stack. */
static unsigned long
argument(const char *s, size_t *used)
{
	unsigned char	data[AREA] = { 0 };
	unsigned long	where;
	size_t		n = 0, room = AREA - *used;

	if (strncmp(s, "s:", 2) == 0)
		n = (size_t)snprintf((char *)data, sizeof(data), "%s",
		    s + 2) + 1;
	else if (strncmp(s, "z:", 2) == 0)
		n = strtoul(s + 2, NULL, 0);
	else if (strncmp(s, "x:", 2) == 0)
		n = hex(s + 2, data, sizeof(data));
	else
		return (unsigned long)strtoll(s, NULL, 0);
	n = (n + 15) & ~15UL;
	if (n > room)
		errx(1, "too long: %s", s);
	where = (SP(saved) & ~15UL) - BELOW + *used;
	if (pwrite(mem_fd, data, n, (off_t)where) != (ssize_t)n)
		err(1, "memory");
	*used += n;
	return where;
}

static void
print_filters(void)
{
	struct sock_filter	insn[4096];
	long			n, i, j;

	for (i = 0; (n = ptrace((enum __ptrace_request)
	    PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, insn)) != -1; i++) {
		for (j = 0; j < n; j++)
			printf("%s%x,%u,%u,%x", j == 0 ? "" : " ",
			    insn[j].code, insn[j].jt, insn[j].jf, insn[j].k);
		printf("\n");
	}
	printf("%s\n", i == 0 ? strerror(errno) : "end");
}

int
main(int argc, char **argv)
{
	const unsigned char	*code;
	unsigned long		 args[6], nr;
	char			 line[8192], *p, *word;
	size_t			 used;
	int			 n;

	if (argc != 2 || (pid = atoi(argv[1])) <= 0)
		errx(1, "usage: inside pid");
	setvbuf(stdout, NULL, _IOLBF, 0);
	attach();
	while (fgets(line, sizeof(line), stdin) != NULL) {
		p = line;
		p[strcspn(p, "\n")] = '\0';
		word = strsep(&p, " ");
		if (strcmp(word, "filter") == 0) {
			print_filters();
			continue;
		}
		code = gate;
#ifdef __x86_64__
		if (strncmp(word, "i386:", 5) == 0) {
			code = gate_i386;
			word += 5;
		}
#endif
		nr = strtoul(word, NULL, 0);
		memset(args, 0, sizeof(args));
		used = 0;
		for (n = 0; n < 6 && (word = strsep(&p, " ")) != NULL; n++)
			args[n] = argument(word, &used);
		if (!call(nr, args, code))
			return 0;
	}
	detach();
	return 0;
}
