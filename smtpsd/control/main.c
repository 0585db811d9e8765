/*
 * control: answers smtpsctl.  Only the description of the process is here.
 */
#include "base/link.h"
#include "base/proc.h"
#include "proto/boot.h"

#include "control.h"

static const struct link_rule parent_rules[] = {
	{ MSG_PARENT_CONTROL_CONF, LINK_STATE_ANY, on_parent_conf },
	{ MSG_PARENT_CONTROL_SOCKET, LINK_STATE_ANY, on_parent_socket },
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_any_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_any_done },
};

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "control",
		.kind = PROC_CONTROL,
		.profile = SANDBOX_ANSWER,
		.init = client_init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = ask_on_link,
		.conf_begin = client_conf_begin,
		.conf_end = client_conf_end,
		.on_stop = client_on_stop,
	};

	return proc_main(argc, argv, &def);
}
