/*
 * Starts, configures and restarts the long-lived children.
 *
 * Called by parent.c.  Owns the table of slots.  Knows nothing of the links
 * that children have with each other (wire.c) and of what they carry.
 */
#include <event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accuse.h"
#include "authenticate.h"
#include "authlimit.h"
#include "authoutside.h"
#include "authwork.h"
#include "base/link.h"
#include "base/log.h"
#include "child_impl.h"
#include "conf.h"
#include "confine.h"
#include "control.h"
#include "deliver.h"
#include "kinds.h"
#include "lognet.h"
#include "parent.h"
#include "peerlimit.h"
#include "restart.h"
#include "rules.h"
#include "sign.h"
#include "spawn.h"

#define KINDS		KINDS_MAX
#define STOP_GRACE_S	5

static struct child	*slots[KINDS][CHILD_INSTANCES_MAX];
static uint64_t		 nrestarts;
static uint32_t		 sent_generation;

#define FOR_SLOTS(k, i) \
	for ((k) = 0; (k) < KINDS; (k)++) \
		for ((i) = 0; (i) < CHILD_INSTANCES_MAX; (i)++) \
			if (slots[k][i] != NULL)

static void	child_start(struct child *);

struct child *
child_at(int kind, int instance)
{
	return slots[kind][instance];
}

uint32_t
child_id(const struct child *c)
{
	return c->id;
}

uint16_t
child_instance(const struct child *c)
{
	return c->instance;
}

enum proc_kind
child_kind(const struct child *c)
{
	return c->kind;
}

const char *
child_name(const struct child *c)
{
	return c->name;
}

struct bucket *
child_sign_bucket(struct child *c)
{
	return &c->sign_bucket;
}

struct bucket *
child_auth_bucket(struct child *c)
{
	return &c->auth_bucket;
}

struct bucket *
child_ask_bucket(struct child *c)
{
	return &c->ask_bucket;
}

struct bucket *
child_peer_bucket(struct child *c)
{
	return &c->peer_bucket;
}

uint64_t
children_restarts(void)
{
	return nrestarts;
}

static void
on_link_down(struct link *link, const char *why)
{
	struct child	*c = link_arg(link);

	if (c->link == link)
		c->link = NULL;
	if (c->sign == link)
		c->sign = NULL;
	if (c->pid == 0)
		return;
	if (why != NULL)
		log_warnx("%s broke the rules: %s", c->name, why);
	/* Without its links it is of no use; its death restarts it. */
	if (why != NULL || (!parent_is_stopping() && c->wanted))
		kill(c->pid, SIGKILL);
}

struct link *
child_make_link(struct child *c, enum proc_kind rules_kind, int fd)
{
	struct link_end	 end = { 0 };
	struct link	*link;

	end.name = c->name;
	end.rules = rules_of(rules_kind, &end.nrules);
	end.down = on_link_down;
	end.arg = c;
	end.peer_id = c->id;
	if ((link = link_new(fd, &end)) == NULL) {
		log_warn("%s: link", c->name);
		close(fd);
	}
	return link;
}

static int
send_boot(struct child *c)
{
	struct parent_any_boot	 boot = { 0 };

	boot.proc_id = c->id;
	kinds_fill_boot(c->kind, &boot);
	boot.instance = c->instance;
	boot.kind = c->kind;
	boot.verbose = log_is_verbose();
	boot.sandbox = confine_mode(parent_conf());
	return link_send(c->link, MSG_PARENT_ANY_BOOT, &boot, sizeof(boot));
}

static void
restart_later(struct child *c, uint64_t alive_ms)
{
	struct timeval	 tv;

	c->delay_ms = restart_delay(c->delay_ms, alive_ms);
	tv.tv_sec = c->delay_ms / 1000;
	tv.tv_usec = c->delay_ms % 1000 * 1000;
	evtimer_add(&c->restart_ev, &tv);
}

static void
on_restart(int fd, short what, void *arg)
{
	struct child	*c = arg;

	(void)fd;
	(void)what;
	if (parent_is_stopping() || !c->wanted || c->pid != 0)
		return;
	nrestarts++;
	child_start(c);
}

static void
on_kill_timer(int fd, short what, void *arg)
{
	struct child	*c = arg;

	(void)fd;
	(void)what;
	if (c->pid != 0)
		kill(c->pid, SIGKILL);
}

static void
on_sign_turn(int fd, short what, void *arg)
{
	struct child	*c = arg;

	(void)fd;
	(void)what;
	link_resume(c->sign);
}

