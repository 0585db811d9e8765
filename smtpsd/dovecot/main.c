/*
 * dovecot: asks Dovecot whether a password is right.  See README.
 */
#include <stddef.h>

#include "base/proc.h"
#include "connection.h"
#include "proto/boot.h"
#include "proto/parent_backend.h"

static const struct link_rule rules[] = {
	{ MSG_PARENT_BACKEND_CHECK, LINK_STATE_ANY, on_parent_check },
	{ MSG_PARENT_DOVECOT_CONF, LINK_STATE_ANY, on_parent_conf },
	{ MSG_PARENT_DOVECOT_SOCKET, LINK_STATE_ANY, on_parent_socket },
	{ MSG_PARENT_DOVECOT_REFUSED, LINK_STATE_ANY, on_parent_refused }
};

static int
init(struct link *parent)
{
	(void)parent;
	return connection_init();
}

static void
on_stop(void)
{
	proc_exit(0);
}

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "dovecot",
		.kind = PROC_DOVECOT,
		.profile = SANDBOX_COMPUTE,
		.init = init,
		.rules = rules,
		.nrules = sizeof(rules) / sizeof(rules[0]),
		.on_stop = on_stop
	};

	return proc_main(argc, argv, &def);
}
