/*
 * Whether a Unix password is right, as the system sees it: pam.c, bsdauth.c
 * or, where there is neither, nosystem.c.  It may hang, crash or leak: it is
 * called only in a process that does nothing else and then ends.
 */
#ifndef LOGIN_SYSTEM_H
#define LOGIN_SYSTEM_H

#include <stdint.h>

#include "proto/parent_backend.h"

/* What the short-lived process writes into its pipe. */
struct system_answer {
	uint32_t	verdict;		/* enum backend_verdict */
	char		user[LOGIN_SIZE];	/* BACKEND_OK: canonical */
	char		reason[NAME_SIZE];	/* else */
};

/* Fills answer; wipes the password. */
void	system_check(struct parent_backend_check *, struct system_answer *);
/* verdict and reason in one step; for pam.c and bsdauth.c. */
void	system_answer(struct system_answer *, enum backend_verdict,
	    const char *reason);
/* 1: the name may log in with a system password; else a reason. */
int	system_user_ok(const char *user, struct system_answer *);

#endif
