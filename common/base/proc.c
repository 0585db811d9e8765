/*
 * The nine steps in which every child starts, and its loop.
 *
 * Called by main() of each program with a const description of it.  State:
 * the parent link, what BOOT said, the clock of this turn.  Whoever starts
 * the child is root's smtpsd; until BOOT has been obeyed the child is root
 * too, so nothing but the parent link is read before.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat/config.h"
#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "proto/boot.h"

#define LOG_FD		3
#define PARENT_FD	4
#define STATE_RUNNING	0x00000001U
#define STATE_BOOT	0x80000000U	/* before BOOT; only BOOT may come */
#define BOOT_TIMEOUT_MS	30000
#define EXIT_FLUSH_MS	2000
#define COMMAND_NPROC	512

static struct {
	const struct proc_def	*def;
	struct link		*parent;
	struct link_rule	*rules;
	struct parent_any_boot	 boot;
	struct event		 term;
	int			 is_booted;
	int			 is_tight;	/* second stage entered */
	int			 is_stopping;
	int			 is_leaving;
	int			 status;
	int			 clock_is_read;
	uint64_t		 now_ms, now_s;
} proc;

static void	on_parent_boot(struct link *, struct link_in *);
static void	on_parent_link(struct link *, struct link_in *);
static void	on_parent_conf_begin(struct link *, struct link_in *);
static void	on_parent_conf_end(struct link *, struct link_in *);
static void	on_parent_verbose(struct link *, struct link_in *);
static void	on_parent_stop(struct link *, struct link_in *);

static const struct link_rule boot_rules[] = {
	{ MSG_PARENT_ANY_BOOT,		STATE_BOOT,	on_parent_boot },
	{ MSG_PARENT_ANY_LINK,		STATE_RUNNING,	on_parent_link },
	{ MSG_PARENT_ANY_CONF_BEGIN,	STATE_RUNNING,	on_parent_conf_begin },
	{ MSG_PARENT_ANY_CONF_END,	STATE_RUNNING,	on_parent_conf_end },
	{ MSG_PARENT_ANY_VERBOSE,	STATE_RUNNING,	on_parent_verbose },
	{ MSG_PARENT_ANY_STOP,		STATE_RUNNING,	on_parent_stop },
};
#define NBOOT_RULES	(sizeof(boot_rules) / sizeof(boot_rules[0]))

struct link *
proc_parent(void)
{
	return proc.parent;
}

uint32_t
proc_id(void)
{
	return proc.boot.proc_id;
}

uint16_t
proc_instance(void)
{
	return proc.boot.instance;
}

int
proc_is_stopping(void)
{
	return proc.is_stopping;
}

static enum sandbox_profile
profile(void)
{
	return proc.boot.runs_command ? SANDBOX_COMMAND : proc.def->profile;
}

static void
read_clock(void)
{
	struct timespec	ts;

	if (proc.clock_is_read)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	proc.now_ms = (uint64_t)ts.tv_sec * 1000 +
	    (uint64_t)ts.tv_nsec / 1000000;
	clock_gettime(CLOCK_REALTIME, &ts);
	proc.now_s = (uint64_t)ts.tv_sec;
	proc.clock_is_read = 1;
}

uint64_t
proc_now_ms(void)
{
	read_clock();
	return proc.now_ms;
}

uint64_t
proc_now_s(void)
{
	read_clock();
	return proc.now_s;
}

void
proc_exit(int status)
{
	proc.is_leaving = 1;
	proc.status = status;
}

static void
stop(void)
{
	if (proc.is_stopping)
		return;
	proc.is_stopping = 1;
	log_debug("stopping");
	if (proc.def->on_stop != NULL)
		proc.def->on_stop();
	else
		proc_exit(0);
}

static void
on_sigterm(int sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	stop();
}

