/*
 * The lanes share the memory: far mail that goes nowhere leaves some to
 * mailboxes, mailboxes leave some to far mail, one lane to others, and each
 * has its turn.  What waits or runs for long is warned of.
 */
#include <event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/tap.h"
#include "proto/control_any.h"
#include "proto/queue_agent.h"
#include "schedule.h"
#include "testagent.h"

static unsigned int nlooks;

static void
test_kinds(const char *one, const char *other)
{
	struct envelope *e = make_envelope("", 0);
	unsigned int n, m;

	nreleased = 0;
	n = fill_lanes(one, 0, 0);
	tap_ok(agent_has_room(e, SCHEDULE_MAX - n), "%s leaves some to what "
	    "policy is asked about", one);
	envelope_free(e);
	m = fill_lanes(other, n, 0);
	tap_ok(n > SCHEDULE_MAX / 2 && m >= SCHEDULE_MAX / 8,
	    "%s takes %u, leaves %u to %s", one, n, m, other);
	agent_withdraw();
	tap_ok(nreleased == n + m, "all go back");
}

/* Jobs of u7 are late; none other. */
static enum late
how_late(const struct message *m, const struct envelope *e)
{
	(void)m;
	nlooks++;
	return strcmp(e->user, "u7") == 0 && !e->is_warned ? LATE_WARN :
	    LATE_NOT;
}

/* However many wait, each look costs as much, and none is left out. */
static void
test_looks(void)
{
	unsigned int n, most = 0, i;

	nresults = nwarnings = 0;
	pass_turns(1);
	n = fill_lanes("far", 0, 0);
	agent_waiting(how_late);
	pass_turns(1);
	for (i = 0; i < n / 1000 + 1; i++)
		agent_waiting(how_late);
	tap_ok(nwarnings == 0 && nresults == 0, "an attempt may be due now");
	pass_turns(2);
	for (i = 0; i < n / 1000 + 1; i++) {
		nlooks = 0;
		agent_waiting(how_late);
		if (nlooks > most)
			most = nlooks;
	}
	tap_ok(n > 10000 && most <= 1000, "a look at %u of %u", most, n);
	tap_ok(nwarnings == 1 && nresults == 1 && agent_ready() == n - 1,
	    "the late one is warned of, and is in no lane then");
	agent_withdraw();
	nlooks = 0;
	agent_waiting(how_late);
	tap_ok(nlooks == 0, "nothing waits");
}

/* What a relay has is told of, too, and goes on. */
static void
test_slow(void)
{
	struct peer slow;

	nresults = nwarnings = 0;
	agent_pause(PAUSE_MTA, 0);
	peer_start(&slow, 40, NULL);
	add_far_jobs(5, 3);
	pass_turns(1);
	agent_waiting(how_late);
	alive_for(&slow, 2 * AGENT_SILENT_MS - AGENT_ALIVE_MS);
	agent_waiting(how_late);
	tap_ok(slow.n == 3 && nresults == 0, "for some time it may end");
	alive_for(&slow, 2 * AGENT_ALIVE_MS);
	agent_waiting(how_late);
	agent_waiting(how_late);
	tap_ok(nwarnings == 1 && nresults == 1, "a warning, once");
	tap_ok(agent_running() == 3, "it runs on");
	for (; slow.n > 0; slow.n--)
		peer_say(&slow, slow.n - 1, MSG_AGENT_QUEUE_DONE);
	pass_turns(1);
	tap_ok(agent_running() == 0 && nwarnings == 1 && nresults == 4,
	    "and has its own end");
	link_close(slow.link);
	pass_turns(1);
}

/* However much some have for a relay that is behind, each lane has its turn. */
static void
test_turns(void)
{
	struct peer p;
	unsigned int i;

	accused = 0;
	peer_start(&p, 45, NULL);
	for (i = 0; i < 9 * 300; i++)
		add_big_job("far", 1 + i % 9, AGENT_WINDOW, JOB_ENVELOPES_MAX);
	add_job("far", 10);
	for (i = 0; i < 2000 && p.nopen < 1000 && !p.has_other; i++) {
		pass_turns(1);
		peer_say_all(&p, MSG_AGENT_QUEUE_DONE);
	}
	tap_ok(p.has_other, "the last one's is among %u", p.nopen);
	link_close(p.link);
	pass_turns(2);
	agent_withdraw();
}

int
main(void)
{
	unsigned int n, m;

	log_init("agent_test", LOG_TO_STDERR);
	signal(SIGPIPE, SIG_IGN);
	agent_init(NULL);
	agent_pause(PAUSE_MTA | PAUSE_MDA, 1);
	test_kinds("far", "local");
	test_kinds("local", "far");
	test_kinds("far", "local");
	n = fill_lanes("far", 0, 1);
	m = fill_lanes("far", n, 0);
	tap_ok(n > 1000 && n < SCHEDULE_MAX / 4 && m > n,
	    "one domain takes %u, leaves %u to others", n, m);
	agent_withdraw();
	event_init();
	link_on_broken(on_broken);
	test_looks();
	test_slow();
	test_turns();
	return tap_done();
}
