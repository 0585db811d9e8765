/*
 * The supervisor's life: start, signals, reload, stop.
 *
 * Called by main.c.  Owns the configuration in force.  A reload is a
 * transaction: everything that can fail (reading, checking, binding) happens
 * before anything changes, and a child that refuses the new configuration
 * brings the old one back.  A stop drains net first, then ends the others;
 * what is left after five seconds is killed.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <event.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authanswer.h"
#include "authenticate.h"
#include "authoutside.h"
#include "authwork.h"
#include "base/accounts.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "confine.h"
#include "control.h"
#include "deliver.h"
#include "keys.h"
#include "kinds.h"
#include "listeners.h"
#include "parent.h"
#include "spool.h"
#include "userdb.h"

#define TICK_MS		100
#define DRAIN_MS	3000	/* for net */
#define STOP_MS		4700	/* for all */
#define RELOAD_MS	20000	/* for the children's answers */
#define EARLY_DEATHS	3
#define NOFILE		65536	/* more than all links of all children */

static struct conf		*conf, *previous;	/* previous: in a reload */
static const struct conf_macros	*macros;
static char			 conf_path[PATH_MAX];
static uint32_t			 generation;
static uint64_t			 reload_ms, stop_ms, second_ms;
static int			 is_ready, is_stopping, rest_stopped;
static int			 leaving, exit_status;
static struct event		 tick_ev;

uint64_t
parent_now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const struct conf *
parent_conf(void)
{
	return conf;
}

int
parent_is_stopping(void)
{
	return is_stopping;
}

void
parent_exit(int status)
{
	leaving = 1;
	exit_status = status;
}

void
parent_stop(void)
{
	if (is_stopping)
		return;
	log_info("stopping");
	is_stopping = 1;
	stop_ms = parent_now_ms();
	children_stop_net();
}

/* Advances a stop; called each tick and after each death. */
static void
stop_step(void)
{
	uint64_t	 past = parent_now_ms() - stop_ms;

	if (!rest_stopped && (children_alive(1) == 0 || past > DRAIN_MS)) {
		rest_stopped = 1;
		children_stop_rest();
		deliver_stop();
	}
	if (past > STOP_MS) {
		children_kill();
		deliver_kill();
	}
	if (children_alive(0) == 0 && deliver_places() == 0)
		leaving = 1;
}

static void
add_error(struct conf_errors *errors, const char *text)
{
	struct conf_error	*list;

	list = reallocarray(errors->list, errors->n + 1, sizeof(*list));
	if (list == NULL)
		return;
	errors->list = list;
	list[errors->n].is_warning = 0;
	if ((list[errors->n].text = strdup(text)) == NULL)
		return;
	errors->n++;
	errors->nerrors++;
}

static void
log_errors(const struct conf_errors *errors)
{
	size_t	 i;

	for (i = 0; i < errors->n; i++)
		log_warnx("%s%s", errors->list[i].is_warning ? "warning: " : "",
		    errors->list[i].text);
}

/* Puts next in force and tells everybody; the old one is kept in previous. */
static void
switch_to(struct conf *next)
{
	previous = conf;
	conf = next;
	listeners_move(conf, previous);
	authenticate_on_users();
	generation++;
	reload_ms = parent_now_ms();
	children_adjust(conf);
	children_configure(conf, generation);
}

int
parent_reload(struct conf_errors *errors)
{
	struct conf	*next;
	char		 err[2048];

	if (previous != NULL || !is_ready || is_stopping) {
		add_error(errors, "not now: smtpsd starts, stops or reloads");
		return -1;
	}
	if ((next = conf_load(conf_path, macros, errors)) == NULL)
		return -1;
	if (confine_fault(next) != NULL)
		add_error(errors, confine_fault(next));
	else if (strcmp(next->queue_directory, conf->queue_directory) != 0)
		add_error(errors, "queue directory: a change needs a restart");
	else if (listeners_open(next, conf, err, sizeof(err)) == -1)
		add_error(errors, err);
	else if (keys_add(next) == -1)
		add_error(errors, "cannot take in the private keys");
	else {
		switch_to(next);
		return 0;
	}
	if (next->control_fd != -1)
		listeners_unlink(next);
	conf_free(next);
	return -1;
}

