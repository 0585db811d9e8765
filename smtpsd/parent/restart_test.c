/* How long a child that dies waits. */
#include "base/tap.h"
#include "restart.h"

int
main(void)
{
	static const struct {
		const char	*name;
		uint32_t	 last_ms;
		uint64_t	 alive_ms;
		uint32_t	 want_ms;
	} cases[] = {
		{ "first", 0, 5, 100 },
		{ "first after a long life", 0, 1000000, 100 },
		{ "second", 100, 5, 200 },
		{ "tenth", 12800, 5, 25600 },
		{ "capped", 25600, 5, 30000 },
		{ "stays capped", 30000, 59999, 30000 },
		{ "a minute alive begins anew", 30000, 60000, 100 },
	};
	size_t	 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(restart_delay(cases[i].last_ms, cases[i].alive_ms) ==
		    cases[i].want_ms, "restart: %s", cases[i].name);
	return tap_done();
}
