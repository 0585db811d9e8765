/*
 * The log lines of a session: one when it ends, one for each refusal and
 * each login.  All are "event=NAME key=value ...".  Accepted messages are
 * logged by the queue and failed logins by the parent, who know better.
 */
#ifndef NET_JOURNAL_H
#define NET_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct session;

/*
 * A reply of 400 or more is about to be given: logs its text (without the
 * CR LF) with a short id and appends the id to the text, so that what a
 * user reports leads to the line.  Returns the new size.
 */
size_t	journal_refusal(struct session *, char *reply, size_t size,
	    size_t room);
void	journal_login(const struct session *);
void	journal_end(struct session *, const char *why);
/* What it is doing, in a word. */
const char	*journal_state(const struct session *);

#endif
