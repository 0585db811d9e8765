/*
 * Which system calls each profile may make, as a seccomp program.
 *
 * Called by sandbox_linux.c.  No state.  One table: a call, the profiles that
 * have it, and what its arguments must satisfy.  Calls that a machine lacks
 * fall out by #ifdef.  What is not listed kills the process, except for a
 * few look-ups of files that libraries try and whose failure they bear:
 * those get EACCES where a profile has no files.
 *
 * SANDBOX_SYSTEM runs modules that nobody can list the calls of, and
 * SANDBOX_COMMAND any program.  They have the
 * reverse: a list of what changes the system, looks into other processes or
 * makes name spaces; those calls fail with EPERM.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>

#include "base/sandbox_calls.h"

#define COMPUTE	(1U << SANDBOX_COMPUTE)
#define ACCEPT	(1U << SANDBOX_ACCEPT)
#define ANSWER	(1U << SANDBOX_ANSWER)
#define CONNECT	(1U << SANDBOX_CONNECT)
#define LOOKUP	(1U << SANDBOX_LOOKUP)
#define STORE	(1U << SANDBOX_STORE)
#define MAILBOX	(1U << SANDBOX_MAILBOX)
#define FILES	(STORE | MAILBOX)
#define OUTSIDE	(CONNECT | LOOKUP)
#define ALL	(COMPUTE | ACCEPT | ANSWER | OUTSIDE | FILES)

enum test {
	FREE,			/* any arguments */
	NO_EXEC,		/* mmap, mprotect: no PROT_EXEC */
	PLAIN_FCNTL,		/* flags of a descriptor only */
	LOCKING_FCNTL,		/* and locks of records */
	TCP,			/* socket: of the Internet, TCP */
	TCP_OR_UDP,		/* the same or UDP */
	OPTIONS,		/* setsockopt: those of the profile */
	READ_LIMIT,		/* prlimit64: no new limit */
	PLAIN_IOCTL,		/* FIONREAD, FIONBIO, terminal test */
	DENY			/* EACCES */
};

struct call {
	int		nr;
	uint32_t	profiles;
	enum test	test;
};

#define CALL(name, profiles, test)	{ __NR_##name, profiles, test },

/* The calls of every message stand first: the kernel walks the list for
 * those whose arguments are tested. */
