/*
 * Confinement by pledge(2) and unveil(2).
 *
 * Called by proc.c.  The first stage takes files and exec away, the second
 * everything that configuration needed.  Processes without files live in an
 * empty root and keep no path at all.
 */
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"

static const char	*in_force = "none";
static int		 is_tight;

const char *
sandbox_probe(struct sandbox_facts *facts)
{
	facts->level = SANDBOX_WHOLE;
	facts->landlock = 0;
	return NULL;
}

static int
enter(const char *promises)
{
	if (pledge(promises, NULL) == -1) {
		log_warn("pledge \"%s\"", promises);
		return -1;
	}
	in_force = promises;
	return 0;
}

static int
confine(enum sandbox_profile profile)
{
	switch (profile) {
	case SANDBOX_STORE:
	case SANDBOX_MAILBOX:
		if (unveil("/", "rwc") == -1 || unveil(NULL, NULL) == -1) {
			log_warn("unveil");
			return -1;
		}
		return enter("stdio rpath wpath cpath fattr flock recvfd");
	case SANDBOX_COMMAND:
		return enter("stdio rpath wpath cpath tmppath flock proc exec id "
		    "recvfd");
	case SANDBOX_ACCEPT:
		return enter("stdio inet unix recvfd");
	case SANDBOX_ANSWER:
		return enter("stdio unix recvfd");
	case SANDBOX_CONNECT:
	case SANDBOX_LOOKUP:
		return enter("stdio inet recvfd");
	case SANDBOX_COMPUTE:
		return enter("stdio recvfd");
	case SANDBOX_SYSTEM:
		/* auth_userokay(3) runs /usr/libexec/auth/login_*. */
		return enter("stdio rpath getpw proc exec id recvfd");
	}
	return -1;
}

int
sandbox_privileges(void)
{
	return 0;
}

/* There is nothing that this system lacks, and ktrace(1) to learn with. */
int
sandbox_first(enum sandbox_profile profile, unsigned int mode)
{
	if (mode & SANDBOX_LEARN)
		log_warnx("pledge(2) cannot learn: see ktrace(1)");
	return confine(profile);
}

/*
 * recvfd stays: when another process was started anew, the parent hands over
 * a new link to it.
 */
int
sandbox_second(enum sandbox_profile profile)
{
	if (confine(profile) == -1)
		return -1;
	is_tight = 1;
	return 0;
}

void
sandbox_in_force(struct sandbox_facts *facts)
{
	facts->level = is_tight ? SANDBOX_WHOLE : SANDBOX_NOTHING;
	facts->landlock = 0;
}

const char *
sandbox_describe(void)
{
	return in_force;
}
