/*
 * The links of net and policy as the parent makes them: what only the last
 * policy knew of is not kept for the next one, however that one comes.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"
#include "conf.h"
#include "forward.h"
#include "incoming.h"
#include "peers.h"
#include "proto/net_queue.h"
#include "result.h"
#include "teststore.h"
#include "usage.h"

#define SESSION	(UINT64_C(7) << 32 | 1)

static unsigned int nover;

int
conf_forwards(const char *name)
{
	(void)name;
	return 0;
}

void
result_add(struct job *job, uint64_t ms)
{
	(void)job;
	(void)ms;
	nover++;
}

static void
on_accepted(struct message *m, struct envelope_list *list)
{
	message_unref(m);
	envelope_list_free(list);
}

static void
on_down(struct link *link, const char *why)
{
	(void)link;
	(void)why;
}

static void
settle(void)
{
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
	link_flush_all();
}

/* The other end of a link made by make(). */
static struct link *
start(void (*make)(uint32_t, int), uint32_t id)
{
	struct link_end end = { .name = "queue", .down = on_down };
	struct link *link;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (link = link_new(fd[1], &end)) == NULL)
		fatal("peer");
	make(id, fd[0]);
	return link;
}

static void
say_open(struct link *policy, uint32_t session)
{
	struct policy_queue_open o;

	memset(&o, 0, sizeof(o));
	o.session = SESSION + session;
	o.tx = 1;
	strlcpy(o.sender, "a@example.org", sizeof(o.sender));
	link_send(policy, MSG_POLICY_QUEUE_OPEN, &o, sizeof(o));
}

static void
say_body(struct link *net, uint32_t session)
{
	struct net_queue_body b;

	memset(&b, 0, sizeof(b));
	b.session = SESSION + session;
	b.tx = 1;
	link_send_tail(net, MSG_NET_QUEUE_BODY, &b, sizeof(b), "x", 1);
}

static void
test_policy(int is_seen)
{
	struct link *policy = start(peers_policy_link, 2);
	struct link *net = start(peers_net_link, 7);

	say_open(policy, 1);
	say_open(policy, 2);
	say_body(net, 2);
	settle();
	tap_ok(incoming_open_count() == 2, "two are open");
	if (is_seen) {
		link_close(policy);
		settle();
	}
	start(peers_policy_link, 3);
	tap_ok(incoming_open_count() == 1, "of those without a body nobody "
	    "speaks any more, %s", is_seen ? "behind the end of their policy" :
	    "in front of it");
	link_close(net);
	settle();
	tap_ok(incoming_open_count() == 0, "nor of others without their net");
}

int
main(void)
{
	struct incoming_def def = { .done = peers_net_done,
	    .accepted = on_accepted };
	char dir[] = "/tmp/smtpsd-peers.XXXXXX", path[64];

	log_init("peers_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	event_init();
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((def.store = teststore_open(path, 0)) == NULL)
		return 1;
	incoming_init(&def);
	usage_init(def.store);
	test_policy(1);
	test_policy(0);
	store_close(def.store);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	tap_ok(system(path) == 0 && nover == 0, "cleaned up");
	return tap_done();
}