static const struct call calls[] = {
	CALL(recvmsg, ALL, FREE)
	CALL(sendmsg, ALL, FREE)
	CALL(read, ALL, FREE)
	CALL(write, ALL, FREE)
#ifdef __NR_epoll_wait
	CALL(epoll_wait, ALL, FREE)
#endif
	CALL(epoll_pwait, ALL, FREE)
#ifdef __NR_epoll_pwait2
	CALL(epoll_pwait2, ALL, FREE)
#endif
	CALL(epoll_ctl, ALL, FREE)
	CALL(pread64, FILES, FREE)
	CALL(pwrite64, FILES, FREE)
	CALL(fdatasync, FILES, FREE)
	CALL(fsync, FILES, FREE)
	CALL(mmap, ALL, NO_EXEC)
	CALL(mprotect, ALL, NO_EXEC)
	CALL(fcntl, FILES, LOCKING_FCNTL)
	CALL(fcntl, ALL & ~FILES, PLAIN_FCNTL)
	CALL(munmap, ALL, FREE)
	CALL(mremap, ALL, FREE)
	CALL(madvise, ALL, FREE)
	CALL(brk, ALL, FREE)
	CALL(futex, ALL, FREE)
	CALL(readv, ALL, FREE)
	CALL(writev, ALL, FREE)
	CALL(close, ALL, FREE)
	CALL(shutdown, ACCEPT | OUTSIDE, FREE)
	CALL(setsockopt, ALL, OPTIONS)
	CALL(getsockopt, ANSWER | OUTSIDE, FREE)
#ifdef __NR_poll
	CALL(poll, ALL, FREE)
#endif
	CALL(ppoll, ALL, FREE)
#ifdef __NR_select
	CALL(select, ALL, FREE)
#endif
	CALL(pselect6, ALL, FREE)
	CALL(getrandom, ALL, FREE)
	CALL(getpid, ALL, FREE)
	CALL(getppid, ALL, FREE)
	CALL(gettid, ALL, FREE)
	CALL(getuid, ALL, FREE)
	CALL(geteuid, ALL, FREE)
	CALL(getgid, ALL, FREE)
	CALL(getegid, ALL, FREE)
	CALL(clock_gettime, ALL, FREE)
	CALL(clock_getres, ALL, FREE)
	CALL(gettimeofday, ALL, FREE)
#ifdef __NR_time
	CALL(time, ALL, FREE)
#endif
	CALL(nanosleep, ALL, FREE)
	CALL(clock_nanosleep, ALL, FREE)
	CALL(sched_yield, ALL, FREE)
	CALL(sysinfo, ALL, FREE)
	CALL(uname, ALL, FREE)
	CALL(getrusage, ALL, FREE)
	CALL(rt_sigaction, ALL, FREE)
	CALL(rt_sigprocmask, ALL, FREE)
	CALL(rt_sigreturn, ALL, FREE)
	CALL(sigaltstack, ALL, FREE)
	CALL(restart_syscall, ALL, FREE)
	CALL(exit, ALL, FREE)
	CALL(exit_group, ALL, FREE)
	CALL(prlimit64, ALL, READ_LIMIT)
#ifdef __NR_getrlimit
	CALL(getrlimit, ALL, FREE)
#endif
	CALL(ioctl, ALL, PLAIN_IOCTL)

	CALL(accept4, ACCEPT | ANSWER, FREE)
	CALL(getsockname, OUTSIDE, FREE)
	CALL(getpeername, OUTSIDE, FREE)
	CALL(recvfrom, ALL, FREE)
	CALL(sendto, ALL, FREE)

	CALL(socket, CONNECT, TCP)
	CALL(socket, LOOKUP, TCP_OR_UDP)
	CALL(connect, OUTSIDE, FREE)
	CALL(bind, OUTSIDE, FREE)

	CALL(openat, FILES, FREE)
	CALL(fstat, ALL, FREE)
	CALL(newfstatat, FILES, FREE)
#ifdef __NR_statx
	CALL(statx, FILES, FREE)
#endif
	CALL(unlinkat, FILES, FREE)
	CALL(ftruncate, FILES, FREE)
	CALL(lseek, FILES, FREE)
	CALL(statfs, FILES, FREE)
	CALL(fstatfs, FILES, FREE)
	/* SQLite: also for temporary files of large sorts. */
#ifdef __NR_open
	CALL(open, STORE, FREE)
	CALL(stat, STORE, FREE)
	CALL(lstat, STORE, FREE)
	CALL(access, STORE, FREE)
	CALL(readlink, STORE, FREE)
	CALL(unlink, STORE, FREE)
#endif
	CALL(faccessat, STORE, FREE)
#ifdef __NR_faccessat2
	CALL(faccessat2, STORE, FREE)
#endif
	CALL(readlinkat, STORE, FREE)
	CALL(fallocate, STORE, FREE)
	CALL(getcwd, STORE, FREE)
	CALL(fchmod, STORE, FREE)
	/* Maildirs. */
#ifdef __NR_renameat
	CALL(renameat, MAILBOX, FREE)
#endif
	CALL(renameat2, MAILBOX, FREE)
	CALL(mkdirat, MAILBOX, FREE)
	CALL(dup, MAILBOX, FREE)
#ifdef __NR_sync_file_range
	CALL(sync_file_range, MAILBOX, FREE)
#endif

	/* libcrypto and libunbound look for files and bear their absence. */
	CALL(openat, OUTSIDE, DENY)
	CALL(newfstatat, OUTSIDE, DENY)
	CALL(faccessat, OUTSIDE, DENY)
#ifdef __NR_open
	CALL(open, OUTSIDE, DENY)
	CALL(stat, OUTSIDE, DENY)
	CALL(access, OUTSIDE, DENY)
#endif
#ifdef SANITIZED
	/* What a report of the sanitizer needs. */
	CALL(openat, ACCEPT | ANSWER | COMPUTE, DENY)
#ifdef __NR_readlink
	CALL(readlink, ALL, FREE)
#else
	CALL(readlinkat, ALL & ~STORE, FREE)
#endif
	CALL(prctl, ALL, FREE)
#endif
};

