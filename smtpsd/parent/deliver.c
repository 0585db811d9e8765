/*
 * One deliver process per request of the queue.
 *
 * The queue names an action and a user; what those mean is looked up here in
 * the configuration and among the accounts, so a queue that is taken over
 * chooses among mailboxes but never a path or root.  The process is locked
 * into the fixed part of the mailbox's path.  It gets its configuration and
 * its end of the link to the queue when it is ready, and the queue gets the
 * other end then.  It ends by itself.
 */
#include <sys/queue.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "confine.h"
#include "deliver.h"
#include "kinds.h"
#include "lognet.h"
#include "mailroot.h"
#include "mboxfile.h"
#include "parent.h"
#include "proto/parent_deliver.h"
#include "proto/parent_queue.h"
#include "rules.h"
#include "spawn.h"
#include "spool.h"
#include "userdb.h"

#define DELIVER_MAX	64
#define DELIVER_NOFILE	128
#define READY_S		30
#define END_S		10	/* nobody has work for it any more */
#define DEATH_MS	5000	/* who is killed is dead by then, or never */

struct delivery {
	LIST_ENTRY(delivery)	 entry;
	uint64_t		 id;		/* the queue's */
	uint32_t		 queue_id;	/* process that asked */
	uint32_t		 proc_id;
	pid_t			 pid;
	uid_t			 uid;
	uint64_t		 killed_ms;	/* 0: not yet */
	int			 is_told;	/* in the log: does not die */
	int			 handed_over;	/* the queue has its end */
	struct link		*link;
	struct lognet		*lognet;
	struct event		 ready_ev;
	struct event		 end_ev;
	struct parent_deliver_conf conf;
	char			 root[PATHNAME_SIZE];
};

static LIST_HEAD(, delivery)	deliveries = LIST_HEAD_INITIALIZER(deliveries);
static size_t			ndeliveries;
static uint64_t			nstarted;

size_t
deliver_alive(void)
{
	return ndeliveries;
}

uint64_t
deliver_count(void)
{
	return nstarted;
}

static void
fail(uint32_t queue_id, uint64_t id, int is_permanent, const char *text)
{
	struct parent_queue_deliver_failed	 m = { 0 };

	m.id = id;
	m.is_permanent = is_permanent;
	strlcpy(m.text, text, sizeof(m.text));
	(void)link_send(child_link_by_id(PROC_QUEUE, queue_id),
	    MSG_PARENT_QUEUE_DELIVER_FAILED, &m, sizeof(m));
}

/*
 * A virtual user's directories are made for him.  A home is not even looked
 * at: it may hang, by the user's doing or with its server, and everything
 * with it; deliver finds out.  -1 and text for the queue.
 */
static int
prepare_root(const struct conf_action *action, const struct account *who,
    const char *root, const char *rest, char *text, size_t textsize)
{
	char		 full[2 * PATHNAME_SIZE], err[512];
	int		 fd;

	if (action->user[0] == '\0' || action->path[0] == '~')
		return 0;
	snprintf(full, sizeof(full), "%s/%s", root, rest);
	if (action->kind == ACTION_MBOX || strstr(rest, "%{") != NULL)
		full[strlen(root)] = '\0';
	if ((fd = spool_open_dir(full, who->uid, who->gid, 0700, err,
	    sizeof(err))) == -1) {
		log_warnx("deliver: %s", err);
		strlcpy(text, "the mailbox's directory cannot be made",
		    textsize);
		return -1;
	}
	close(fd);
	return 0;
}

