/*
 * What a command's exit means.  For deliver only.
 */
#ifndef DELIVER_EXITCODE_H
#define DELIVER_EXITCODE_H

#include "outcome.h"

/*
 * status as from waitpid(2); said: what it printed.  Codes of sysexits(3)
 * that speak of the message or the recipient are final; everything else may
 * be a fault of the system or of the command, which somebody can mend.
 */
void	exitcode_outcome(struct outcome *, int status, int is_late,
	    const char *said);

#endif
