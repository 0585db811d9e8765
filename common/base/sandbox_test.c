/*
 * Each profile in a child of its own: what it must still be able to do, and
 * what must fail or kill it.  Landlock alone (first stage) and both stages.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/tap.h"

static int	 listener, pair[2];
static char	 dir[] = "/tmp/sandbox_test.XXXXXX";

/* 0: it worked. */
static int
try_links(void)
{
	char	c = 'x';

	return write(pair[0], &c, 1) == 1 && read(pair[1], &c, 1) == 1 ? 0 : 1;
}

static int
try_memory(void)
{
	void		*p = malloc(8 << 20);
	struct timespec	 ts;

	if (p == NULL || clock_gettime(CLOCK_REALTIME, &ts) == -1)
		return 1;
	memset(p, 1, 8 << 20);
	free(p);
	return 0;
}

static int
try_accept(void)
{
	int	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	return fd == -1;
}

static int
try_open(void)
{
	return open("/etc/passwd", O_RDONLY) == -1;
}

static int
try_create(void)
{
	int	fd = open("below", O_RDWR | O_CREAT, 0600);

	if (fd == -1 || write(fd, "x", 1) != 1 || fsync(fd) == -1 ||
	    close(fd) == -1)
		return 1;
	return unlinkat(AT_FDCWD, "below", 0) == -1;
}

static int
try_rename(void)
{
	int	fd = open("below", O_RDWR | O_CREAT, 0600);

	return fd == -1 || close(fd) == -1 ||
	    renameat(AT_FDCWD, "below", AT_FDCWD, "renamed") == -1 ||
	    unlinkat(AT_FDCWD, "renamed", 0) == -1 ||
	    mkdirat(AT_FDCWD, "sub", 0700) == -1 ||
	    unlinkat(AT_FDCWD, "sub", AT_REMOVEDIR) == -1;
}

static int
try_lock(void)
{
	struct flock	l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int		fd = open("below", O_RDWR | O_CREAT, 0600);

	return fd == -1 || fcntl(fd, F_SETLK, &l) == -1 ||
	    unlinkat(AT_FDCWD, "below", 0) == -1;
}

/* Would send signals. */
static int
try_owner(void)
{
	return fcntl(listener, F_SETOWN, getppid()) == -1;
}

static int
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) == -1;
}

static int
try_udp(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0) == -1;
}

static int
try_mptcp(void)
{
	/* A kernel without it says so. */
	return socket(AF_INET, SOCK_STREAM, 262) == -1 &&
	    errno != EPROTONOSUPPORT;
}

static int
try_buffer(void)
{
	int	n = 65536;

	return setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

static int
try_option(void)
{
	int	n = 1;

	return setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &n, sizeof(n));
}

static int
try_socket_program(void)
{
	char	p[16] = { 0 };

	return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, p,
	    sizeof(p)) == -1;
}

static int
try_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) == -1;
}

static int
try_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) == -1;
}

static int
try_connect(void)
{
	struct sockaddr_in	sin = { 0 };
	socklen_t		len = sizeof(sin);
	int			fd;

	if (getsockname(listener, (struct sockaddr *)&sin, &len) == -1 ||
	    (fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return 1;
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1;
}

static int
try_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

static int
try_fork(void)
{
	pid_t	pid = fork();

	if (pid == 0)
		_exit(0);
	return pid == -1;
}

static int
try_name_space(void)
{
	long	pid = syscall(SYS_clone, 0x10000000 | SIGCHLD, NULL, NULL,
		    NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid == -1;
}

static int
try_key(void)
{
	return syscall(SYS_keyctl, 0, -4, 0, 0, 0) == -1;
}

static int
try_kill(void)
{
	return kill(getppid(), 0) == -1;
}

static int
try_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int
try_limit(void)
{
	struct rlimit	rl = { 10, 10 };

	return setrlimit(RLIMIT_NOFILE, &rl) == -1;
}

static int
try_listen(void)
{
	return listen(listener, 10) == -1;
}

static int
try_chmod(void)
{
	return chmod("/tmp", 01777) == -1;
}

static int
try_passfd_dup(void)
{
	return fcntl(listener, F_DUPFD, 100) == -1;
}

static int
try_system_file(void)
{
	int	fd = open("/usr/.sandbox_test", O_WRONLY | O_CREAT, 0600);

	if (fd == -1)
		return 1;
	close(fd);
	return unlinkat(AT_FDCWD, "/usr/.sandbox_test", 0) == -1 ? 2 : 0;
}

static int
try_trace(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) == -1;
}

static int
try_clock(void)
{
	struct timespec	ts;

	return clock_gettime(CLOCK_REALTIME, &ts) == -1 ||
	    clock_settime(CLOCK_REALTIME, &ts) == -1;
}

static int
try_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL) == -1;
}