/* Where deliver is locked in and what it does there. */
static int
prepare(struct delivery *d, const struct conf_action *action,
    const struct account *who, char *text, size_t textsize)
{
	char	 err[512];

	if (action->kind == ACTION_MDA) {
		d->conf.kind = DELIVER_COMMAND;
		d->conf.time_s = action->command_s;
		strlcpy(d->root, "/", sizeof(d->root));
		strlcpy(d->conf.path,
		    mailroot_is_home(who->home) ? who->home : "/",
		    sizeof(d->conf.path));
		strlcpy(d->conf.command, action->command,
		    sizeof(d->conf.command));
		return 0;
	}
	if (action->target == TARGET_FILE && strcmp(action->path,
	    "/dev/null") == 0) {
		d->conf.kind = DELIVER_DISCARD;
		strlcpy(d->root, kinds_empty_root(), sizeof(d->root));
		return 0;
	}
	d->conf.kind = action->kind == ACTION_MBOX ? DELIVER_MBOX :
	    DELIVER_MAILDIR;
	if (mailroot_split(action->path, who->home, d->root, sizeof(d->root),
	    d->conf.path, sizeof(d->conf.path)) == -1) {
		strlcpy(text, "the mailbox's path cannot be used", textsize);
		return -1;
	}
	if (prepare_root(action, who, d->root, d->conf.path, text, textsize) ==
	    -1)
		return -1;
	/* Below his home he makes it himself; see above. */
	if (action->kind == ACTION_MBOX && action->path[0] != '~' &&
	    !mailroot_is_below(action->path, who->home) &&
	    mboxfile_make(d->root, d->conf.path, d->conf.user, who, err,
	    sizeof(err)) == -1) {
		log_warnx("deliver: %s", err);
		strlcpy(text, "the mailbox cannot be made", textsize);
		return -1;
	}
	if (action->forward && mailroot_is_home(who->home)) {
		d->conf.forward = 1;
		d->conf.time_s = FORWARD_S;
		strlcpy(d->conf.base, d->root, sizeof(d->conf.base));
		strlcpy(d->conf.home, who->home, sizeof(d->conf.home));
		strlcpy(d->root, "/", sizeof(d->root));
	}
	return 0;
}

static void
delivery_free(struct delivery *d)
{
	link_close(d->link);
	lognet_finish(d->lognet);
	evtimer_del(&d->ready_ev);
	evtimer_del(&d->end_ev);
	LIST_REMOVE(d, entry);
	ndeliveries--;
	free(d);
}

static void
put_down(struct delivery *d)
{
	if (d->killed_ms == 0)
		d->killed_ms = parent_now_ms();
	kill(d->pid, SIGKILL);
}

/*
 * A server of FUSE, which anybody may run below a home of his, can take a
 * question and never answer it: the process that waits for it cannot be killed.
 */
static int
is_undying(const struct delivery *d)
{
	return d->killed_ms != 0 && parent_now_ms() - d->killed_ms > DEATH_MS;
}

/* Those who do not die leave their places to others... */
size_t
deliver_places(void)
{
	struct delivery	*d;
	size_t		 n = 0;

	LIST_FOREACH(d, &deliveries, entry)
		n += !is_undying(d);
	return n;
}

/* ...but their user, who could go on so, has no more. */
static struct delivery *
find_undying(uid_t uid)
{
	struct delivery	*d;

	LIST_FOREACH(d, &deliveries, entry)
		if (d->uid == uid && is_undying(d))
			return d;
	return NULL;
}

static void
on_no_end(int fd, short what, void *arg)
{
	struct delivery	*d = arg;

	(void)fd;
	(void)what;
	log_warnx("deliver for %s does not end: pid %d is killed",
	    d->conf.user, (int)d->pid);
	put_down(d);
}

/*
 * It ends by itself, but it is its user's, who can stop it: it must not keep
 * a place that others need.  Not at once, it may be at its last fsync.
 */
static void
end_soon(struct delivery *d)
{
	struct timeval	 tv = { END_S, 0 };

	if (!evtimer_pending(&d->end_ev, NULL))
		evtimer_add(&d->end_ev, &tv);
}

static void
on_down(struct link *link, const char *why)
{
	struct delivery	*d = link_arg(link);

	d->link = NULL;
	end_soon(d);
	if (why == NULL)
		return;
	log_warnx("deliver broke the rules: %s", why);
	put_down(d);
}

static void
on_not_ready(int fd, short what, void *arg)
{
	struct delivery	*d = arg;

	(void)fd;
	(void)what;
	log_warnx("deliver: pid %d does not get ready: killed", (int)d->pid);
	put_down(d);
}

