/*
 * The pauses between attempts.
 */
#include "base/tap.h"
#include "retry.h"

static const struct {
	const char	*name;
	uint32_t	 attempts, min_s, max_s, random, want;
} cases[] = {
	{ "first, least", 1, 100, 1000, 0, 80 },
	{ "first, middle", 1, 100, 1000, 200, 100 },
	{ "first, most", 1, 100, 1000, 400, 120 },
	{ "jitter wraps", 1, 100, 1000, 401, 80 },
	{ "second doubles", 2, 100, 1000, 200, 200 },
	{ "fourth", 4, 100, 1000, 200, 800 },
	{ "fifth is capped", 5, 100, 1000, 200, 1000 },
	{ "very many", 4000000000U, 100, 1000, 200, 1000 },
	{ "no attempt yet", 0, 100, 1000, 200, 100 },
	{ "zero pause", 1, 0, 1000, 200, 1 },
	{ "one second, least", 1, 1, 10, 0, 1 },
	{ "largest numbers", 9, 4294967295U, 4294967295U, 0, 3435973836U },
};

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(retry_pause(cases[i].attempts, cases[i].min_s,
		    cases[i].max_s, cases[i].random) == cases[i].want, "%s",
		    cases[i].name);
	return tap_done();
}