#define COMPUTE	(1U << SANDBOX_COMPUTE)
#define ACCEPT	(1U << SANDBOX_ACCEPT)
#define ANSWER	(1U << SANDBOX_ANSWER)
#define CONNECT	(1U << SANDBOX_CONNECT)
#define LOOKUP	(1U << SANDBOX_LOOKUP)
#define OUTSIDE	(CONNECT | LOOKUP)
#define STORE	(1U << SANDBOX_STORE)
#define MAILBOX	(1U << SANDBOX_MAILBOX)
#define COMMAND	(1U << SANDBOX_COMMAND)
#define SYSTEM	((1U << SANDBOX_SYSTEM) | COMMAND)
#define ALL	(COMPUTE | ACCEPT | ANSWER | OUTSIDE | STORE | MAILBOX | SYSTEM)

#define NOBODY	65534

static int
try_bind(uint16_t port)
{
	struct sockaddr_in	sin = { 0 };
	int			s = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	return s == -1 ? -1 : bind(s, (struct sockaddr *)&sin, sizeof(sin));
}

static int
try_source(void)
{
	return try_bind(0);
}

static int
try_port(void)
{
	return try_bind(40025);
}

static const struct {
	const char	*name;
	int		(*try)(void);
	unsigned int	 works;		/* in these profiles */
} tries[] = {
	{ "links", try_links, ALL },
	{ "memory and clock", try_memory, ALL },
	{ "accept", try_accept, ACCEPT | ANSWER },
	{ "open a file", try_open, STORE | MAILBOX | SYSTEM },	/* root is "/" here */
	{ "create a file", try_create, STORE | MAILBOX | SYSTEM },
	{ "rename, make a directory", try_rename, MAILBOX | SYSTEM },
	{ "lock a file", try_lock, STORE | MAILBOX | SYSTEM },
	{ "name who gets signals", try_owner, SYSTEM },
	{ "TCP socket", try_socket, OUTSIDE | SYSTEM },
	{ "UDP socket", try_udp, LOOKUP | SYSTEM },
	{ "MPTCP socket", try_mptcp, SYSTEM },
	{ "size of a socket's buffer", try_buffer, ALL },
	{ "option of TCP", try_option, ACCEPT | OUTSIDE | SYSTEM },
	{ "program on a socket", try_socket_program, 0 },
	{ "Unix socket", try_unix_socket, SYSTEM },
	{ "packet socket", try_packet_socket, 0 },
	{ "connect", try_connect, OUTSIDE | SYSTEM },
	{ "execve", try_exec, SYSTEM },
	{ "fork", try_fork, SYSTEM },
	{ "new name space by clone", try_name_space, 0 },
	{ "key ring", try_key, 0 },
	{ "kill", try_kill, 0 },
	{ "executable memory", try_exec_memory, SYSTEM },
	{ "change a limit", try_limit, SYSTEM },
	{ "listen", try_listen, 0 },
	{ "chmod", try_chmod, 1U << SANDBOX_SYSTEM },	/* nobody has no file */
	{ "duplicate far", try_passfd_dup, SYSTEM },
	/* Others than SANDBOX_COMMAND as root, which only SANDBOX_SYSTEM stays. */
	{ "write to the system", try_system_file, STORE | MAILBOX },
	{ "choose a source", try_source, OUTSIDE },
	{ "choose a port", try_port, 0 },
	{ "trace a process", try_trace, 0 },
	{ "change the clock", try_clock, 0 },
	{ "mount", try_mount, 0 },
};

static const char *const profiles[] = {
	"compute", "accept", "answer", "connect", "lookup", "store", "mailbox",
	"command", "system"
};

static int
make_listener(void)
{
	struct sockaddr_in	sin = { 0 };
	socklen_t		len = sizeof(sin);
	int			c, i;

	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(listener, 100) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	/* For try_accept, in two profiles. */
	for (i = 0; i < 2; i++) {
		c = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(c, (struct sockaddr *)&sin, sizeof(sin)) == -1)
			return -1;
	}
	return 0;
}

/* A command is never run as root, and nothing takes root's rights from it. */
static void
leave_root(enum sandbox_profile profile)
{
	if (profile == SANDBOX_COMMAND && geteuid() == 0 &&
	    (setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
	    setresuid(NOBODY, NOBODY, NOBODY) == -1))
		_exit(99);
}

