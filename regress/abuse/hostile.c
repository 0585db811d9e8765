/*
 * Start of the hostile program, and its loop of commands.
 *
 * It stands in libexec/smtpsd/NAME of a test's own prefix and is started as
 * any child is: log on descriptor 3, parent on 4.  Beside it a file "hostile"
 * says which instance is meant ("net 1", or "deliver 0 1001": as that user
 * alone); any other one becomes the real program, real/NAME.  It obeys BOOT as a child would, chroot and user
 * included, but enters no sandbox: what the others refuse must not depend on
 * it.  Its orders come over the socket hostile.sock, to which it connects
 * before it gives up its rights; each line is answered by one line.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <imsg.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "hostile.h"
#include "proto/net_parent.h"

#define LOG_FD		3
#define PARENT_FD	4
#define LINE_MAX_	65536
#define ARGS_MAX	32
#define LISTENERS_MAX	32

static char			 directory[PATH_MAX];
static const char		*role;
static struct parent_any_boot	 boot;
static int			 orders_fd = -1;
static int			 obeys = 1;
static int			 quiet;
static struct parent_net_listener listeners[LISTENERS_MAX];
static unsigned int		 nlisteners;

uint64_t
now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
die(const char *what)
{
	char	line[256];
	int	n;

	n = snprintf(line, sizeof(line), "3hostile: %s: %s\n", what,
	    strerror(errno));
	if (n > 0)
		(void)!write(LOG_FD, line, (size_t)n);
	_exit(3);
}

const struct parent_any_boot *
boot_is(void)
{
	return &boot;
}

void
boot_obey(int on)
{
	obeys = on;
}

int
is_quiet(void)
{
	return quiet;
}

void
say(const char *fmt, ...)
{
	char	line[LINE_MAX_];
	va_list	ap;
	int	n;

	if (quiet)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(orders_fd, line, (size_t)n) != n)
		_exit(0);		/* the test has gone */
}

void
bad_usage(const char *usage)
{
	say("usage: %s", usage);
}

/* Which program, and where it lies: argv[0] is the name alone. */
static void
find_place(const char *name)
{
	ssize_t	 n;
	char	*slash;

	role = name;
	n = readlink("/proc/self/exe", directory, sizeof(directory) - 1);
	if (n == -1)
		die("readlink");
	directory[n] = '\0';
	if ((slash = strrchr(directory, '/')) == NULL)
		die("path");
	*slash = '\0';
}

/* The parent's first message, left where it is. */
static void
peek_boot(void)
{
	struct {
		struct imsg_hdr		hdr;
		struct parent_any_boot	is;
	} m;
	struct timespec	pause = { 0, 5000000 };
	ssize_t		n = 0;
	int		tries;

	for (tries = 0; tries < 2000 && n < (ssize_t)sizeof(m); tries++) {
		n = recv(PARENT_FD, &m, sizeof(m), MSG_PEEK);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			die("no BOOT");
		if (n < (ssize_t)sizeof(m))
			nanosleep(&pause, NULL);
	}
	if (n < (ssize_t)sizeof(m) || m.hdr.type != MSG_PARENT_ANY_BOOT)
		die("BOOT");
	boot = m.is;
}

/* 1: this instance is the one that the file names. */
static int
is_chosen(void)
{
	char		 path[PATH_MAX + 16], line[128], name[32];
	unsigned int	 instance, uid;
	FILE		*f;
	int		 n, found = 0;

	snprintf(path, sizeof(path), "%s/hostile", directory);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		n = sscanf(line, "%31s %u %u", name, &instance, &uid);
		if (n >= 2 && strcmp(name, role) == 0 &&
		    instance == boot.instance && (n == 2 || uid == boot.uid))
			found = 1;
	}
	fclose(f);
	return found;
}

static void
become_real(char **argv)
{
	char	path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/real/%s", directory, role);
	execv(path, argv);
	die(path);
}

static void
connect_orders(void)
{
	struct sockaddr_un	un = { .sun_family = AF_UNIX };
	int			n;

	n = snprintf(un.sun_path, sizeof(un.sun_path), "%s/hostile.sock",
	    directory);
	if (n < 0 || (size_t)n >= sizeof(un.sun_path))
		die("path too long");
	orders_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (orders_fd == -1 || connect(orders_fd, (struct sockaddr *)&un,
	    sizeof(un)) == -1)
		die("hostile.sock");
}

static void
drop_privileges(void)
{
	gid_t	group = boot.gid;

	if (boot.uid == 0)
		return;
	if (chroot(boot.root) == -1 || chdir("/") == -1 ||
	    setgroups(1, &group) == -1 ||
	    setresgid(boot.gid, boot.gid, boot.gid) == -1 ||
	    setresuid(boot.uid, boot.uid, boot.uid) == -1)
		die("privileges");
}