void
child_sign_yield(struct child *c)
{
	struct timeval	 now = { 0, 0 };

	link_pause(c->sign);
	if (evtimer_add(&c->sign_ev, &now) == -1)
		link_resume(c->sign);
}

static void
child_start(struct child *c)
{
	struct spawned	 s;

	if (spawn(kinds_program(c->kind), &s) == -1) {
		restart_later(c, 0);
		return;
	}
	c->pid = s.pid;
	c->id = spawn_next_id();
	c->started_ms = parent_now_ms();
	c->ready = 0;
	c->generation = 0;
	c->refused = 0;
	c->is_condemned = 0;
	c->lognet = lognet_new(s.log_fd, c->name);
	c->link = child_make_link(c, c->kind, s.link_fd);
	if (c->lognet == NULL || c->link == NULL) {
		kill(c->pid, SIGKILL);
		return;
	}
	link_set_state(c->link, CHILD_BOOTING);
	if (send_boot(c) == -1)
		kill(c->pid, SIGKILL);
}

int
child_configure(struct child *c)
{
	return conf_send(parent_conf(), c->kind, c->instance, c->link,
	    sent_generation);
}

void
on_child_conf_done(struct link *link, struct link_in *in)
{
	const struct any_conf	*m = in->data;
	struct child		*c = link_arg(link);

	if (m->generation == 0 || m->generation > sent_generation) {
		link_fault(link, "answers a configuration it never got");
		return;
	}
	if (m->generation < c->generation)
		return;
	if (m->generation == c->generation) {
		link_fault(link, "answers a configuration again");
		return;
	}
	if (c->generation == 0 &&
	    confine_note(c->kind, m, parent_conf()) == -1) {
		link_fault(link, "is not confined");
		return;
	}
	c->generation = m->generation;
	c->refused = m->failed != 0;
	if (c->refused)
		log_warnx("%s refused configuration %u", c->name, m->generation);
	parent_on_progress();
}

void
children_configure(const struct conf *conf, uint32_t generation)
{
	int	 k, i;

	sent_generation = generation;
	FOR_SLOTS(k, i) {
		struct child	*c = slots[k][i];

		if (c->ready && c->link != NULL && c->wanted)
			(void)conf_send(conf, c->kind, c->instance, c->link,
			    generation);
	}
}

int
children_configured(uint32_t generation, const char **refused)
{
	int	 k, i, all = 1;

	*refused = NULL;
	FOR_SLOTS(k, i) {
		struct child	*c = slots[k][i];

		if (!c->wanted)
			continue;
		if (c->generation != generation)
			all = 0;
		else if (c->refused)
			*refused = c->name;
	}
	return all;
}

static struct child *
slot_new(int kind, int instance)
{
	struct child	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		log_warn("slot for %s", kinds_program(kind));
		return NULL;
	}
	c->kind = kind;
	c->instance = instance;
	if (instance == 0)
		strlcpy(c->name, kinds_program(kind), sizeof(c->name));
	else
		snprintf(c->name, sizeof(c->name), "%s/%d",
		    kinds_program(kind), instance);
	/* Of the slot, not of a process: a death gives nobody new ones. */
	bucket_init(&c->sign_bucket, SIGN_BURST, parent_now_ms());
	bucket_init(&c->auth_bucket, AUTH_FAIL_BURST, parent_now_ms());
	bucket_init(&c->ask_bucket, AUTH_ASK_BURST, parent_now_ms());
	bucket_init(&c->peer_bucket, PEER_BURST, parent_now_ms());
	bucket_init(&c->accuse_bucket, ACCUSE_BURST, parent_now_ms());
	evtimer_set(&c->restart_ev, on_restart, c);
	evtimer_set(&c->sign_ev, on_sign_turn, c);
	evtimer_set(&c->kill_ev, on_kill_timer, c);
	return c;
}

static void
child_ask_stop(struct child *c)
{
	struct timeval	 grace = { STOP_GRACE_S, 0 };

	if (c->pid == 0)
		return;
	if (c->link == NULL ||
	    link_send(c->link, MSG_PARENT_ANY_STOP, NULL, 0) == -1)
		kill(c->pid, SIGKILL);
	else
		evtimer_add(&c->kill_ev, &grace);
}

