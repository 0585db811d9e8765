/*
 * Ages while the clock is set to and fro: a table of steps, each some time
 * that passes and then a jump, and what is asked of messages after it.
 */
#include "age.h"
#include "base/tap.h"

#define HOUR	3600
#define DAY	(24 * HOUR)
#define START	1700000000

static uint64_t now_ms = 1000, now_s = START;

static void
step(int64_t pass_s, int64_t jump_s)
{
	now_ms += (uint64_t)pass_s * 1000;
	now_s += (uint64_t)(pass_s + jump_s);
	age_turn(now_ms, now_s, 5 * DAY);
}

/* A message of so long after the start by the clock of then. */
static const struct {
	const char	*name;
	int64_t		 pass_s, jump_s, came_s, age_s;
} tests[] = {
	{ "time passes", HOUR, 0, 0, HOUR },
	{ "what came before the start", 0, 0, -DAY, DAY + HOUR },
	{ "what is of the future", 0, 0, DAY, 0 },
	{ "ahead: no age", 0, 10 * DAY, 0, HOUR },
	{ "of what came before", 0, 0, -4 * DAY, 4 * DAY + HOUR },
	{ "what comes then", HOUR, 0, 10 * DAY + HOUR, HOUR },
	{ "ages", 0, 0, 0, 2 * HOUR },
	{ "some of it back", 0, -4 * DAY, 0, 2 * HOUR },
	{ "what comes then", HOUR, 0, 6 * DAY + 2 * HOUR, HOUR },
	{ "ahead again", 0, DAY, 0, 3 * HOUR },
	{ "what came between", 0, 0, 6 * DAY + 2 * HOUR, HOUR },
	{ "all of it back, and more", 0, -8 * DAY, -4 * DAY,
	    3 * DAY + 3 * HOUR },
	{ "the clock is believed then", HOUR, 0, -DAY + 3 * HOUR, HOUR },
	{ "years ahead", 0, 3650 * (int64_t)DAY, -DAY, 4 * HOUR },
	{ "what came before is as old, in the end", 6 * DAY, 0, -DAY,
	    3656 * (int64_t)DAY + 4 * HOUR },
};

static void
test_table(void)
{
	uint64_t age, until, came;
	size_t i;

	age_turn(now_ms, now_s, 5 * DAY);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		step(tests[i].pass_s, tests[i].jump_s);
		came = START + (uint64_t)tests[i].came_s;
		age = age_of(came, now_s);
		until = age_until((uint64_t)tests[i].age_s, now_s);
		tap_ok(age == (uint64_t)tests[i].age_s && (age == 0 ||
		    (until >= came && age_until(age + 1, now_s) < came)),
		    "%s: %lld, %lld", tests[i].name, (long long)age,
		    (long long)(until - START));
	}
}

/* Each too small to be seen by itself. */
static void
test_small(void)
{
	uint64_t came = now_s;
	int i;

	for (i = 0; i < 1000; i++)
		step(1, 50);
	tap_ok(age_of(came, now_s) < 1000 + 2 * 60, "small steps are a jump");
	for (i = 0; i < 1000; i++)
		step(1, -50);
	came = now_s - HOUR;
	tap_ok(age_of(came, now_s) >= HOUR - 2 * 60, "and back");
}

/* More jumps than are remembered make nothing older. */
static void
test_many(void)
{
	uint64_t came = now_s;
	int i;

	for (i = 0; i < 100; i++)
		step(1, DAY);
	tap_ok(age_of(came, now_s) == 100, "a hundred jumps");
	step(10, -200 * DAY);
	tap_ok(age_of(now_s - HOUR, now_s) == HOUR, "all of them back");
}

int
main(void)
{
	test_table();
	test_small();
	test_many();
	return tap_done();
}
