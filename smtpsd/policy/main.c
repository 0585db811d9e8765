/*
 * policy decides: who may send as whom, where a recipient goes.  It holds
 * rules, tables and the book of authenticated sessions, and no file, no
 * socket beyond its links and no password.
 */
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/parent_policy.h"
#include "conf.h"
#include "session.h"

static const struct link_rule	parent_rules[] = {
	{ MSG_PARENT_POLICY_CONF, LINK_STATE_ANY, on_parent_conf },
	{ MSG_PARENT_POLICY_TABLE, LINK_STATE_ANY, on_parent_table },
	{ MSG_PARENT_POLICY_ACTION, LINK_STATE_ANY, on_parent_action },
	{ MSG_PARENT_POLICY_RULE, LINK_STATE_ANY, on_parent_rule },
	{ MSG_PARENT_POLICY_LISTENER, LINK_STATE_ANY, on_parent_listener },
	{ MSG_PARENT_POLICY_AUTHENTICATED, LINK_STATE_ANY,
	    on_parent_authenticated },
	{ MSG_PARENT_POLICY_REVOKED, LINK_STATE_ANY, on_parent_revoked },
	{ MSG_PARENT_POLICY_USER_DONE, LINK_STATE_ANY, on_parent_user_done },
};

static void
on_stop(void)
{
	session_stop();
	proc_exit(0);
}

int
main(int argc, char **argv)
{
	static const struct proc_def	def = {
		.name = "policy",
		.kind = PROC_POLICY,
		.profile = SANDBOX_COMPUTE,
		.init = session_init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = session_on_link,
		.conf_begin = conf_begin,
		.conf_end = conf_end,
		.on_stop = on_stop,
		.turn = session_turn,
	};

	return proc_main(argc, argv, &def);
}
