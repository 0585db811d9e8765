/*
 * Answers the parent's password checks.  For auth's main.c only.
 */
#ifndef AUTH_CHECK_H
#define AUTH_CHECK_H

struct link;
struct link_in;
struct parent_auth_check;
struct auth_parent_result;

/* Load what libraries load at their first use, before the sandbox stands. */
int	check_warm(void);
/* Compute the answer and wipe what was asked. */
void	check_answer(struct parent_auth_check *, struct auth_parent_result *);
void	on_parent_check(struct link *, struct link_in *);

#endif