static void
reload_rollback(const char *refused)
{
	struct conf	*failed = conf;
	char		 text[128];

	snprintf(text, sizeof(text), "%s refused the new configuration: the "
	    "old one is in force", refused);
	log_warnx("reload: %s", text);
	switch_to(previous);
	previous = NULL;
	/* Else they are older than those of the one that failed. */
	(void)keys_add(conf);
	if (failed->control_fd != -1)
		listeners_unlink(failed);
	conf_free(failed);
	control_reload_done(1, text);
}

static void
reload_commit(const char *text)
{
	if (previous->control_fd != -1)
		listeners_unlink(previous);
	authanswer_revoked_conf(previous, conf);
	conf_free(previous);
	previous = NULL;
	confine_warn(conf);
	log_info("reload: configuration %u is in force%s%s", generation,
	    text[0] == '\0' ? "" : ": ", text);
	control_reload_done(0, text);
}

void
parent_on_progress(void)
{
	const char	*refused;
	int		 all;

	if (is_stopping) {
		stop_step();
		return;
	}
	all = children_configured(generation, &refused);
	if (!is_ready) {
		if (refused != NULL) {
			log_warnx("%s cannot use the configuration", refused);
			exit_status = 1;
			parent_stop();
		} else if (all) {
			is_ready = 1;
			log_info("ready");
		}
	} else if (previous != NULL) {
		if (refused != NULL)
			reload_rollback(refused);
		else if (all)
			reload_commit("");
	}
}

void
parent_on_early_death(const char *name, uint32_t times)
{
	if (is_ready || is_stopping || times < EARLY_DEATHS)
		return;
	log_warnx("%s does not start: giving up", name);
	exit_status = 1;
	parent_stop();
}

int
parent_reload_users(char *err, size_t errsize)
{
	struct users	*users;
	struct link	*link;
	size_t		 i;

	for (i = 0; i < conf->ntables; i++) {
		if (conf->tables[i]->users == NULL ||
		    conf->tables[i]->path == NULL)
			continue;
		users = users_load(conf->tables[i]->path, err, errsize);
		if (users == NULL)
			return -1;
		authanswer_revoked(conf->tables[i]->users, users);
		users_free(conf->tables[i]->users);
		conf->tables[i]->users = users;
	}
	authenticate_on_users();
	for (i = 0; i < CHILD_INSTANCES_MAX; i++) {
		if ((link = child_link(PROC_NET, (uint16_t)i)) != NULL)
			(void)conf_send_mechanisms(conf, link);
	}
	log_info("users read again");
	return 0;
}

static void
on_sighup(int sig, short what, void *arg)
{
	struct conf_errors	 errors = { 0 };

	(void)sig;
	(void)what;
	(void)arg;
	if (parent_reload(&errors) == -1)
		log_warnx("reload refused, nothing changed:");
	log_errors(&errors);
	conf_errors_free(&errors);
}

static void
on_sigterm(int sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	parent_stop();
}

static void
on_sigchld(int sig, short what, void *arg)
{
	pid_t	 pid;
	int	 status;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (!child_on_death(pid, status))
			(void)deliver_on_death(pid, status);
	}
	if (is_stopping)
		stop_step();
}

static void
on_tick(int fd, short what, void *arg)
{
	struct timeval	 tv = { 0, TICK_MS * 1000 };
	uint64_t	 now = parent_now_ms();

	(void)fd;
	(void)what;
	(void)arg;
	if (is_stopping)
		stop_step();
	else {
		/* Only a stop needs a fine clock. */
		tv.tv_sec = 1;
		tv.tv_usec = 0;
	}
	if (previous != NULL && now - reload_ms > RELOAD_MS)
		reload_commit("not all processes have answered yet");
	if (now - second_ms >= 1000) {
		second_ms = now;
		authwork_tick();
		authoutside_tick();
	}
	evtimer_add(&tick_ev, &tv);
}