static int
start(struct delivery *d, const struct account *who)
{
	struct parent_any_boot	 boot = { 0 };
	struct timeval		 tv = { READY_S, 0 };
	struct link_end		 end = { 0 };
	struct spawned		 s;

	if (spawn("deliver", &s) == -1)
		return -1;
	d->pid = s.pid;
	d->proc_id = spawn_next_id();
	evtimer_add(&d->ready_ev, &tv);
	d->lognet = lognet_new(s.log_fd, "deliver");
	end.name = "deliver";
	end.rules = rules_of(PROC_DELIVER, &end.nrules);
	end.down = on_down;
	end.arg = d;
	end.peer_id = d->proc_id;
	if ((d->link = link_new(s.link_fd, &end)) == NULL) {
		close(s.link_fd);
		put_down(d);
		return 0;
	}
	link_set_state(d->link, CHILD_BOOTING);
	boot.proc_id = d->proc_id;
	boot.uid = who->uid;
	boot.gid = who->gid;
	boot.nofile = DELIVER_NOFILE;
	boot.kind = PROC_DELIVER;
	boot.verbose = log_is_verbose();
	boot.sandbox = confine_mode(parent_conf());
	strlcpy(boot.root, d->root, sizeof(boot.root));
	boot.runs_command = d->conf.kind == DELIVER_COMMAND ||
	    d->conf.forward;
	if (boot.runs_command)
		boot.ngroups = userdb_groups(d->conf.user, who->gid,
		    boot.groups, BOOT_GROUPS_MAX);
	(void)link_send(d->link, MSG_PARENT_ANY_BOOT, &boot, sizeof(boot));
	nstarted++;
	return 0;
}

static struct delivery *
delivery_new(uint64_t id, uint32_t queue_id)
{
	struct delivery	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->id = id;
	d->queue_id = queue_id;
	evtimer_set(&d->ready_ev, on_not_ready, d);
	evtimer_set(&d->end_ev, on_no_end, d);
	LIST_INSERT_HEAD(&deliveries, d, entry);
	ndeliveries++;
	return d;
}

/* NULL, *is_permanent and text: it cannot be delivered (now). */
static struct delivery *
resolve(const struct queue_parent_deliver *m, uint32_t queue_id,
    struct account *who, int *is_permanent, char *text, size_t textsize)
{
	const struct conf_action	*action;
	struct delivery			*d;
	const char			*user;

	*is_permanent = 0;
	action = conf_action_by_name(parent_conf(), m->action);
	if (action == NULL || !action_is_local(action)) {
		/* The next configuration may have it again. */
		strlcpy(text, "no such local action any more", textsize);
		return NULL;
	}
	user = action->user[0] != '\0' ? action->user : m->user;
	switch (userdb_find(user, who)) {
	case USERDB_FOUND:
		break;
	case USERDB_NONE:
		*is_permanent = 1;
		strlcpy(text, "no such user", textsize);
		return NULL;
	default:
		strlcpy(text, "the system cannot say now whether there is "
		    "such a user", textsize);
		return NULL;
	}
	if (action_needs_home(action) && !mailroot_is_home(who->home)) {
		*is_permanent = 1;
		strlcpy(text, "the user has no home directory, and so no "
		    "mailbox", textsize);
		return NULL;
	}
	if ((d = find_undying(who->uid)) != NULL) {
		if (!d->is_told)
			log_warnx("deliver for %s: pid %d was killed and does "
			    "not end: no other is started", user, (int)d->pid);
		d->is_told = 1;
		strlcpy(text, "a delivery process of this user's was killed "
		    "and does not end", textsize);
		return NULL;
	}
	if ((d = delivery_new(m->id, queue_id)) == NULL) {
		strlcpy(text, "out of memory", textsize);
		return NULL;
	}
	d->uid = who->uid;
	strlcpy(d->conf.user, user, sizeof(d->conf.user));
	if (prepare(d, action, who, text, textsize) == 0)
		return d;
	delivery_free(d);
	return NULL;
}

void
on_queue_deliver(struct link *link, struct link_in *in)
{
	const struct queue_parent_deliver	*m = in->data;
	uint32_t				 queue_id;
	struct account				 who;
	struct delivery				*d;
	char					 text[TEXT_SIZE] = "";
	int					 is_permanent;

	queue_id = child_id(link_arg(link));
	LIST_FOREACH(d, &deliveries, entry) {
		if (d->id == m->id && d->queue_id == queue_id &&
		    !d->handed_over) {
			link_fault(link, "deliver id twice");
			return;
		}
	}
	if (parent_is_stopping() || deliver_places() >= DELIVER_MAX) {
		fail(queue_id, m->id, 0, "too many deliveries at once");
		return;
	}
	d = resolve(m, queue_id, &who, &is_permanent, text, sizeof(text));
	if (d == NULL) {
		fail(queue_id, m->id, is_permanent, text);
		return;
	}
	if (start(d, &who) == -1) {
		fail(queue_id, m->id, 0, "cannot start a process");
		delivery_free(d);
	}
}

