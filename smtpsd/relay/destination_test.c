/*
 * Destinations: their names, the pace, and what becomes of deliveries when
 * nobody can be reached.
 */
#include "destination_fake.h"

/* All forms of a name are one destination; what is none fails at once. */
static void
test_idna(void)
{
	add("mx", "m\303\274nchen.example", 1);
	add("mx", "M\303\234nchen.example", 1);
	add("mx", "xn--mnchen-3ya.example", 5);
	add("mx", "XN--MNCHEN-3YA.Example", 5);
	tap_ok(nall == 2, "one destination: %u", nall);
	all_ready();
	tap_ok(ndone == 0, "nothing failed");
	last_class = 0;
	add("mx", "\360\237\230\200.example", 1);
	tap_ok(ndone == 1 && last_class == AGENT_PERMFAIL &&
	    strcmp(last_status, "5.1.2") == 0, "no name of IDNA: for good");
	add("host", "\360\237\230\200.example", 1);
	tap_ok(ndone == 1, "a host of the action may know it");
	clear();
}

/* What a server cannot carry does not hold up what it can. */
static void
test_unfit(void)
{
	add("mx1", "unfit.example", 20);
	nunfit = 15;
	all_ready();
	destination_turn();
	tap_ok(ndone == 15 && ngiven == 16, "fifteen fail, the next is sent: "
	    "%u, %u", ndone, ngiven);
	nunfit = 0;
	clear();
}

static void
test_unreachable(void)
{
	add("mx", "down.example", 50);
	end(0, "4.4.1", "refused");
	tap_ok(ndone == 0 && nall == 1, "one of two is refused: the other "
	    "one decides");
	end(0, "4.4.1", "refused");
	tap_ok(ndone == 50 && last_class == AGENT_TEMPFAIL &&
	    strcmp(last_status, "4.4.1") == 0, "the last: all that waits "
	    "fails at once: %u", ndone);
	add("mx", "down.example", 10);
	tap_ok(ndone == 60 && nall == 0, "and what comes in the next seconds");
	add("mx", "up.example", 1);
	tap_ok(nall == 1, "not what goes elsewhere");
	clear();
	now_ms += 5100;
	add("mx", "down.example", 50);
	tap_ok(nall == 1 && ndone == 0, "then it is asked anew, by one: %u",
	    nall);
	all_ready();
	add("mx", "down.example", 1);
	tap_ok(nall == 2 && ngiven == 1, "which takes mail: it grows again");
	end(1, "4.4.1", "refused");
	tap_ok(nall == 1, "and falls again: %u", nall);
	end(0, "4.4.2", "ended after it was ready");
	tap_ok(ndone == 0, "one that was ready ends: nothing fails");
	clear();

	add("mx", "never.example", 3);
	end(0, "5.7.1", "go away");
	end(0, "5.7.1", "go away");
	tap_ok(ndone == 3 && last_class == AGENT_PERMFAIL, "5.x.x is for good");
	clear();
	add("nobody", "x.example", 1);
	tap_ok(ndone == 1 && last_class == AGENT_TEMPFAIL &&
	    strcmp(last_status, "4.3.5") == 0, "an action that is not there");
	clear();
}

/* Given per step when everything is sent at once. */
static unsigned int
given_after(uint64_t ms, const char *action)
{
	unsigned int before;

	now_ms += ms;
	all_sent();
	before = ngiven;
	add(action, "pace.example", 1);
	return ngiven - before;
}

static void
test_pace(void)
{
	unsigned int i, n = 0;

	add("slow", "pace.example", 100);
	all_ready();
	n = given_after(0, "slow");
	tap_ok(n <= 1, "sixty a minute: one at first: %u", n);
	for (n = 0, i = 0; i < 10; i++)
		n += given_after(50, "slow");
	tap_ok(n == 0, "none in half a second");
	tap_ok(given_after(500, "slow") == 1, "one after a second");
	for (n = 0, i = 0; i < 60; i++)
		n += given_after(500, "slow");
	tap_ok(n == 30, "thirty in half a minute: %u", n);
	tap_ok(given_after(600000, "slow") == 1, "no burst after a pause");
	clear();
	add("fast", "pace.example", 200);
	all_ready();
	for (n = 0, i = 0; i < 100; i++) {
		all_ready();
		n += given_after(100, "fast");
	}
	/* it begins with what one second allows */
	tap_ok(n >= 98 && n <= 112, "six hundred a minute: %u in ten seconds",
	    n);
	clear();
}

static void
test_changed(void)
{
	add("mx", "conf.example", 40);
	all_ready();
	add("mx", "conf.example", 1);
	all_ready();
	destination_conf_changed();
	tap_ok(nretired == nall && nall == 4, "a new configuration: all that "
	    "stand go when they are idle: %u", nretired);
	actions[0].conf.connections = 1;
	destination_conf_changed();
	clear();
	add("mx", "conf.example", 40);
	tap_ok(nall == 1, "and a new limit holds: %u", nall);
	clear();
	actions[0].conf.connections = 0;
}

int
main(void)
{
	test_idna();
	test_unfit();
	test_unreachable();
	test_pace();
	test_changed();
	return tap_done();
}