/* What each may set on a socket that it has. */
static const struct {
	uint32_t	level, name;
	uint32_t	profiles;
} socket_options[] = {
	{ SOL_SOCKET, SO_SNDBUF, ALL },
	{ SOL_SOCKET, SO_RCVBUF, ALL },
	{ IPPROTO_TCP, TCP_NODELAY, ACCEPT | OUTSIDE },
	{ SOL_SOCKET, SO_RCVTIMEO, ACCEPT },
	{ SOL_SOCKET, SO_SNDTIMEO, ACCEPT },
	{ SOL_SOCKET, SO_REUSEADDR, LOOKUP },
	{ SOL_SOCKET, SO_REUSEPORT, LOOKUP },
	{ IPPROTO_IP, IP_MTU_DISCOVER, LOOKUP },
	{ IPPROTO_IP, IP_TOS, LOOKUP },
	{ IPPROTO_IPV6, IPV6_V6ONLY, LOOKUP },
	{ IPPROTO_IPV6, IPV6_MTU, LOOKUP },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, LOOKUP },
	{ IPPROTO_IPV6, IPV6_TCLASS, LOOKUP },
	{ IPPROTO_TCP, TCP_MAXSEG, LOOKUP },
};

#define BAD(name)	__NR_##name,

static const int denied[] = {
	BAD(ptrace) BAD(process_vm_readv) BAD(process_vm_writev) BAD(kcmp)
	BAD(mount) BAD(umount2) BAD(pivot_root) BAD(chroot)
	BAD(unshare) BAD(setns)
	BAD(init_module) BAD(finit_module) BAD(delete_module)
	BAD(kexec_load) BAD(reboot) BAD(swapon) BAD(swapoff) BAD(acct)
	BAD(settimeofday) BAD(clock_settime) BAD(adjtimex)
	BAD(sethostname) BAD(setdomainname) BAD(quotactl) BAD(syslog)
	BAD(perf_event_open) BAD(personality) BAD(vhangup)
	BAD(open_by_handle_at) BAD(fanotify_init)
	BAD(listen) BAD(accept4)
	BAD(add_key) BAD(request_key) BAD(keyctl)
	BAD(name_to_handle_at) BAD(fanotify_mark)
#ifdef __NR_accept
	BAD(accept)
#endif
#ifdef __NR_ioperm
	BAD(ioperm) BAD(iopl) BAD(modify_ldt)
#endif
#ifdef __NR_bpf
	BAD(bpf)
#endif
#ifdef __NR_kexec_file_load
	BAD(kexec_file_load)
#endif
#ifdef __NR_userfaultfd
	BAD(userfaultfd)
#endif
#ifdef __NR_io_uring_setup
	BAD(io_uring_setup)
#endif
#ifdef __NR_pidfd_getfd
	BAD(pidfd_getfd)
#endif
#ifdef __NR_move_mount
	BAD(move_mount) BAD(open_tree) BAD(fsopen) BAD(fsmount)
#endif
#ifdef __NR_mount_setattr
	BAD(mount_setattr)
#endif
};

/* CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET */
#define CLONE_SPACES	0x7e020000U

struct program {
	struct sock_filter	*insn;
	size_t			 n, max;
	uint32_t		 forbidden;	/* the action */
};

static void
emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n < p->max) {
		p->insn[p->n].code = code;
		p->insn[p->n].k = k;
		p->insn[p->n].jt = jt;
		p->insn[p->n].jf = jf;
	}
	p->n++;
}

static void
load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
give(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* The low half of an argument; all machines are little-endian. */
static size_t
low(int arg)
{
	return offsetof(struct seccomp_data, args) + (size_t)arg * 8;
}

/* Forbidden unless the bits of mask in the argument are one of the values. */
static void
one_of(struct program *p, int arg, uint32_t mask, const uint32_t *values,
    uint8_t n)
{
	uint8_t	i;

	load(p, low(arg));
	if (mask != 0xffffffffU)
		emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	for (i = 0; i < n; i++)
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, values[i],
		    (uint8_t)(n - i), 0);
	give(p, p->forbidden);
}

/* Other protocols of these families are code of the kernel nobody needs. */
static void
inet_socket(struct program *p, int with_udp)
{
	static const uint32_t	families[] = { AF_INET, AF_INET6 };
	static const uint32_t	types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint32_t	protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP };

	one_of(p, 0, 0xffffffffU, families, 2);
	one_of(p, 1, 0xf, types, with_udp ? 2 : 1);
	one_of(p, 2, 0xffffffffU, protocols, with_udp ? 3 : 2);
	give(p, SECCOMP_RET_ALLOW);
}