static void
on_parent_boot(struct link *l, struct link_in *in)
{
	memcpy(&proc.boot, in->data, sizeof(proc.boot));
	if (proc.boot.kind != proc.def->kind)
		fatalx("started as another kind of process");
	if (proc.boot.runs_command && proc.boot.kind != PROC_DELIVER)
		fatalx("told to run commands");
	proc.is_booted = 1;
	/* Nothing more is handled before the privileges are gone. */
	link_set_state(l, STATE_RUNNING);
	link_pause(l);
}

static void
on_parent_link(struct link *l, struct link_in *in)
{
	struct parent_any_link	msg;
	int			fd = in->fd;

	(void)l;
	memcpy(&msg, in->data, sizeof(msg));
	if (proc.def->on_link == NULL)
		fatalx("got a link that nobody wants");
	in->fd = -1;
	proc.def->on_link(msg.kind, msg.peer_id, msg.cookie, fd);
}

static void
on_parent_conf_begin(struct link *l, struct link_in *in)
{
	(void)l;
	(void)in;
	if (proc.def->conf_begin != NULL)
		proc.def->conf_begin();
}

static void
on_parent_conf_end(struct link *l, struct link_in *in)
{
	struct any_conf		conf;
	struct sandbox_facts	facts;

	memcpy(&conf, in->data, sizeof(conf));
	conf.failed = proc.def->conf_end != NULL && proc.def->conf_end() == -1;
	/* Step 9. */
	if (!proc.is_tight) {
		if (sandbox_second(profile()) == -1)
			fatalx("no sandbox, no service");
		proc.is_tight = 1;
		log_debug("confined: %s", sandbox_describe());
	}
	sandbox_in_force(&facts);
	conf.confined = facts.level;
	conf.landlock = facts.landlock;
	(void)link_send(l, MSG_ANY_PARENT_CONF_DONE, &conf, sizeof(conf));
}

static void
on_parent_verbose(struct link *l, struct link_in *in)
{
	struct parent_any_verbose	msg;

	(void)l;
	memcpy(&msg, in->data, sizeof(msg));
	log_set_verbose(msg.on != 0);
}

static void
on_parent_stop(struct link *l, struct link_in *in)
{
	(void)l;
	(void)in;
	stop();
}

/* Without the parent there is no log and no reason to live. */
static void
on_parent_down(struct link *l, const char *why)
{
	(void)l;
	log_flush();
	_exit(why == NULL ? proc.status : 1);
}

/* Only the parent can end it, and only a new one brings a new link. */
static void
on_peer_broken(uint32_t peer_id)
{
	struct any_parent_broke	msg;

	memset(&msg, 0, sizeof(msg));
	msg.peer_id = peer_id;
	(void)link_send(proc.parent, MSG_ANY_PARENT_BROKE, &msg, sizeof(msg));
	/* It may be the end of a turn, and nothing else be heard for long. */
	link_flush(proc.parent);
}

/*
 * Our own failure cost us a link, which only a new process brings back; the
 * other end did nothing.  At the end of the turn, so that what others were
 * answered leaves.
 */
static void
on_own_failure(void)
{
	log_warnx("no work without this link: ends, to be started again");
	proc_exit(1);
}

/* Steps 1 to 4: descriptors, log, title, limits. */
static void
set_up_process(int argc, char **argv, const struct proc_def *def)
{
	struct rlimit	 none = { 0, 0 };
	struct stat	 sb;
	int		 fd;

	(void)argc;
	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDWR) == -1)
			_exit(1);
	if (fstat(LOG_FD, &sb) == -1 || !S_ISSOCK(sb.st_mode) ||
	    fstat(PARENT_FD, &sb) == -1 || !S_ISSOCK(sb.st_mode)) {
		fprintf(stderr, "%s: part of smtpsd(8), which starts it; "
		    "not to be run by hand\n", argv[0]);
		_exit(1);
	}
	closefrom(PARENT_FD + 1);
	(void)fcntl(LOG_FD, F_SETFD, FD_CLOEXEC);
	(void)fcntl(PARENT_FD, F_SETFD, FD_CLOEXEC);
	(void)fcntl(LOG_FD, F_SETFL, O_NONBLOCK);
	log_init(def->name, LOG_FD);
