/*
 * resolver: finds mail exchangers, addresses and other records for relay.
 * Only the description of the process is here.
 */
#include "base/link.h"
#include "base/proc.h"
#include "proto/boot.h"
#include "proto/relay_resolver.h"

#include "context.h"
#include "lookup.h"

static const struct link_rule parent_rules[] = {
	{ MSG_PARENT_RESOLVER_TEXT, LINK_STATE_ANY, on_parent_resolver_text },
};

int
main(int argc, char **argv)
{
	static const struct proc_def def = {
		.name = "resolver",
		.kind = PROC_RESOLVER,
		.profile = SANDBOX_LOOKUP,
		.init = context_init,
		.rules = parent_rules,
		.nrules = sizeof(parent_rules) / sizeof(parent_rules[0]),
		.on_link = lookup_on_link,
		.conf_begin = context_conf_begin,
		.conf_end = context_conf_end,
		.on_stop = lookup_on_stop,
	};

	return proc_main(argc, argv, &def);
}
