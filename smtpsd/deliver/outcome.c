/*
 * Words for how a delivery ended.  Called by everything here that can fail.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/*
 * A system's account may have a home of root's, and a home that is not
 * mounted is one: whoever is told "Permission denied" should know of what.
 */
void
outcome_open(struct outcome *outcome, const char *what, int dir_fd,
    const char *path)
{
	struct stat st;
	int saved = errno;
	size_t n;

	outcome_errno(outcome, what);
	if (saved != EACCES && saved != EPERM)
		return;
	if ((dir_fd == -1 ? stat(path, &st) : fstat(dir_fd, &st)) == -1 ||
	    st.st_uid == geteuid())
		return;
	n = strlen(outcome->text);
	snprintf(outcome->text + n, sizeof(outcome->text) - n,
	    "; the directory for it belongs to uid %lu, not to its user",
	    (unsigned long)st.st_uid);
}