void
children_adjust(const struct conf *conf)
{
	int	 k, i, n;

	for (k = 0; k < KINDS; k++) {
		n = kinds_wanted(conf, k);
		for (i = 0; i < CHILD_INSTANCES_MAX; i++) {
			if (slots[k][i] == NULL && i < n)
				slots[k][i] = slot_new(k, i);
			if (slots[k][i] == NULL)
				continue;
			if (i < n && !slots[k][i]->wanted) {
				slots[k][i]->wanted = 1;
				if (slots[k][i]->pid == 0)
					child_start(slots[k][i]);
			} else if (i >= n && slots[k][i]->wanted) {
				slots[k][i]->wanted = 0;
				child_ask_stop(slots[k][i]);
			}
		}
	}
}

static struct child *
find_pid(pid_t pid)
{
	int	 k, i;

	FOR_SLOTS(k, i) {
		if (slots[k][i]->pid == pid)
			return slots[k][i];
	}
	return NULL;
}

/* Forgets the process in a slot and tells those who waited for it. */
static void
child_clear(struct child *c)
{
	link_close(c->link);
	link_close(c->sign);
	c->link = c->sign = NULL;
	lognet_finish(c->lognet);
	c->lognet = NULL;
	evtimer_del(&c->kill_ev);
	evtimer_del(&c->sign_ev);
	c->pid = 0;
	c->ready = 0;
	c->generation = 0;
	if (c->kind == PROC_AUTH)
		authwork_on_death(c->instance);
	else if (c->kind == PROC_NET)
		authenticate_on_net_death(c->id);
	else if (c->kind == PROC_CONTROL)
		control_on_death();
	else if (c->kind == PROC_QUEUE)
		deliver_on_queue_death(c->id);
	else
		authoutside_on_death(c->kind, c->instance);
}

int
child_on_death(pid_t pid, int status)
{
	struct child	*c;
	uint64_t	 alive_ms;
	char		 why[128];

	if ((c = find_pid(pid)) == NULL)
		return 0;
	alive_ms = parent_now_ms() - c->started_ms;
	child_clear(c);
	if (!parent_is_stopping() && c->wanted) {
		restart_later(c, alive_ms);
		log_warnx("%s died: pid %d, %s; restart in %u ms", c->name,
		    (int)pid, kinds_describe_death(status, why, sizeof(why)),
		    c->delay_ms);
		parent_on_early_death(c->name, ++c->deaths);
	} else if (status != 0)
		log_info("%s ended: pid %d, %s", c->name, (int)pid,
		    kinds_describe_death(status, why, sizeof(why)));
	parent_on_progress();
	return 1;
}

static void
stop_kind(int net_only)
{
	int	 k, i;

	FOR_SLOTS(k, i) {
		evtimer_del(&slots[k][i]->restart_ev);
		if ((slots[k][i]->kind == PROC_NET) == net_only)
			child_ask_stop(slots[k][i]);
	}
}

void
children_stop_net(void)
{
	stop_kind(1);
}

void
children_stop_rest(void)
{
	stop_kind(0);
}

void
children_kill(void)
{
	int	 k, i;

	FOR_SLOTS(k, i) {
		if (slots[k][i]->pid != 0)
			kill(slots[k][i]->pid, SIGKILL);
	}
}

size_t
children_alive(int net_only)
{
	size_t	 n = 0;
	int	 k, i;

	FOR_SLOTS(k, i) {
		if (slots[k][i]->pid != 0 && (!net_only || k == PROC_NET))
			n++;
	}
	return n;
}

void
children_set_verbose(int on)
{
	struct parent_any_verbose	 m = { 0 };
	int				 k, i;

	m.on = on;
	FOR_SLOTS(k, i) {
		if (slots[k][i]->ready)
			(void)link_send(slots[k][i]->link,
			    MSG_PARENT_ANY_VERBOSE, &m, sizeof(m));
	}
}

struct link *
child_link(enum proc_kind kind, uint16_t instance)
{
	struct child	*c;

	if ((int)kind >= KINDS || instance >= CHILD_INSTANCES_MAX ||
	    (c = slots[kind][instance]) == NULL || !c->ready)
		return NULL;
	return c->link;
}

struct link *
child_link_by_id(enum proc_kind kind, uint32_t proc_id)
{
	int	 i;

	if ((int)kind >= KINDS)
		return NULL;
	for (i = 0; i < CHILD_INSTANCES_MAX; i++) {
		if (slots[kind][i] != NULL && slots[kind][i]->ready &&
		    slots[kind][i]->id == proc_id)
			return slots[kind][i]->link;
	}
	return NULL;
}

void
child_kill_by_id(uint32_t proc_id)
{
	int	 k, i;

	FOR_SLOTS(k, i) {
		if (slots[k][i]->pid != 0 && slots[k][i]->id == proc_id)
			kill(slots[k][i]->pid, SIGKILL);
	}
}
