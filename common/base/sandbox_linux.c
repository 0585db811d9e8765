/*
 * Confinement by no_new_privs, Landlock and seccomp.
 *
 * Called by proc.c, twice.  First stage: Landlock with every right denied
 * that the kernel's ABI knows, except files below the root for those that
 * store.  Second stage: a seccomp allow-list; any other system call kills
 * the process.  Constants of newer kernels are written here, because older
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
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/sandbox_calls.h"

#if defined(__x86_64__)
#define OUR_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH	AUDIT_ARCH_AARCH64
#else
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

static int
has_files(enum sandbox_profile profile)
{
	return profile == SANDBOX_STORE || profile == SANDBOX_MAILBOX ||
	    profile == SANDBOX_SYSTEM;
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
		if (profile != SANDBOX_CONNECT && profile != SANDBOX_SYSTEM &&
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

	for (i = 0; i < 64; i++) {
		if ((kept >> i & 1) == 0 &&
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == -1) {
			if (errno == EINVAL)
				break;
			return -1;
		}
	}
	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	for (i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

int
sandbox_first(enum sandbox_profile profile)
{
	struct ruleset	r;
	size_t		size;
	int		abi, fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_warn("prctl no_new_privs");
		return -1;
	}
	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_warn("Landlock is not available (Linux 5.13 or later, "
		    "and \"landlock\" among the kernel's lsm=)");
		return -1;
	}
	size = fill_ruleset(&r, abi, profile);
	if (profile == SANDBOX_COMMAND && abi < 4)
		return 0;		/* it has nothing to deny */
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd == -1) {
		log_warn("landlock_create_ruleset");
		return -1;
	}
	if ((has_files(profile) && keep_files(fd, r.fs, profile) == -1) ||
	    (profile == SANDBOX_CONNECT && r.net != 0 &&
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
	if (profile == SANDBOX_SYSTEM && drop_capabilities() == -1) {
		log_warn("capabilities");
		return -1;
	}
	landlock_abi = abi;
	snprintf(in_force, sizeof(in_force), "landlock=%d seccomp=none", abi);
	return 0;
}

int
sandbox_second(enum sandbox_profile profile)
{
	struct sock_filter	filter[SANDBOX_FILTER_MAX];
	struct sock_fprog	prog;
	size_t			n;

	n = sandbox_filter(profile, OUR_ARCH, filter, SANDBOX_FILTER_MAX);
	if (n == 0) {
		log_warnx("seccomp filter too long");
		return -1;
	}
	memset(&prog, 0, sizeof(prog));
	prog.len = (unsigned short)n;
	prog.filter = filter;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == -1) {
		log_warn("seccomp");
		return -1;
	}
	snprintf(in_force, sizeof(in_force), "landlock=%d seccomp=kill",
	    landlock_abi);
	return 0;
}

const char *
sandbox_describe(void)
{
	return in_force;
}
