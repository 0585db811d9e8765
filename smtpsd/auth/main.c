/*
 * auth: a worker that checks passwords and tokens for the parent.  See
 * README.
 */
#include <stddef.h>

#include "base/proc.h"
#include "check.h"
#include "proto/boot.h"
#include "proto/parent_auth.h"
#include "token.h"

static const struct link_rule rules[] = {
	{ MSG_PARENT_AUTH_CHECK, LINK_STATE_ANY, on_parent_check },
	{ MSG_PARENT_AUTH_TOKEN, LINK_STATE_ANY, on_parent_token }
};

static int
init(struct link *parent)
{
	(void)parent;
	return 0;
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
		.name = "auth",
		.kind = PROC_AUTH,
		.profile = SANDBOX_COMPUTE,
		.warm = check_warm,
		.init = init,
		.rules = rules,
		.nrules = sizeof(rules) / sizeof(rules[0]),
		.on_stop = on_stop
	};

	return proc_main(argc, argv, &def);
}
