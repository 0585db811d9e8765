/*
 * The start of a child, with a small program that only says yes: by hand,
 * as root, with another kind, and as it should be; how it ends.  Needs root
 * for all but the first.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <imsg.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/tap.h"
#include "proto/boot.h"

#define TEST_ID	54321

static int		parent_sv[2], log_sv[2];
static struct imsgbuf	ib;
static pid_t		child;
static char		root[] = "/tmp/proc_test.XXXXXX";
static const char	*how = "child";
static int		is_failing;

/* What may not be sent is this process's own failure. */
static void
fail(void)
{
	struct link_end	 end = { .name = "peer", .peer_id = 5 };
	int		 fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		fatal("socketpair");
	(void)link_send(link_new(fd[0], &end), MSG_ANY_PARENT_BROKE, NULL, 0);
}

/* What handlers do after the sandbox must not need a file. */
static int
conf_end(void)
{
	log_info("configured");
	if (is_failing)
		fail();
	return 0;
}

static void
turn(void)
{
	char		buf[64];
	time_t		now = (time_t)proc_now_s();
	struct tm	*tm;

	if ((tm = localtime(&now)) != NULL)
		strftime(buf, sizeof(buf), "%Z", tm);
	log_debug("turn %llu", (unsigned long long)proc_now_ms());
}

static const struct proc_def def = {
	.name = "test",
	.kind = PROC_POLICY,
	.profile = SANDBOX_COMPUTE,
	.conf_end = conf_end,
	.turn = turn,
};

static void
start(int with_links)
{
	int	hi_log, hi_parent;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, parent_sv) == -1 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, log_sv) == -1)
		exit(2);
	if ((child = fork()) == 0) {
		hi_log = fcntl(log_sv[1], F_DUPFD, 50);
		hi_parent = fcntl(parent_sv[1], F_DUPFD, 50);
		closefrom(100);
		if (with_links) {
			dup2(hi_log, 3);
			dup2(hi_parent, 4);
		} else {
			dup2(open("/dev/null", O_RDWR), 2);
			closefrom(3);
		}
		/* A fresh image, as the parent would start it. */
		execl("/proc/self/exe", "test", how, (char *)NULL);
		_exit(9);
	}
	close(parent_sv[1]);
	close(log_sv[1]);
	if (imsgbuf_init(&ib, parent_sv[0]) == -1)
		exit(2);
	imsgbuf_allow_fdpass(&ib);
}

static int
finish(void)
{
	int	status;

	imsgbuf_close(&ib);
	close(log_sv[0]);
	if (waitpid(child, &status, 0) == -1)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

static void
send_boot(uint32_t id, uint8_t kind)
{
	struct parent_any_boot	b;

	memset(&b, 0, sizeof(b));
	b.proc_id = 7;
	b.uid = b.gid = id;
	b.nofile = 64;
	b.kind = kind;
	strlcpy(b.root, root, sizeof(b.root));
	imsg_compose(&ib, MSG_PARENT_ANY_BOOT, 0, 0, -1, &b, sizeof(b));
	imsgbuf_flush(&ib);
}

/* The type of the next message, 0 at the end or after 5 s. */
static uint32_t
next_type(void)
{
	struct pollfd	pfd = { .fd = ib.fd, .events = POLLIN };
	struct imsg	m;
	uint32_t	type;
	ssize_t		n;

	while ((n = imsg_get(&ib, &m)) == 0)
		if (poll(&pfd, 1, 5000) != 1 || imsgbuf_read(&ib) != 1)
			return 0;
	if (n == -1)
		return 0;
	type = imsg_get_type(&m);
	imsg_free(&m);
	return type;
}

/* A line of /proc/PID/status begins so. */
static int
status_has(const char *want)
{
	char	 path[64], line[256];
	FILE	*fp;
	int	 found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", child);
	if ((fp = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), fp) != NULL)
		if (strncmp(line, want, strlen(want)) == 0)
			found = 1;
	fclose(fp);
	return found;
}

static int
log_has(const char *want)
{
	char	buf[4096];
	ssize_t	n;

	while ((n = recv(log_sv[0], buf, sizeof(buf) - 1, MSG_DONTWAIT)) > 0) {
		buf[n] = '\0';
		if (strstr(buf, want) != NULL)
			return 1;
	}
	return 0;
}

