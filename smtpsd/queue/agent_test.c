/*
 * The lanes share the memory: far mail that goes nowhere leaves some to
 * mailboxes, mailboxes leave some to far mail, one lane to others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/log.h"
#include "base/tap.h"
#include "conf.h"
#include "forward.h"
#include "proto/control_any.h"
#include "result.h"
#include "schedule.h"

static unsigned int nreleased;

int
conf_action(const char *name)
{
	return strcmp(name, "far") == 0 ? QUEUE_MX : strcmp(name, "local") ==
	    0 ? QUEUE_LOCAL : -1;
}

int
conf_forwards(const char *name)
{
	(void)name;
	return 0;
}

uint64_t
conf_stuck_ms(const char *name)
{
	(void)name;
	return 0;
}

int
forward_add(struct envelope *e, const char *address)
{
	(void)e;
	(void)address;
	return 1;
}

void
forward_route(struct job *job)
{
	(void)job;
}

void
schedule_release(struct job *job)
{
	nreleased += job->nenv;
	envelope_free(job->env[0]);
	message_unref(job->message);
	free(job);
}

void
result_add(struct job *job, uint64_t ms)
{
	(void)ms;
	schedule_release(job);
}

static struct envelope *
make(const char *action, unsigned int i)
{
	struct envelope *e = envelope_new();

	strlcpy(e->action, action, sizeof(e->action));
	snprintf(e->user, sizeof(e->user), "u%u", i);
	snprintf(e->recipient, sizeof(e->recipient), "a@d%u.example", i);
	return e;
}

/* As the schedule does, while there is room.  How many. */
static unsigned int
fill(const char *action, unsigned int n, int is_one_lane)
{
	struct envelope *e;
	struct job *job;
	unsigned int i;

	for (i = 0; n + i < SCHEDULE_MAX; i++) {
		e = make(action, is_one_lane ? 0 : i + 1);
		if (!agent_has_room(e, SCHEDULE_MAX - n - i)) {
			envelope_free(e);
			break;
		}
		job = calloc(1, sizeof(*job) + sizeof(job->env[0]));
		job->message = message_new();
		job->env[0] = e;
		job->nenv = 1;
		agent_add(job);
	}
	return i;
}

static void
test_kinds(const char *one, const char *other)
{
	struct envelope *e = make("", 0);
	unsigned int n, m;

	nreleased = 0;
	n = fill(one, 0, 0);
	tap_ok(agent_has_room(e, SCHEDULE_MAX - n), "%s leaves some to what "
	    "policy is asked about", one);
	envelope_free(e);
	m = fill(other, n, 0);
	tap_ok(n > SCHEDULE_MAX / 2 && m >= SCHEDULE_MAX / 8,
	    "%s takes %u, leaves %u to %s", one, n, m, other);
	agent_withdraw();
	tap_ok(nreleased == n + m, "all go back");
}

int
main(void)
{
	unsigned int n, m;

	log_init("agent_test", LOG_TO_STDERR);
	agent_init(NULL);
	agent_pause(PAUSE_MTA | PAUSE_MDA, 1);
	test_kinds("far", "local");
	test_kinds("local", "far");
	test_kinds("far", "local");
	n = fill("far", 0, 1);
	m = fill("far", n, 0);
	tap_ok(n > 1000 && n < SCHEDULE_MAX / 4 && m > n,
	    "one domain takes %u, leaves %u to others", n, m);
	agent_withdraw();
	return tap_done();
}
