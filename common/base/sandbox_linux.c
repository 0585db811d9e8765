/*
 * Confinement by no_new_privs, Landlock and seccomp.
 *
 * Called by proc.c, twice.  First stage: Landlock with every right denied
 * that the kernel's ABI knows, except files below the root for those that
 * store.  Second stage: a seccomp allow-list; any other system call kills
 * the process.  A kernel that lacks one of the two is refused, or done without
 * if the mode says so.  Constants of newer kernels are written here, because older
 * headers lack them.  No state but what is in force.
 *
 * SANDBOX_SYSTEM keeps root: it loses capabilities, and writes only where
 * modules keep their counters.
 *
 * Landlock covers neither listen() nor UDP, stat() nor chmod(): those are
 * left to the allow-list.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/mman.h>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/sandbox_calls.h"

#if defined(__x86_64__)
#define OUR_ARCH	AUDIT_ARCH_X86_64
#define RESULT(u)	(u)->uc_mcontext.gregs[REG_RAX]
#elif defined(__aarch64__)
#define OUR_ARCH	AUDIT_ARCH_AARCH64
#define RESULT(u)	(u)->uc_mcontext.regs[0]
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH	AUDIT_ARCH_RISCV64
#define RESULT(u)	(u)->uc_mcontext.__gregs[REG_A0]
#else
/* i386 has one call for all that is done with sockets: not to be told apart. */
#error "no seccomp table for this machine"
#endif

/* Landlock, by ABI version. */
#define FS_ABI1		0x1fffULL		/* execute .. make_sym */
#define FS_REFER	(1ULL << 13)		/* 2 */
#define FS_TRUNCATE	(1ULL << 14)		/* 3 */
#define FS_IOCTL_DEV	(1ULL << 15)		/* 5 */
#define NET_BIND_TCP	(1ULL << 0)		/* 4 */
#define NET_CONNECT_TCP	(1ULL << 1)		/* 4 */
#define SCOPE_ABSTRACT	(1ULL << 0)		/* 6 */
#define SCOPE_SIGNAL	(1ULL << 1)		/* 6 */

#define FS_WRITE_FILE	(1ULL << 1)
#define FS_READ_FILE	(1ULL << 2)
#define FS_READ_DIR	(1ULL << 3)
#define FS_REMOVE_DIR	(1ULL << 4)
#define FS_REMOVE_FILE	(1ULL << 5)
#define FS_MAKE_DIR	(1ULL << 7)
#define FS_MAKE_REG	(1ULL << 8)
#define FS_MAKE_ANY	(0x7fULL << 6)		/* make_char .. make_sym */
#define FS_CHANGE	(FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | \
	FS_MAKE_ANY | FS_REFER | FS_TRUNCATE)
#define FS_KEEP	(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR | \
	FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif
#ifndef LANDLOCK_CREATE_RULESET_VERSION
#define LANDLOCK_CREATE_RULESET_VERSION	(1U << 0)
#endif

/* As of ABI 6; older kernels take a shorter one. */
struct ruleset {
	uint64_t	fs;
	uint64_t	net;
	uint64_t	scoped;
};

struct beneath {
	uint64_t	allowed;
	int32_t		parent_fd;
} __attribute__((packed));

#define RULE_NET_PORT	2

struct net_port {
	uint64_t	allowed;
	uint64_t	port;
};

static char	in_force[64] = "none";
static int	landlock_abi;
static int	has_filter;
static unsigned int	sandbox_mode;

static const char no_landlock[] = "no Landlock (Linux 5.13 or later, and "
    "\"landlock\" among the kernel's lsm=)";
static const char no_seccomp[] = "no seccomp filters (a kernel with "
    "CONFIG_SECCOMP_FILTER)";

static int
has_files(enum sandbox_profile profile)
{
	return profile == SANDBOX_STORE || profile == SANDBOX_MAILBOX ||
	    profile == SANDBOX_SYSTEM;
}

static int
is_outside(enum sandbox_profile profile)
{
	return profile == SANDBOX_CONNECT || profile == SANDBOX_LOOKUP;
}

