/*
 * The kinds of children: which program, user, root directory and limit each
 * has, how many there are, and which talk to each other.  Used by child.c;
 * state: the ids and directories found at start.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/accounts.h"
#include "base/log.h"
#include "conf.h"
#include "kinds.h"

static const struct kind_def {
	const char	*program;
	const char	*user;
	uint32_t	 nofile;
} kind_defs[KINDS_MAX] = {
	[PROC_NET] = { "net", "_smtpsd", 65536 },
	[PROC_AUTH] = { "auth", "_smtpsp", 64 },
	[PROC_POLICY] = { "policy", "_smtpsp", 128 },
	[PROC_QUEUE] = { "queue", "_smtpsq", 1024 },
	[PROC_RELAY] = { "relay", "_smtpsd", 4096 },
	[PROC_RESOLVER] = { "resolver", "_smtpsd", 1024 },
	[PROC_CONTROL] = { "control", "_smtpsd", 256 },
	/* Stays root: no user, no root directory. */
	[PROC_LOGIN] = { "login", NULL, 256 },
	[PROC_DOVECOT] = { "dovecot", "_smtpsp", 64 },
};

/* Which kinds have a link with each other. */
static const struct { enum proc_kind a, b; } pairs[] = {
	{ PROC_NET, PROC_POLICY },
	{ PROC_NET, PROC_QUEUE },
	{ PROC_POLICY, PROC_QUEUE },
	{ PROC_QUEUE, PROC_RELAY },
	{ PROC_RELAY, PROC_RESOLVER },
	{ PROC_CONTROL, PROC_NET },
	{ PROC_CONTROL, PROC_POLICY },
	{ PROC_CONTROL, PROC_QUEUE },
	{ PROC_CONTROL, PROC_RELAY },
};

static uid_t	uids[KINDS_MAX];
static gid_t	gids[KINDS_MAX];
static char	empty_root[PATHNAME_SIZE], spool_root[PATHNAME_SIZE];

const char *
kinds_program(int kind)
{
	return kind_defs[kind].program;
}

int
kinds_init(const char *empty_dir, const char *spool_dir)
{
	const struct passwd	*pw;
	enum accounts_answer	 found;
	int			 k, missing = 0;

	strlcpy(empty_root, empty_dir, sizeof(empty_root));
	strlcpy(spool_root, spool_dir, sizeof(spool_root));
	for (k = 0; k < KINDS_MAX; k++) {
		if (kind_defs[k].user == NULL)
			continue;
		found = accounts_user(kind_defs[k].user, &pw);
		if (found != ACCOUNTS_FOUND || pw->pw_uid == 0 ||
		    pw->pw_gid == 0) {
			log_warnx("user %s %s: %s needs it", kind_defs[k].user,
			    found == ACCOUNTS_NONE ? "does not exist" :
			    found == ACCOUNTS_FOUND ? "is root" :
			    "cannot be looked up", kind_defs[k].program);
			missing = 1;
			continue;
		}
		uids[k] = pw->pw_uid;
		gids[k] = pw->pw_gid;
	}
	return missing ? -1 : 0;
}

const char *
kinds_empty_root(void)
{
	return empty_root;
}

/* A container may not let root raise the limit. */
static uint32_t
nofile_of(enum proc_kind kind)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    rl.rlim_max >= kind_defs[kind].nofile)
		return kind_defs[kind].nofile;
	return rl.rlim_max;
}

void
kinds_fill_boot(enum proc_kind kind, struct parent_any_boot *boot)
{
	boot->uid = uids[kind];
	boot->gid = gids[kind];
	boot->nofile = nofile_of(kind);
	strlcpy(boot->root, kind == PROC_QUEUE ? spool_root :
	    kind == PROC_LOGIN ? "/" : empty_root, sizeof(boot->root));
}

int
kinds_are_paired(enum proc_kind x, enum proc_kind y)
{
	size_t	 i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if ((pairs[i].a == x && pairs[i].b == y) ||
		    (pairs[i].a == y && pairs[i].b == x))
			return 1;
	}
	return 0;
}

int
kinds_wanted(const struct conf *conf, int kind)
{
	int	 n = 1;

	if (kind_defs[kind].program == NULL)
		return 0;
	if (kind == PROC_NET)
		n = conf->net_procs;
	else if (kind == PROC_AUTH)
		n = conf->auth_procs;
	else if (kind == PROC_RELAY)
		n = conf->relay_procs;
	else if (kind == PROC_LOGIN)
		n = conf->has_system;
	else if (kind == PROC_DOVECOT)
		n = conf->ndovecots;
	return n < KINDS_INSTANCES_MAX ? n : KINDS_INSTANCES_MAX;
}

const char *
kinds_describe_death(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(buf, size, "killed by its sandbox (SIGSYS)");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(buf, size, "the program cannot be executed");
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	return buf;
}