int
boot_take(uint32_t type, const void *data, size_t size, int fd)
{
	struct parent_any_link	link;
	struct any_conf		conf;

	switch (type) {
	case MSG_PARENT_ANY_LINK:
		memcpy(&link, data, sizeof(link));
		(void)wire_add(link.kind, link.peer_id, fd);
		return 1;
	case MSG_PARENT_ANY_CONF_BEGIN:
		nlisteners = 0;
		return 1;
	case MSG_PARENT_ANY_CONF_END:
		memcpy(&conf, data, sizeof(conf));
		conf.failed = 0;
		conf.confined = SANDBOX_WHOLE;	/* not true */
		if (obeys)
			(void)wire_send(PROC_PARENT, MSG_ANY_PARENT_CONF_DONE,
			    &conf, sizeof(conf), 0);
		return 1;
	case MSG_PARENT_NET_LISTENER:
		if (size == sizeof(listeners[0]) && nlisteners < LISTENERS_MAX)
			memcpy(&listeners[nlisteners++], data, size);
		close(fd);		/* who comes is for the real ones */
		return 1;
	case MSG_PARENT_ANY_STOP:
		if (obeys)
			_exit(0);
		return 1;
	default:
		return 0;
	}
}

/* ID:PORT:KIND:AUTH of each listener. */
static int
run_listeners(int argc, char **argv)
{
	char		line[1024] = "";
	size_t		n = 0;
	unsigned int	i;

	(void)argc;
	(void)argv;
	for (i = 0; i < nlisteners && n < sizeof(line) - 64; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n,
		    " %u:%u:%u:%u", listeners[i].id, listeners[i].port,
		    listeners[i].kind, listeners[i].auth);
	say("ok%s", line);
	return 0;
}

static const struct command	own_commands[] = {
	{ "listeners", 0, "listeners", run_listeners },
	{ NULL, 0, NULL, NULL }
};

static const struct command *
find_command(const char *name)
{
	const struct command	*tables[] = { own_commands, any_commands,
				    net_commands };
	const struct command	*c;
	size_t			 i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (c = tables[i]; c->name != NULL; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

int
run_command(int argc, char **argv, int is_repeated)
{
	const struct command	*c = find_command(argv[0]);
	int			 before = quiet, result;

	if (c == NULL || argc - 1 < c->nargs) {
		bad_usage(c == NULL ? argv[0] : c->usage);
		return -1;
	}
	quiet = is_repeated;
	if ((result = c->run(argc, argv)) == -1)
		say("down");
	quiet = before;
	return result;
}

static void
run_line(char *line)
{
	char	*argv[ARGS_MAX + 1], *word;
	int	 argc = 0;

	while (argc < ARGS_MAX && (word = strsep(&line, " ")) != NULL)
		if (*word != '\0')
			argv[argc++] = word;
	argv[argc] = NULL;
	if (argc > 0)
		(void)run_command(argc, argv, 0);
}

/* Lines that have come; the rest of one stays. */
static void
read_orders(void)
{
	static char	 buf[LINE_MAX_];
	static size_t	 used;
	char		*nl, *at;
	ssize_t		 n;

	n = read(orders_fd, buf + used, sizeof(buf) - used);
	if (n <= 0)
		_exit(0);
	used += (size_t)n;
	for (at = buf; (nl = memchr(at, '\n', used - (size_t)(at - buf))) !=
	    NULL; at = nl + 1) {
		*nl = '\0';
		run_line(at);
	}
	used -= (size_t)(at - buf);
	memmove(buf, at, used);
	if (used == sizeof(buf))
		die("order too long");
}

int
main(int argc, char **argv)
{
	struct parent_any_boot	skipped;

	if (argc < 1 || fcntl(PARENT_FD, F_GETFD) == -1) {
		fprintf(stderr, "hostile: part of the tests\n");
		return 1;
	}
	find_place(argv[0]);
	peek_boot();
	if (!is_chosen())
		become_real(argv);
	connect_orders();
	wire_init();
	drop_privileges();
	if (wire_add(PROC_PARENT, 0, PARENT_FD) == -1)
		die("parent");
	if (wire_take(PROC_PARENT, MSG_PARENT_ANY_BOOT, ANY_SESSION, &skipped,
	    sizeof(skipped), 5000) < 0 || wire_send(PROC_PARENT,
	    MSG_ANY_PARENT_READY, NULL, 0, 0) == -1)
		die("READY");
	say("hello role=%s instance=%u id=%u pid=%d", role, boot.instance,
	    boot.proc_id, (int)getpid());
	for (;;)
		if (wire_pump(-1, orders_fd) == 1)
			read_orders();
}