/* What this kernel can deny; returns the size of the struct it takes. */
static size_t
fill_ruleset(struct ruleset *r, int abi, enum sandbox_profile profile)
{
	memset(r, 0, sizeof(*r));
	r->fs = FS_ABI1;
	if (abi >= 2)
		r->fs |= FS_REFER;
	if (abi >= 3)
		r->fs |= FS_TRUNCATE;
	if (abi >= 5)
		r->fs |= FS_IOCTL_DEV;
	if (profile == SANDBOX_SYSTEM)
		r->fs &= FS_CHANGE;
	if (profile == SANDBOX_COMMAND)
		r->fs = 0;
	if (abi >= 4) {
		r->net = NET_BIND_TCP;
		if (!is_outside(profile) && profile != SANDBOX_SYSTEM &&
		    profile != SANDBOX_COMMAND)
			r->net |= NET_CONNECT_TCP;
	}
	if (abi >= 6)
		r->scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	if (abi >= 6)
		return sizeof(*r);
	if (abi >= 4)
		return offsetof(struct ruleset, scoped);
	return offsetof(struct ruleset, net);
}

static int
keep_beneath(int ruleset_fd, const char *dir, uint64_t allowed)
{
	struct beneath	b;
	int		rc;

	b.allowed = allowed;
	b.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b.parent_fd == -1)
		return -1;
	rc = (int)syscall(SYS_landlock_add_rule, ruleset_fd,
	    LANDLOCK_RULE_PATH_BENEATH, &b, 0);
	close(b.parent_fd);
	return rc;
}

/*
 * Files below the root, which chroot(2) has made "/".  For modules: places
 * from which nothing is ever run; one that is not there is not missed.
 */
static int
keep_files(int ruleset_fd, uint64_t handled, enum sandbox_profile profile)
{
	static const char *const	dirs[] = { "/dev", "/tmp", "/var/tmp",
					    "/var/log", "/run/faillock" };
	size_t				i;

	if (profile != SANDBOX_SYSTEM)
		return keep_beneath(ruleset_fd, "/", FS_KEEP & handled);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (keep_beneath(ruleset_fd, dirs[i],
		    FS_KEEP & FS_CHANGE & handled) == -1 && errno != ENOENT)
			return -1;
	return 0;
}

/*
 * A source address is chosen by bind(2) to port 0, any that is free; those
 * of servers stay out of reach.
 */
static int
keep_source(int ruleset_fd)
{
	struct net_port	n = { NET_BIND_TCP, 0 };

	return (int)syscall(SYS_landlock_add_rule, ruleset_fd, RULE_NET_PORT,
	    &n, 0);
}

#define CAP(name)	(1ULL << (CAP_##name))

/* Of the bounding set; the kernel says where its own end. */
static int
drop_bounding(uint64_t kept)
{
	int	i;

	for (i = 0; i < 64; i++) {
		if ((kept >> i & 1) == 0 &&
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == -1)
			return errno == EINVAL ? 0 : -1;
	}
	return 0;
}

int
sandbox_privileges(void)
{
	if (drop_bounding(0) == 0)
		return 0;
	log_warn("capabilities");
	return -1;
}