#if defined(HAVE_SETPROCTITLE) && !defined(__OpenBSD__)
	setproctitle_init(argc, argv, environ);
	setproctitle("-smtpsd: %s", def->name);
#elif defined(__OpenBSD__)
	setproctitle("%s", def->name);
#endif
	umask(077);
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("setrlimit core");
#ifdef PR_SET_DUMPABLE
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl dumpable");
#endif
}

/* Step 5.  What a library would open later is opened while it can be. */
static void
warm(const struct proc_def *def)
{
	struct tm	tm;
	time_t		now = time(NULL);
	uint32_t	word;

	/* With TZ unset, each localtime(3) looks at the file again. */
	(void)setenv("TZ", ":/etc/localtime", 0);
	tzset();
	(void)localtime_r(&now, &tm);
	arc4random_buf(&word, sizeof(word));
	if (event_init() == NULL)
		fatalx("event_init failed");
	if (def->warm != NULL && def->warm() == -1)
		fatalx("cannot load what is needed before the chroot");
}

/* The part of step 8 that must come early: BOOT says who we shall be. */
static void
wait_for_boot(const struct proc_def *def)
{
	struct link_end	end;
	struct pollfd	pfd;
	size_t		i;
	int		n;

	proc.rules = calloc(NBOOT_RULES + def->nrules, sizeof(*proc.rules));
	if (proc.rules == NULL)
		fatal("calloc");
	memcpy(proc.rules, boot_rules, sizeof(boot_rules));
	for (i = 0; i < def->nrules; i++) {
		proc.rules[NBOOT_RULES + i] = def->rules[i];
		proc.rules[NBOOT_RULES + i].states &= ~STATE_BOOT;
	}
	memset(&end, 0, sizeof(end));
	end.name = "parent";
	end.rules = proc.rules;
	end.nrules = NBOOT_RULES + def->nrules;
	end.down = on_parent_down;
	if ((proc.parent = link_new(PARENT_FD, &end)) == NULL)
		fatal("link to parent");
	link_set_state(proc.parent, STATE_BOOT);
	pfd.fd = PARENT_FD;
	pfd.events = POLLIN;
	while (!proc.is_booted) {
		if ((n = poll(&pfd, 1, BOOT_TIMEOUT_MS)) == -1) {
			if (errno == EINTR)
				continue;
			fatal("poll");
		}
		if (n == 0)
			fatalx("the parent says nothing");
		link_poll(proc.parent);
	}
}

/* Step 6 of a program whose work needs root; its sandbox is all it has. */
static void
keep_root(const struct parent_any_boot *b)
{
	gid_t	group = 0;

	if (b->uid != 0 || b->gid != 0)
		fatalx("needs to run as root");
	if (chdir("/") == -1)
		fatal("chdir /");
	if (setgroups(1, &group) == -1)
		fatal("setgroups");
}

static void
set_groups(const struct parent_any_boot *b)
{
	gid_t	groups[BOOT_GROUPS_MAX + 1];
	int	i, n = 0;

	groups[n++] = b->gid;
	for (i = 0; i < b->ngroups && i < BOOT_GROUPS_MAX; i++) {
		if (b->groups[i] == 0)
			fatalx("refusing to be in root's group");
		if (b->groups[i] != b->gid)
			groups[n++] = b->groups[i];
	}
	if (setgroups(n, groups) == -1)
		fatal("setgroups");
}