/* libunbound tries options as its version has them, and bears a refusal. */
static void
options(struct program *p, enum sandbox_profile profile)
{
	size_t	i;

	for (i = 0; i < sizeof(socket_options) / sizeof(socket_options[0]);
	    i++) {
		if ((socket_options[i].profiles & (1U << profile)) == 0)
			continue;
		load(p, low(1));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, socket_options[i].level, 0,
		    3);
		load(p, low(2));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, socket_options[i].name, 0,
		    1);
		give(p, SECCOMP_RET_ALLOW);
	}
	give(p, profile == SANDBOX_LOOKUP ? SECCOMP_RET_ERRNO | ENOPROTOOPT :
	    p->forbidden);
}

/* The body of one call: ends in an action on every way. */
static void
test_arguments(struct program *p, enum test test, enum sandbox_profile profile)
{
	static const uint32_t	fcntls[] = { F_GETFL, F_SETFL, F_GETFD,
				    F_SETFD, F_DUPFD_CLOEXEC,
				    F_GETLK, F_SETLK };
	static const uint32_t	ioctls[] = { FIONREAD, FIONBIO, TCGETS };

	switch (test) {
	case FREE:
		give(p, SECCOMP_RET_ALLOW);
		break;
	case DENY:
		give(p, SECCOMP_RET_ERRNO | EACCES);
		break;
	case NO_EXEC:
		load(p, low(2));
		emit(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
		give(p, p->forbidden);
		give(p, SECCOMP_RET_ALLOW);
		break;
	case READ_LIMIT:
		load(p, low(2));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
		load(p, low(2) + 4);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		give(p, p->forbidden);
		give(p, SECCOMP_RET_ALLOW);
		break;
	case PLAIN_FCNTL:
	case LOCKING_FCNTL:
		one_of(p, 1, 0xffffffffU, fcntls, test == PLAIN_FCNTL ? 5 : 7);
		give(p, SECCOMP_RET_ALLOW);
		break;
	case TCP:
	case TCP_OR_UDP:
		inet_socket(p, test == TCP_OR_UDP);
		break;
	case OPTIONS:
		options(p, profile);
		break;
	case PLAIN_IOCTL:
		one_of(p, 1, 0xffffffffU, ioctls, 3);
		give(p, SECCOMP_RET_ALLOW);
		break;
	}
}

/*
 * clone(2) makes name spaces as unshare(2) does; the flags of clone3(2) are
 * out of sight, and without it libraries use clone(2).
 */
static void
deny_spaces(struct program *p)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4);
	load(p, low(0));
	emit(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_SPACES, 0, 1);
	give(p, SECCOMP_RET_ERRNO | EPERM);
	give(p, SECCOMP_RET_ALLOW);
#ifdef __NR_clone3
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1);
	give(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
}

/* What programs of users need; the others are rarely looked at. */
static void
deny_families(struct program *p)
{
	static const uint32_t	families[] = { AF_UNIX, AF_INET, AF_INET6,
				    AF_NETLINK };
	uint8_t			i, n = 4;

	emit(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, (uint8_t)(n + 3));
	load(p, low(0));
	for (i = 0; i < n; i++)
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, families[i],
		    (uint8_t)(n - i), 0);
	give(p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
	give(p, SECCOMP_RET_ALLOW);
}

static void
deny_listed(struct program *p)
{
	size_t	i;

	deny_spaces(p);
	deny_families(p);
	for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)denied[i], 0, 1);
		give(p, SECCOMP_RET_ERRNO | EPERM);
	}
	give(p, SECCOMP_RET_ALLOW);
}

size_t
sandbox_filter(enum sandbox_profile profile, uint32_t arch,
    uint32_t forbidden, struct sock_filter *insn, size_t max)
{
	struct program	p = { insn, 0, max, forbidden }, body;
	struct sock_filter scratch[96];
	const struct call *c;
	size_t		i;

	load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	give(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	/* The x32 calls of x86-64 have this bit. */
	emit(&p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1);
	give(&p, SECCOMP_RET_KILL_PROCESS);
	if (profile == SANDBOX_SYSTEM || profile == SANDBOX_COMMAND) {
		deny_listed(&p);
		return p.n <= max ? p.n : 0;
	}
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		c = &calls[i];
		if ((c->profiles & (1U << profile)) == 0)
			continue;
		/* The length of the body is the jump over it. */
		body.insn = scratch;
		body.n = 0;
		body.forbidden = forbidden;
		body.max = sizeof(scratch) / sizeof(scratch[0]);
		test_arguments(&body, c->test, profile);
		emit(&p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->nr, 0,
		    (uint8_t)body.n);
		test_arguments(&p, c->test, profile);
	}
	give(&p, forbidden);
	return p.n <= max ? p.n : 0;
}