/*
 * A soft limit is made for programs with select(2).  Each child sets its own.
 */
static void
raise_nofile(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= NOFILE)
		return;
	rl.rlim_cur = rl.rlim_max < NOFILE ? rl.rlim_max : NOFILE;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit nofile");
}

/* Everything that can refuse the start, with its reason on the terminal. */
static int
prepare(const struct parent_options *options)
{
	struct conf_errors	 errors = { 0 };
	const struct passwd	*pw;
	const char		*empty;
	char			 err[2048];

	if (geteuid() != 0) {
		log_warnx("must be started as root");
		return -1;
	}
	umask(077);
	raise_nofile();
	keys_harden();
	if (realpath(options->conf_path, conf_path) == NULL)
		strlcpy(conf_path, options->conf_path, sizeof(conf_path));
	conf = conf_load(conf_path, options->macros, &errors);
	log_errors(&errors);
	conf_errors_free(&errors);
	if (conf == NULL)
		return -1;
	if (confine_fault(conf) != NULL) {
		log_warnx("%s", confine_fault(conf));
		return -1;
	}
	if ((empty = spool_empty_dir(err, sizeof(err))) == NULL) {
		log_warnx("%s", err);
		return -1;
	}
	if (kinds_init(empty, conf->queue_directory) == -1)
		return -1;
	if (userdb_init() == -1) {
		log_warn("users of smtpsd");
		return -1;
	}
	if (accounts_user("_smtpsq", &pw) != ACCOUNTS_FOUND ||
	    spool_prepare(conf->queue_directory, pw->pw_uid, pw->pw_gid, err,
	    sizeof(err)) == -1) {
		log_warnx("queue directory: %s", pw == NULL ? "no user" : err);
		return -1;
	}
	if (listeners_open(conf, NULL, err, sizeof(err)) == -1) {
		log_warnx("%s", err);
		return -1;
	}
	return keys_add(conf);
}

static void
loop(void)
{
	struct event	 hup, term, intr, chld;
	struct timeval	 tv = { 0, TICK_MS * 1000 };

	signal_set(&hup, SIGHUP, on_sighup, NULL);
	signal_set(&term, SIGTERM, on_sigterm, NULL);
	signal_set(&intr, SIGINT, on_sigterm, NULL);
	signal_set(&chld, SIGCHLD, on_sigchld, NULL);
	signal_add(&hup, NULL);
	signal_add(&term, NULL);
	signal_add(&intr, NULL);
	signal_add(&chld, NULL);
	evtimer_set(&tick_ev, on_tick, NULL);
	evtimer_add(&tick_ev, &tv);
	generation = 1;
	children_configure(conf, generation);
	children_adjust(conf);
	while (!leaving) {
		link_flush_all();
		if (event_loop(EVLOOP_ONCE) == -1 && errno != EINTR)
			fatal("event loop");
		log_flush();
	}
}

int
parent_run(const struct parent_options *options)
{
	macros = options->macros;
	if (prepare(options) == -1) {
		if (conf != NULL && conf->control_fd != -1)
			listeners_unlink(conf);
		conf_free(conf);
		return 1;
	}
	if (!options->foreground) {
		if (daemon(0, 0) == -1)
			fatal("daemon");
		log_init("smtpsd", LOG_TO_SYSLOG);
		log_set_verbose(options->verbose);
	} else if (chdir("/") == -1)
		fatal("chdir /");
	signal(SIGPIPE, SIG_IGN);
	keys_lock_memory();
	event_init();
	confine_warn(conf);
	if (authenticate_init() == -1)
		fatalx("authenticate: no memory");
	loop();
	listeners_unlink(conf);
	keys_wipe();
	conf_free(previous);
	conf_free(conf);
	log_info("stopped");
	return exit_status;
}
