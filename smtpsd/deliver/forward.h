/*
 * The user's ~/.forward.  For deliver only.
 */
#ifndef DELIVER_FORWARD_H
#define DELIVER_FORWARD_H

#include "outcome.h"

struct delivery;
struct delivery_rcpt;

/*
 * The text of .forward in home, to be freed; NULL: there is none (class
 * AGENT_OK), or outcome says why it cannot be used.
 */
char	*forward_read(const char *home, struct outcome *);
/*
 * 1: the recipient's own mailbox is among the targets, 0: it is not, -1:
 * outcome says why nothing can be done.
 */
int	 forward_check(const char *text, const char *user,
	    const char *recipient, struct outcome *);
/* The next command at *text into out of ALIASTEXT_SIZE; 0: no more. */
int	 forward_command(const char **text, char *out);
/* The next address that is not the own mailbox, likewise. */
int	 forward_address(const char **text, const char *user,
	    const char *recipient, char *out, size_t size);
/*
 * Commands have run: write the files of all recipients that are not over.
 * One for which there are only addresses gets AGENT_FORWARDED.
 */
void	 forward_files(struct delivery *);

#endif