static void
run(enum sandbox_profile profile, size_t i)
{
	int	status, works = (tries[i].works & (1U << profile)) != 0, got;
	pid_t	pid;

	if ((pid = fork()) == 0) {
		leave_root(profile);
		if (sandbox_first(profile, 0) == -1 ||
		    sandbox_second(profile) == -1)
			_exit(99);
		_exit(tries[i].try() == 0 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) == -1)
		exit(2);
	got = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		tap_ok(0, "%s: cannot be set up", profiles[profile]);
	else if (works)
		tap_ok(got, "%s: %s works", profiles[profile], tries[i].name);
	else
		tap_ok(!got, "%s: %s %s", profiles[profile], tries[i].name,
		    WIFSIGNALED(status) ? "kills" : "fails");
}

/* Landlock by itself: files of any kind are out of reach. */
static void
run_first(enum sandbox_profile profile)
{
	int	status, files = profile == SANDBOX_STORE ||
		    profile == SANDBOX_MAILBOX || profile >= SANDBOX_COMMAND;
	pid_t	pid;

	if ((pid = fork()) == 0) {
		leave_root(profile);
		if (sandbox_first(profile, 0) == -1)
			_exit(99);
		if ((try_open() == 0) != files || (try_create() == 0) != files)
			_exit(1);
		if (profile >= SANDBOX_COMMAND)
			_exit(try_system_file() == 0);
		_exit(try_exec() == 0 ? 2 : 0);
	}
	if (waitpid(pid, &status, 0) == -1)
		exit(2);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "%s: first stage", profiles[profile]);
}

static int	 opens;			/* what the thread found */
static int	 talk[2];		/* its ends: ours, the thread's */

/* Opens a file at the first byte; at the next does what is forbidden. */
static void *
thread(void *arg)
{
	char	c;

	while (read(talk[1], &c, 1) == 1 && c == 'o') {
		opens = try_open() == 0;
		if (write(talk[1], "d", 1) != 1)
			break;
	}
	try_trace();
	return write(talk[1], "d", 1) == 1 ? NULL : arg;
}

static int
thread_start(void)
{
	pthread_t	t;

	return pthread_create(&t, NULL, thread, NULL) == 0 &&
	    pthread_detach(t) == 0 ? 0 : -1;
}

/* Whether the thread can open a file. */
static int
thread_opens(void)
{
	char	c;

	if (write(talk[0], "o", 1) != 1 || read(talk[0], &c, 1) != 1)
		_exit(98);
	return opens;
}

/* The thread goes too far; whoever is left says so by its end. */
static void
thread_fault(void)
{
	struct pollfd	p = { .fd = talk[0], .events = POLLIN };

	if (write(talk[0], "x", 1) != 1)
		_exit(98);
	poll(&p, 1, 2000);
	_exit(97);
}

/*
 * A thread between both stages is in the first from its start, and the second
 * is set for it too.
 */
static void
run_thread(enum sandbox_profile profile)
{
	int	status, files = profile == SANDBOX_STORE ||
		    profile == SANDBOX_MAILBOX || profile >= SANDBOX_COMMAND;
	pid_t	pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, talk) == -1)
		exit(2);
	if ((pid = fork()) == 0) {
		leave_root(profile);
		if (sandbox_first(profile, 0) == -1 || thread_start() == -1)
			_exit(99);
		if (thread_opens() != files)
			_exit(1);
		if (sandbox_second(profile) == -1)
			_exit(99);
		thread_fault();
	}
	close(talk[0]);
	close(talk[1]);
	if (waitpid(pid, &status, 0) == -1)
		exit(2);
	tap_ok(profile >= SANDBOX_COMMAND ? WIFEXITED(status) &&
	    WEXITSTATUS(status) == 97 : WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGSYS, "%s: a thread of before is in both "
	    "stages: status %x", profiles[profile], (unsigned int)status);
}

int
main(void)
{
	size_t	i, p;

	log_init("test", LOG_TO_STDERR);
	if (make_listener() == -1 || mkdtemp(dir) == NULL || chdir(dir) == -1 ||
	    chmod(dir, 01777) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return 2;
	for (p = SANDBOX_COMPUTE; p <= SANDBOX_SYSTEM; p++) {
		if (p == SANDBOX_SYSTEM && geteuid() != 0)
			break;
		run_first((enum sandbox_profile)p);
		run_thread((enum sandbox_profile)p);
		for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
			run((enum sandbox_profile)p, i);
	}
	if (chdir("/") == -1 || rmdir(dir) == -1)
		return 2;
	return tap_done();
}