/* Step 6. */
static void
drop_privileges(const struct parent_any_boot *b)
{
	uid_t	ruid, euid, suid;
	gid_t	rgid, egid, sgid;

	if (b->uid == 0 || b->gid == 0)
		fatalx("refusing to run as root");
	if (b->root[0] != '/')
		fatalx("no root directory");
	if (chroot(b->root) == -1)
		fatal("chroot %s", log_vis(b->root));
	if (chdir("/") == -1)
		fatal("chdir /");
	set_groups(b);
	if (sandbox_privileges() == -1)
		fatalx("no sandbox, no service");
	if (setresgid(b->gid, b->gid, b->gid) == -1)
		fatal("setresgid %u", b->gid);
	if (setresuid(b->uid, b->uid, b->uid) == -1)
		fatal("setresuid %u", b->uid);
	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1)
		fatal("getresuid");
	if (ruid != b->uid || euid != b->uid || suid != b->uid ||
	    rgid != b->gid || egid != b->gid || sgid != b->gid)
		fatalx("privileges were not dropped");
	if (setuid(0) != -1 || seteuid(0) != -1 || setgid(0) != -1)
		fatalx("privileges can be regained");
}

static void
limit_files(const struct parent_any_boot *b)
{
	struct rlimit	rl;

	if (b->nofile != 0) {
		rl.rlim_cur = rl.rlim_max = b->nofile;
		/* Only root may raise a limit; this runs before the drop. */
		if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
			fatal("setrlimit nofile %u", b->nofile);
	}
}

/* Behind the first stage of the sandbox: threads are in it from their start. */
static void
limit_processes(const struct proc_def *def, const struct parent_any_boot *b)
{
	struct rlimit	rl;

	if (def->threads != NULL && def->threads() == -1)
		fatalx("cannot start");
	if (def->stays_root)
		return;
	/* The system counts all processes of the user, not only ours. */
	rl.rlim_cur = rl.rlim_max = b->runs_command ? COMMAND_NPROC : 0;
	if (setrlimit(RLIMIT_NPROC, &rl) == -1)
		fatal("setrlimit nproc");
}

static void
set_signals(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal_set(&proc.term, SIGTERM, on_sigterm, NULL);
	signal_add(&proc.term, NULL);
}

/* A few moments for last answers to leave when sockets are full. */
static void
flush_and_exit(void)
{
	struct timespec	pause = { 0, 10 * 1000 * 1000 };
	int		waited_ms;

	for (waited_ms = 0; waited_ms < EXIT_FLUSH_MS; waited_ms += 10) {
		link_flush_all();
		if (proc.def->flushed != NULL)
			proc.def->flushed();
		if (link_queued(proc.parent) == 0)
			break;
		nanosleep(&pause, NULL);
		link_flush(proc.parent);
	}
	log_flush();
	/* Not exit(3): what libraries registered may not be allowed. */
	_exit(proc.status);
}

static void
end_turn(void)
{
	if (proc.def->turn != NULL)
		proc.def->turn();
	link_flush_all();
	if (proc.def->flushed != NULL)
		proc.def->flushed();
	log_flush();
	proc.clock_is_read = 0;
}

int
proc_main(int argc, char **argv, const struct proc_def *def)
{
	proc.def = def;
	set_up_process(argc, argv, def);
	warm(def);
	wait_for_boot(def);
	log_set_verbose(proc.boot.verbose);
	limit_files(&proc.boot);
	if (def->stays_root)
		keep_root(&proc.boot);
	else
		drop_privileges(&proc.boot);
#ifdef PR_SET_DUMPABLE
	/* A change of user may have set it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl dumpable");
#endif
	if (sandbox_first(profile(), proc.boot.sandbox) == -1)
		fatalx("no sandbox, no service");
	limit_processes(def, &proc.boot);
	set_signals();
	/* A deliver has one peer, and ends with it. */
	if (def->kind != PROC_DELIVER) {
		link_on_broken(on_peer_broken);
		link_on_failed(on_own_failure);
	}
	if (def->init != NULL && def->init(proc.parent) == -1)
		fatalx("cannot start");
	if (link_send(proc.parent, MSG_ANY_PARENT_READY, NULL, 0) == -1)
		fatalx("cannot say READY");
	link_resume(proc.parent);
	end_turn();
	while (!proc.is_leaving) {
		if (event_loop(EVLOOP_ONCE) == -1)
			fatal("event_loop");
		end_turn();
	}
	flush_and_exit();
	return 1;
}
