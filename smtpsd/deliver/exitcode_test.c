/*
 * What commands say by their end.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/tap.h"

#include "exitcode.h"

#define SIGNALLED	1000	/* code: this plus the signal */

static const struct {
	const char	*name;
	int		 code;
	const char	*said;
	int		 class;
	const char	*status, *text;
} tests[] = {
	{ "done", 0, "noise", AGENT_OK, "2.0.0", "Delivered to a command" },
	{ "try again", 75, "later", AGENT_TEMPFAIL, "4.3.0",
	    "command asks to try again: later" },
	{ "no user", 67, "", AGENT_PERMFAIL, "5.1.1", "no such user" },
	{ "no permission", 77, " not\n you \n", AGENT_PERMFAIL, "5.7.1",
	    "permission denied: not  you" },
	{ "bad data", 65, "\x1b[2J\xff", AGENT_PERMFAIL, "5.6.0",
	    "message is not acceptable: [2J" },
	{ "a crash of a script", 1, "Traceback", AGENT_TEMPFAIL, "4.3.0",
	    "command failed with exit code 1: Traceback" },
	{ "not found", 127, "", AGENT_TEMPFAIL, "4.3.0",
	    "command failed with exit code 127" },
	{ "misconfigured", 78, "", AGENT_TEMPFAIL, "4.3.0",
	    "command failed with exit code 78" },
	{ "signal", SIGNALLED + SIGKILL, "", AGENT_TEMPFAIL, "4.3.0",
	    "command was killed by signal 9" },
};

/* A status as the system makes it. */
static int
status_of(int code)
{
	int status = -1;
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (code >= SIGNALLED)
			kill(getpid(), code - SIGNALLED);
		_exit(code);
	}
	waitpid(pid, &status, 0);
	return status;
}

int
main(void)
{
	struct outcome outcome;
	char said[513];
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		memset(&outcome, 0, sizeof(outcome));
		exitcode_outcome(&outcome, status_of(tests[i].code), 0,
		    tests[i].said);
		tap_ok(outcome.class == tests[i].class &&
		    strcmp(outcome.status, tests[i].status) == 0, "%s",
		    tests[i].name);
		tap_is_str(outcome.text, tests[i].text, tests[i].name);
	}
	exitcode_outcome(&outcome, status_of(SIGNALLED + SIGKILL), 1, "");
	tap_is_str(outcome.text, "command took too long and was killed",
	    "too late");
	memset(said, 'y', sizeof(said) - 1);
	said[sizeof(said) - 1] = '\0';
	exitcode_outcome(&outcome, status_of(1), 0, said);
	tap_ok(strlen(outcome.text) == sizeof(outcome.text) - 1,
	    "much said: cut");
	return tap_done();
}
