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

/* Its address is for servers with SMTPUTF8 only. */
int	command_is_utf8(const char *address);
/*
 * Without the line end.  Parameters of extensions that the server has not
 * offered are left out: what must not be left out is seen to before
 * (tx_unfit).
 */
void	command_mail(const struct delivery *, const struct capability *,
	    char out[COMMAND_SIZE]);
void	command_rcpt(const struct rcpt *, const struct capability *,
	    char out[COMMAND_SIZE]);

#endif
