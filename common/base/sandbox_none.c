/*
 * A system without a sandbox that smtpsd knows: it does not start.
 */
#include "base/log.h"
#include "base/sandbox.h"

int
sandbox_first(enum sandbox_profile profile)
{
	(void)profile;
	log_warnx("this system has no sandbox that smtpsd can use");
	return -1;
}

int
sandbox_second(enum sandbox_profile profile)
{
	return sandbox_first(profile);
}

const char *
sandbox_describe(void)
{
	return "none";
}
