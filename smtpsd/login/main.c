/*
 * login: asks the system whether a Unix password is right.  See README.
 */
#include <stddef.h>

#include "base/proc.h"
#include "check.h"
#include "proto/boot.h"
#include "proto/parent_backend.h"

static const struct link_rule rules[] = {
	{ MSG_PARENT_BACKEND_CHECK, LINK_STATE_ANY, on_parent_check }
};

static int
init(struct link *parent)
{
	(void)parent;
	return check_init();
}

static void
on_stop(void)
{
	check_stop();
	proc_exit(0);
}

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "login",
		.kind = PROC_LOGIN,
		.profile = SANDBOX_SYSTEM,
		.stays_root = 1,
		.init = init,
		.rules = rules,
		.nrules = sizeof(rules) / sizeof(rules[0]),
		.on_stop = on_stop,
		.turn = check_turn
	};

	return proc_main(argc, argv, &def);
}
