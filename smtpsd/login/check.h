/*
 * Runs the checks of the system's passwords, one process for each.
 */
#ifndef LOGIN_CHECK_H
#define LOGIN_CHECK_H

#include "base/link.h"

int	check_init(void);
void	check_turn(void);	/* starts what has come in this turn */
void	check_stop(void);	/* kills what runs */
void	on_parent_check(struct link *, struct link_in *);

#endif