static void
conf(void)
{
	struct any_conf	c = { .generation = 1 };

	imsg_compose(&ib, MSG_PARENT_ANY_CONF_BEGIN, 0, 0, -1, &c, sizeof(c));
	imsg_compose(&ib, MSG_PARENT_ANY_CONF_END, 0, 0, -1, &c, sizeof(c));
	imsgbuf_flush(&ib);
}

static void
test_refusals(void)
{
	start(1);
	send_boot(0, PROC_POLICY);
	tap_ok(next_type() == 0 && log_has("refusing to run as root"),
	    "uid 0 is refused");
	tap_ok(finish() == 1, "and ends it");
	start(1);
	send_boot(TEST_ID, PROC_NET);
	tap_ok(next_type() == 0 && log_has("another kind"),
	    "another kind is refused");
	tap_ok(finish() == 1, "and ends it");
	start(1);
	conf();
	tap_ok(next_type() == 0, "nothing may come before BOOT");
	tap_ok(finish() == 1, "and ends it");
}

static void
test_life(void)
{
	char	want[64];

	start(1);
	send_boot(TEST_ID, PROC_POLICY);
	tap_ok(next_type() == MSG_ANY_PARENT_READY, "READY");
	snprintf(want, sizeof(want), "Uid:\t%d\t%d\t%d\t%d", TEST_ID, TEST_ID,
	    TEST_ID, TEST_ID);
	tap_ok(status_has(want), "runs as its user");
	snprintf(want, sizeof(want), "Groups:\t%d \n", TEST_ID);
	tap_ok(status_has(want), "in its group only");
	tap_ok(status_has("NoNewPrivs:\t1") && status_has("Seccomp:\t0"),
	    "first stage");
	conf();
	tap_ok(next_type() == MSG_ANY_PARENT_CONF_DONE, "CONF_DONE");
	tap_ok(status_has("Seccomp:\t2"), "second stage");
	conf();
	tap_ok(next_type() == MSG_ANY_PARENT_CONF_DONE, "a second time");
	tap_ok(log_has("configured"), "its log line arrives");
	kill(child, SIGHUP);
	kill(child, SIGINT);
	conf();
	tap_ok(next_type() == MSG_ANY_PARENT_CONF_DONE, "HUP and INT ignored");
	kill(child, SIGTERM);
	tap_ok(next_type() == 0, "TERM");
	tap_ok(finish() == 0, "ends it well");

	start(1);
	send_boot(TEST_ID, PROC_POLICY);
	conf();
	next_type();
	next_type();
	imsg_compose(&ib, MSG_PARENT_ANY_STOP, 0, 0, -1, NULL, 0);
	imsgbuf_flush(&ib);
	tap_ok(next_type() == 0 && finish() == 0, "STOP ends it well");

	start(1);
	send_boot(TEST_ID, PROC_POLICY);
	next_type();
	tap_ok(finish() == 0, "ends with its parent");
	start(1);
	tap_ok(finish() == 0, "also before BOOT");
}

static void
test_failure(void)
{
	how = "failing";
	start(1);
	send_boot(TEST_ID, PROC_POLICY);
	next_type();
	conf();
	tap_ok(next_type() == MSG_ANY_PARENT_CONF_DONE,
	    "a failure of its own: what was said before it leaves");
	tap_ok(next_type() == 0, "nobody is accused");
	tap_ok(log_has("ends, to be started again"), "it says why");
	tap_ok(finish() == 1, "and ends");
}

int
main(int argc, char **argv)
{
	is_failing = argc == 2 && strcmp(argv[1], "failing") == 0;
	if (argc == 2)
		return proc_main(argc, argv, &def);
	start(0);
	tap_ok(finish() == 1, "refuses a start by hand");
	if (geteuid() != 0) {
		tap_ok(1, "the rest needs root # SKIP");
		return tap_done();
	}
	if (mkdtemp(root) == NULL || chmod(root, 0755) == -1)
		return 2;
	test_refusals();
	test_life();
	test_failure();
	if (rmdir(root) == -1)
		return 2;
	return tap_done();
}
