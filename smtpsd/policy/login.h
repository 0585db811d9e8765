/*
 * Logins as keys of tables: those that are addresses have two forms.
 */
#ifndef POLICY_LOGIN_H
#define POLICY_LOGIN_H

struct table;

/*
 * 1 and the value of the login or, if it is an address and not there as it
 * came, of the form with A-labels; 0: neither is there; -1: no memory.
 */
int	login_find(const struct table *, const char *user, const char **value);

#endif
