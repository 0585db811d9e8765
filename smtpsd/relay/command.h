/*
 * The text of MAIL and RCPT with their parameters.  Pure; for relay only.
 */
#ifndef RELAY_COMMAND_H
#define RELAY_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "capability.h"
#include "delivery.h"

/* Enough for each of them: addresses, ENVID and ORCPT are bounded. */
#define COMMAND_SIZE	3072

/* It has bytes beyond ASCII. */
int	command_is_utf8(const char *address);
/* It is for servers with SMTPUTF8 only: there are no A-labels that do. */
int	command_needs_utf8(const char *address);
/*
 * Without the line end.  Parameters of extensions that the server has not
 * offered are left out: what must not be left out is seen to before
 * (tx_unfit).  To a server without SMTPUTF8 a domain goes in A-labels.
 */
void	command_mail(const struct delivery *, const struct capability *,
	    char out[COMMAND_SIZE]);
void	command_rcpt(const struct rcpt *, const struct capability *,
	    char out[COMMAND_SIZE]);

#endif