/* Nor can a program that it starts have more: the bounding set goes too. */
static int
drop_capabilities(void)
{
	static const uint64_t	kept = CAP(CHOWN) | CAP(DAC_OVERRIDE) |
				    CAP(DAC_READ_SEARCH) | CAP(FOWNER) |
				    CAP(KILL) | CAP(SETGID) | CAP(SETUID) |
				    CAP(AUDIT_WRITE);
	struct __user_cap_header_struct	head = { _LINUX_CAPABILITY_VERSION_3,
					    0 };
	struct __user_cap_data_struct	data[2];
	int				i;

	if (drop_bounding(kept) == -1)
		return -1;
	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	for (i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

/* ABI of Landlock; 0: none. */
static int
find_landlock(void)
{
	long	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
		    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 1 ? 0 : abi > UINT8_MAX ? UINT8_MAX : (int)abi;
}

/* A kernel that has filters looks for one at the null pointer. */
static int
find_seccomp(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 &&
	    errno == EFAULT;
}

const char *
sandbox_probe(struct sandbox_facts *facts)
{
	static char	missing[256];
	int		filter = find_seccomp();

	facts->landlock = (uint8_t)find_landlock();
	facts->level = (uint8_t)((facts->landlock > 0) + filter);
	if (facts->level == SANDBOX_WHOLE)
		return NULL;
	snprintf(missing, sizeof(missing), "this kernel has %s%s%s",
	    facts->landlock > 0 ? "" : no_landlock,
	    facts->level == SANDBOX_NOTHING ? " and " : "",
	    filter ? "" : no_seccomp);
	return missing;
}

static int
restrict_files(enum sandbox_profile profile)
{
	struct ruleset	r;
	size_t		size;
	int		abi, fd;

	if ((abi = find_landlock()) == 0) {
		log_warn("Landlock is not available: this kernel has %s",
		    no_landlock);
		return sandbox_mode & SANDBOX_WEAK ? 0 : -1;
	}
	size = fill_ruleset(&r, abi, profile);
	landlock_abi = abi;
	if (profile == SANDBOX_COMMAND && abi < 4)
		return 0;		/* it has nothing to deny */
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd == -1) {
		log_warn("landlock_create_ruleset");
		return -1;
	}
	if ((has_files(profile) && keep_files(fd, r.fs, profile) == -1) ||
	    (is_outside(profile) && r.net != 0 &&
	    keep_source(fd) == -1)) {
		log_warn("landlock_add_rule");
		close(fd);
		return -1;
	}
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1) {
		log_warn("landlock_restrict_self");
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

int
sandbox_first(enum sandbox_profile profile, unsigned int mode)
{
	sandbox_mode = mode;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_warn("prctl no_new_privs");
		return -1;
	}
	if (restrict_files(profile) == -1)
		return -1;
	if (profile == SANDBOX_SYSTEM && drop_capabilities() == -1) {
		log_warn("capabilities");
		return -1;
	}
	snprintf(in_force, sizeof(in_force), "landlock=%d seccomp=none",
	    landlock_abi);
	return 0;
}

/*
 * Learning: the call that would have killed has not been made.  It fails, and
 * its number is logged, once.  Runs between any two instructions.
 */
static void
on_forbidden(int sig, siginfo_t *info, void *context)
{
	static unsigned char	 seen[1024 / 8];
	static const char	 text[] = "sandbox: forbidden system call ";
	ucontext_t		*u = context;
	unsigned int		 nr = (unsigned int)info->si_syscall, n = nr;
	char			 line[sizeof(text) + 10], *p;

	(void)sig;
	RESULT(u) = -ENOSYS;
	if (nr < 1024) {
		if (seen[nr / 8] & 1U << nr % 8)
			return;
		seen[nr / 8] |= (unsigned char)(1U << nr % 8);
	}
	memcpy(line, text, sizeof(text));
	p = line + sizeof(line) - 1;
	*p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	memmove(line + sizeof(text) - 1, p, strlen(p) + 1);
	log_signal(line);
}

static int
catch_forbidden(void)
{
	struct sigaction	sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_forbidden;
	sa.sa_flags = SA_SIGINFO;
	sigfillset(&sa.sa_mask);
	return sigaction(SIGSYS, &sa, NULL);
}

int
sandbox_second(enum sandbox_profile profile)
{
	struct sock_filter	filter[SANDBOX_FILTER_MAX];
	struct sock_fprog	prog;
	size_t			n;

	if (sandbox_mode & SANDBOX_LEARN && catch_forbidden() == -1) {
		log_warn("SIGSYS");
		return -1;
	}
	n = sandbox_filter(profile, OUR_ARCH, sandbox_mode & SANDBOX_LEARN ?
	    SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS, filter,
	    SANDBOX_FILTER_MAX);
	if (n == 0) {
		log_warnx("seccomp filter too long");
		return -1;
	}
	memset(&prog, 0, sizeof(prog));
	prog.len = (unsigned short)n;
	prog.filter = filter;
	/* for all threads, or none (the number of one that cannot follow) */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0) {
		/* Only a kernel without filters is done without them. */
		log_warn("seccomp: this kernel has %s", no_seccomp);
		return sandbox_mode & SANDBOX_WEAK && !find_seccomp() ? 0 : -1;
	}
	has_filter = 1;
	snprintf(in_force, sizeof(in_force), "landlock=%d seccomp=%s",
	    landlock_abi, sandbox_mode & SANDBOX_LEARN ? "log" : "kill");
	return 0;
}

void
sandbox_in_force(struct sandbox_facts *facts)
{
	facts->landlock = (uint8_t)landlock_abi;
	facts->level = sandbox_mode & SANDBOX_LEARN ? SANDBOX_NOTHING :
	    (uint8_t)((landlock_abi > 0) + has_filter);
}

const char *
sandbox_describe(void)
{
	return in_force;
}
