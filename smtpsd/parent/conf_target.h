/*
 * Commands and files that aliases name.  For conf_alias.c and conf_send.c
 * only.
 */
#ifndef PARENT_CONF_TARGET_H
#define PARENT_CONF_TARGET_H

#include <stddef.h>

struct alias_target;
struct conf;
struct conf_action;

/* As whom an action's aliases run commands and write files; "": nobody. */
const char	*conf_target_user(const struct conf_action *);
/*
 * Makes the action that a target (ALIAS_COMMAND or ALIAS_FILE) of an action's
 * aliases stands for, unless there is one.  0: it is there; -1: it cannot be,
 * fault says why.  1: it is there and fault is a warning.
 */
int		 conf_target_add(struct conf *, const struct conf_action *,
		    const struct alias_target *, char *fault, size_t size);

#endif
