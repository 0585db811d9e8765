/*
 * For the unit tests only: a configuration written as calls, through the
 * same handlers as the parent's messages.
 */
#ifndef POLICY_TESTCONF_H
#define POLICY_TESTCONF_H

#include "conf.h"

/* A "testconf" transaction of hostname mail.example.org. */
void	testconf_begin(uint64_t message_max, uint32_t recipients_max);
void	testconf_table(uint32_t id, const char *text);
/* A file that aliases include. */
void	testconf_include(uint32_t id, const char *path, const char *text);
void	testconf_expand_only(const char *name, uint32_t aliases);
/* A local one without a user has its mailboxes in their homes. */
void	testconf_action(const char *name, int is_local, uint32_t aliases,
	    const char *user);
/* Mailboxes of Unix users, none of them in a home. */
void	testconf_spool(const char *name);
/* A command or file, of the aliases of all actions without a user. */
void	testconf_target(const char *name, enum policy_target,
	    const char *user, const char *text);
/* action NULL: reject */
void	testconf_rule(int from, uint32_t from_table, int to, uint32_t to_table,
	    uint32_t senders, const char *tag, const char *action);
void	testconf_listener(uint32_t id, int auth, uint32_t senders,
	    const char *tag);
const struct conf	*testconf_end(void);	/* NULL: refused */

#endif
