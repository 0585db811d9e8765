/*
 * deliver: writes messages into one mailbox, as its owner.  Started by the
 * parent for one user when the queue asks.  Only the description of the
 * process is here.
 */
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/parent_deliver.h"

#include "conf.h"
#include "delivery.h"
#include "maildir.h"

static const struct link_rule parent_rules[] = {
	{ MSG_PARENT_DELIVER_CONF, LINK_STATE_ANY, on_parent_deliver_conf },
};

static int
warm(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) == 0) {
		name[sizeof(name) - 1] = '\0';
		maildir_set_host(name);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "deliver",
		.kind = PROC_DELIVER,
		.profile = SANDBOX_MAILBOX,
		.warm = warm,
		.init = delivery_init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = delivery_on_link,
		.conf_begin = conf_begin,
		.conf_end = conf_end,
		.on_stop = delivery_on_stop,
		.turn = delivery_turn,
	};

	return proc_main(argc, argv, &def);
}