void
on_queue_deliver_kill(struct link *link, struct link_in *in)
{
	const struct queue_parent_deliver_kill	*m = in->data;
	uint32_t				 queue_id;
	struct delivery				*d;

	queue_id = child_id(link_arg(link));
	LIST_FOREACH(d, &deliveries, entry) {
		if (d->proc_id != m->proc_id || d->queue_id != queue_id)
			continue;
		if (m->ends) {
			end_soon(d);
			return;
		}
		log_warnx("deliver for %s: pid %d is killed, says the queue",
		    d->conf.user, (int)d->pid);
		put_down(d);
		return;
	}
}

void
on_deliver_ready(struct link *link, struct link_in *in)
{
	struct any_conf		 conf = { .generation = 1 };
	struct parent_any_link	 to_queue = { 0 }, to_deliver = { 0 };
	struct delivery		*d = link_arg(link);
	struct link		*queue;
	int			 fds[2];

	(void)in;
	link_set_state(link, CHILD_READY);
	evtimer_del(&d->ready_ev);
	queue = child_link_by_id(PROC_QUEUE, d->queue_id);
	if (queue == NULL || spawn_pair(fds) == -1) {
		/* A queue that is new asks anew. */
		put_down(d);
		return;
	}
	(void)link_send(link, MSG_PARENT_ANY_CONF_BEGIN, &conf, sizeof(conf));
	(void)link_send(link, MSG_PARENT_DELIVER_CONF, &d->conf,
	    sizeof(d->conf));
	to_deliver.peer_id = d->queue_id;
	to_deliver.kind = PROC_QUEUE;
	to_deliver.cookie = d->id;
	(void)link_send_fd(link, MSG_PARENT_ANY_LINK, fds[0], &to_deliver,
	    sizeof(to_deliver));
	(void)link_send(link, MSG_PARENT_ANY_CONF_END, &conf, sizeof(conf));
	to_queue.peer_id = d->proc_id;
	to_queue.kind = PROC_DELIVER;
	to_queue.cookie = d->id;
	d->handed_over = link_send_fd(queue, MSG_PARENT_ANY_LINK, fds[1],
	    &to_queue, sizeof(to_queue)) == 0;
}

void
on_deliver_conf_done(struct link *link, struct link_in *in)
{
	const struct any_conf	*m = in->data;

	if (confine_note(PROC_DELIVER, m, parent_conf()) == -1)
		link_fault(link, "is not confined");
	else if (m->failed)
		link_fault(link, "refused its mailbox");
}

int
deliver_on_death(pid_t pid, int status)
{
	struct delivery	*d;
	char		 why[128];

	LIST_FOREACH(d, &deliveries, entry) {
		if (d->pid == pid)
			break;
	}
	if (d == NULL)
		return 0;
	if (status != 0)
		log_warnx("deliver for %s died: pid %d, %s", d->conf.user,
		    (int)pid, kinds_describe_death(status, why, sizeof(why)));
	if (!d->handed_over)
		fail(d->queue_id, d->id, 0, "the delivery process died");
	delivery_free(d);
	return 1;
}

void
deliver_on_queue_death(uint32_t queue_id)
{
	struct delivery	*d;

	LIST_FOREACH(d, &deliveries, entry) {
		if (d->queue_id == queue_id)
			end_soon(d);
	}
}

void
deliver_stop(void)
{
	struct delivery	*d;

	LIST_FOREACH(d, &deliveries, entry) {
		if (link_send(d->link, MSG_PARENT_ANY_STOP, NULL, 0) == -1)
			put_down(d);
	}
}

void
deliver_kill(void)
{
	struct delivery	*d;

	LIST_FOREACH(d, &deliveries, entry)
		put_down(d);
}
