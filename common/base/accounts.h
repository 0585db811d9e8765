/*
 * Look-ups among the system's users and groups (/etc/passwd, LDAP, NIS, ...),
 * which tell "there is none" from "nobody knows now".  For every program that
 * looks a user up: whoever takes an outage for a "no" bounces mail.
 */
#ifndef BASE_ACCOUNTS_H
#define BASE_ACCOUNTS_H

#include <sys/types.h>

#include <pwd.h>

enum accounts_answer {
	ACCOUNTS_UNSURE = -1,	/* could not be looked up; errno says why */
	ACCOUNTS_NONE,		/* there is none */
	ACCOUNTS_FOUND
};

/* *pw: with ACCOUNTS_FOUND, and until the next call; else NULL. */
enum accounts_answer	accounts_user(const char *name,
			    const struct passwd **pw);
enum accounts_answer	accounts_uid(uid_t, const struct passwd **pw);
enum accounts_answer	accounts_group(const char *name, gid_t *gid);

#endif
