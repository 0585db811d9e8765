/*
 * queue: keeps accepted messages in its database, hands them to the agents
 * and acknowledges only what is on stable storage.  See README.  This file
 * fills the table for common/base/proc.c, opens the store and orders the
 * work of a turn.
 */
#include <sys/time.h>

#include <event.h>
#include <stddef.h>
#include <unistd.h>

#include "age.h"
#include "agent.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/proc.h"
#include "commit.h"
#include "conf.h"
#include "control.h"
#include "edit.h"
#include "flush.h"
#include "forward.h"
#include "incoming.h"
#include "login.h"
#include "peers.h"
#include "proto/boot.h"
#include "result.h"
#include "schedule.h"
#include "store.h"
#include "usage.h"

#define QUEUE_PATH	"/queue.db"		/* the spool is our root */
#define WAL_BYTES	(UINT64_C(72) << 20)	/* a bit above the checkpoint */
#define HEAP_KEEP	((size_t)256 << 20)	/* bodies come and go */
#define STOP_MS		4000

static struct store *store;
static int sweep = 1;			/* as store_sweep() says */
static struct event timer, flushed;
static uint64_t timer_ms;		/* when it will fire */
static uint64_t stop_ms;

static void
on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	timer_ms = 0;			/* the turn that follows does it all */
}

static void
on_flushed(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;			/* so it does here */
}

static void
timer_set(uint64_t now_ms)
{
	uint32_t wait_ms = commit_wait_ms(now_ms, schedule_wait_ms(),
	    edit_is_busy() || sweep == 1);
	struct timeval tv = { .tv_sec = wait_ms / 1000,
	    .tv_usec = (wait_ms % 1000) * 1000 };

	if (timer_ms != 0 && timer_ms <= now_ms + wait_ms)
		return;
	timer_ms = now_ms + wait_ms;
	evtimer_add(&timer, &tv);
}

static int
queue_init(struct link *parent)
{
	struct incoming_def def = { .done = peers_net_done,
	    .accepted = schedule_add };

	(void)parent;
	heap_keep(HEAP_KEEP);
	if ((store = store_open(QUEUE_PATH, WAL_BYTES)) == NULL)
		return -1;
	def.store = store;
	incoming_init(&def);
	schedule_init(store);
	agent_init(store);
	commit_init(store);
	control_init(store);
	usage_init(store);
	login_init(store);
	edit_init(store);
	event_set(&flushed, flush_fd(), EV_READ | EV_PERSIST, on_flushed, NULL);
	event_add(&flushed, NULL);
	evtimer_set(&timer, on_timer, NULL);
	timer_set(proc_now_ms());
	log_info("queue open envelopes=%llu%s",
	    (unsigned long long)store_count(store),
	    store_is_counted(store) ? "" : " or more");
	return 0;
}

static void
queue_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	switch (kind) {
	case PROC_NET:
		peers_net_link(peer_id, fd);
		break;
	case PROC_POLICY:
		peers_policy_link(peer_id, fd);
		break;
	case PROC_RELAY:
		agent_relay_link(peer_id, fd);
		break;
	case PROC_DELIVER:
		agent_deliver_link(peer_id, cookie, fd);
		break;
	case PROC_CONTROL:
		control_link(peer_id, fd);
		break;
	default:
		log_warnx("link to a process of kind %u", kind);
		close(fd);
	}
}

/* Wait for net to end and for deliveries under way, but not for long. */
static void
queue_stop_if_done(uint64_t now_ms)
{
	if (stop_ms == 0)
		return;
	if (now_ms < stop_ms && (peers_count() > 0 || commit_is_under_way() ||
	    incoming_ready() > 0 || agent_running() > 0 ||
	    result_waiting() > 0))
		return;
	stop_ms = 0;
	login_store();
	login_init(NULL);
	store_close(store);
	store = NULL;
	proc_exit(0);
}

/* All else that writes to the store. */
static void
queue_work(uint64_t now_ms, uint64_t now_s)
{
	login_turn(now_ms);
	/* what it takes out of the lanes may come again in this turn */
	edit_turn(now_s);
	/* before it, no action is known and every attempt would fail */
	if (stop_ms == 0 && conf_is_set())
		schedule_turn(now_ms, now_s);
	forward_turn(now_ms);
	agent_turn(now_ms);
}

/*
 * Behind a commit, before the next: while large bodies come without end, one
 * is under way whenever queue_flushed() is called.
 */
static void
queue_next_commit(uint64_t now_ms, uint64_t now_s)
{
	if (sweep != 0)
		sweep = store_sweep(store);
	commit_turn(now_ms, now_s);
}

static void
queue_turn(void)
{
	uint64_t now_ms = proc_now_ms(), now_s = proc_now_s();
	int has_ended;

	if (store == NULL)
		return;
	age_turn(now_ms, now_s, conf_get()->expire_s);
	if (incoming_ready() > 0)
		peers_poll();
	has_ended = commit_end(now_ms, now_s);
	incoming_expire(now_ms);
	if (!has_ended && !commit_is_under_way())
		commit_turn(now_ms, now_s);
	if (!commit_is_under_way())
		queue_work(now_ms, now_s);
	/* not before that work: there may always be one under way */
	if (has_ended)
		queue_next_commit(now_ms, now_s);
	timer_set(now_ms);
	queue_stop_if_done(now_ms);
}

/* Acknowledgements have left: the long work is at nobody's cost. */
static void
queue_flushed(void)
{
	if (store == NULL)
		return;
	store_checkpoint(store);
	if (sweep != 0)
		sweep = store_sweep(store);
}

static void
queue_on_stop(void)
{
	agent_stop();
	stop_ms = proc_now_ms() + STOP_MS;
}

static const struct link_rule parent_rules[] = {
	{ MSG_PARENT_QUEUE_CONF, LINK_STATE_ANY, on_parent_conf },
	{ MSG_PARENT_QUEUE_ACTION, LINK_STATE_ANY, on_parent_action },
	{ MSG_PARENT_QUEUE_DELIVER_FAILED, LINK_STATE_ANY,
	    on_parent_deliver_failed },
	{ MSG_PARENT_QUEUE_LOGIN, LINK_STATE_ANY, on_parent_login },
};

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "queue",
		.kind = PROC_QUEUE,
		.profile = SANDBOX_STORE,
		.threads = flush_init,
		.init = queue_init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = queue_on_link,
		.conf_begin = conf_begin,
		.conf_end = conf_end,
		.on_stop = queue_on_stop,
		.turn = queue_turn,
		.flushed = queue_flushed,
	};

	return proc_main(argc, argv, &def);
}
