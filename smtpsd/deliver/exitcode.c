/*
 * Exit codes of commands.  Called by run.c.
 */
#include <sys/wait.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "exitcode.h"

static const struct {
	int		 code;
	const char	*status;
	const char	*text;
} finals[] = {
	{ EX_DATAERR, "5.6.0", "message is not acceptable" },
	{ EX_NOUSER, "5.1.1", "no such user" },
	{ EX_NOHOST, "5.1.2", "no such host" },
	{ EX_UNAVAILABLE, "5.3.0", "service unavailable" },
	{ EX_PROTOCOL, "5.5.0", "protocol error" },
	{ EX_NOPERM, "5.7.1", "permission denied" },
};

/* One line of what it said. */
static void
add_said(struct outcome *outcome, const char *said)
{
	size_t i, used;

	while (*said != '\0' && (unsigned char)*said <= ' ')
		said++;
	if (*said == '\0')
		return;
	strlcat(outcome->text, ": ", sizeof(outcome->text));
	used = strlen(outcome->text);
	strlcat(outcome->text, said, sizeof(outcome->text));
	for (i = used; outcome->text[i] != '\0'; i++)
		if (outcome->text[i] < ' ' || outcome->text[i] > '~')
			outcome->text[i] = ' ';
	while (i > used && outcome->text[i - 1] == ' ')
		outcome->text[--i] = '\0';
}

static void
set_exit(struct outcome *outcome, int code)
{
	size_t i;

	for (i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
		if (finals[i].code != code)
			continue;
		outcome_set(outcome, AGENT_PERMFAIL, finals[i].status,
		    finals[i].text);
		return;
	}
	outcome_set(outcome, AGENT_TEMPFAIL, "4.3.0", "");
	if (code == EX_TEMPFAIL)
		strlcpy(outcome->text, "command asks to try again",
		    sizeof(outcome->text));
	else
		snprintf(outcome->text, sizeof(outcome->text),
		    "command failed with exit code %d", code);
}

void
exitcode_outcome(struct outcome *outcome, int status, int is_late,
    const char *said)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		outcome_set(outcome, AGENT_OK, "2.0.0",
		    "Delivered to a command");
		return;
	}
	if (WIFEXITED(status))
		set_exit(outcome, WEXITSTATUS(status));
	else {
		outcome_set(outcome, AGENT_TEMPFAIL, "4.3.0",
		    "command took too long and was killed");
		if (!is_late)
			snprintf(outcome->text, sizeof(outcome->text),
			    "command was killed by signal %d",
			    WTERMSIG(status));
	}
	add_said(outcome, said);
}
