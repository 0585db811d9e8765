/*
 * Words for how a delivery ended.  Called by everything here that can fail.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "outcome.h"

void
outcome_set(struct outcome *outcome, int class, const char *status,
    const char *text)
{
	outcome->class = class;
	strlcpy(outcome->status, status, sizeof(outcome->status));
	strlcpy(outcome->text, text, sizeof(outcome->text));
}

/* Everything the system says is worth a retry: nothing is the sender's fault. */
void
outcome_errno(struct outcome *outcome, const char *what)
{
	const char *status = "4.3.0";
	int saved = errno;

	if (saved == EDQUOT)
		status = "4.2.2";
	else if (saved == ENOSPC)
		status = "4.3.1";
	else if (saved == EACCES || saved == EPERM || saved == ELOOP ||
	    saved == ENOTDIR)
		status = "4.2.1";
	outcome_set(outcome, AGENT_TEMPFAIL, status, "");
	snprintf(outcome->text, sizeof(outcome->text), "mailbox: %s: %s", what,
	    strerror(saved));
}
