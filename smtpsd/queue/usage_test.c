/*
 * What users have used, for a new policy: however many they are, they are
 * never so many that it could not read them, and be blamed for it.
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
#include "teststore.h"
#include "usage.h"

#define MANY	(LINK_UNREAD_MAX / sizeof(struct user_usage))

static unsigned int ngot, nbroken;

static void
on_usage(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
	ngot++;
}

static void
on_broken(uint32_t peer_id)
{
	(void)peer_id;
	nbroken++;
}

/* Users from..to of today. */
static void
put(struct store *s, unsigned int from, unsigned int to)
{
	struct user_usage u;

	memset(&u, 0, sizeof(u));
	u.day.number = u.hour.number = NOW / 86400;
	if (store_begin(s, 0) == -1)
		abort();
	for (; from < to; from++) {
		snprintf(u.user, sizeof(u.user), "u%u", from);
		if (store_set_usage(s, &u) == -1)
			abort();
	}
	if (store_commit(s) == -1)
		abort();
}

static void
send_all(void)
{
	static const struct link_rule rules[] = {
		{ MSG_QUEUE_POLICY_USAGE, LINK_STATE_ANY, on_usage },
	};
	struct link_end far = { .name = "queue", .rules = rules, .nrules = 1 };
	struct link_end near = { .name = "policy", .peer_id = 9 };
	struct link *policy, *peer;
	unsigned int before;
	int fd[2];

	ngot = nbroken = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (peer = link_new(fd[0], &far)) == NULL ||
	    (policy = link_new(fd[1], &near)) == NULL)
		fatal("policy");
	usage_send(policy, NOW);
	do {
		before = ngot;
		link_flush_all();
		event_loop(EVLOOP_NONBLOCK);
	} while (ngot != before);
	link_close(policy);
	link_close(peer);
	link_flush_all();
}

int
main(void)
{
	char dir[] = "/tmp/smtpsd-usage.XXXXXX", path[64];
	struct store *s;

	log_init("usage_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	event_init();
	link_on_broken(on_broken);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((s = teststore_open(path, 0)) == NULL)
		return 1;
	usage_init(s);
	put(s, 0, 1000);
	send_all();
	tap_ok(ngot == 1000 && nbroken == 0, "a new policy hears of all");
	put(s, 1000, MANY);
	send_all();
	tap_ok(nbroken == 0 && ngot > MANY / 4 && ngot < MANY,
	    "of %u of %zu, and is not blamed", ngot, MANY);
	store_close(s);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	tap_ok(system(path) == 0, "cleaned up");
	return tap_done();
}
