/*
 * A system without a sandbox that smtpsd knows, or a build that measures what
 * the sandbox costs: nothing starts unless the mode is weak.
 */
#include "base/log.h"
#include "base/sandbox.h"

static const char missing[] = "this system has no sandbox that smtpsd can use";

const char *
sandbox_probe(struct sandbox_facts *facts)
{
	sandbox_in_force(facts);
	return missing;
}

int
sandbox_privileges(void)
{
	return 0;
}

int
sandbox_first(enum sandbox_profile profile, unsigned int mode)
{
	(void)profile;
	if (mode & SANDBOX_WEAK)
		return 0;
	log_warnx("%s", missing);
	return -1;
}

int
sandbox_second(enum sandbox_profile profile)
{
	(void)profile;
	return 0;
}

void
sandbox_in_force(struct sandbox_facts *facts)
{
	facts->level = SANDBOX_NOTHING;
	facts->landlock = 0;
}

const char *
sandbox_describe(void)
{
	return "none";
}
