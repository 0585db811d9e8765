/*
 * parent and policy: rules, tables and identities down, questions about
 * Unix users up.  Tables cross as text (one item per line) and are parsed
 * by policy, not by the parent.
 */
#ifndef PROTO_PARENT_POLICY_H
#define PROTO_PARENT_POLICY_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_POLICY_CONF		0x0500
#define MSG_PARENT_POLICY_TABLE		0x0501	/* conf_piece */
#define MSG_PARENT_POLICY_ACTION	0x0502
#define MSG_PARENT_POLICY_RULE		0x0503	/* in order */
#define MSG_PARENT_POLICY_LISTENER	0x0504
#define MSG_PARENT_POLICY_AUTHENTICATED	0x0505
#define MSG_PARENT_POLICY_USER_DONE	0x0506
#define MSG_PARENT_POLICY_REVOKED	0x0508
#define MSG_POLICY_PARENT_USER		0x0510

/*
 * Kinds of TABLE.  Targets are those of one file that an alias includes: its
 * path, a NUL, its text.
 */
#define TABLE_KEYS		0
#define TABLE_TARGETS		1

struct parent_policy_conf {
	uint64_t	message_max;	/* bytes */
	uint32_t	recipients_max;	/* of one transaction */
	/* Of one user; 0: no limit. */
	uint32_t	user_sessions;	/* at once */
	uint32_t	user_messages_hour;
	uint32_t	user_messages_day;
	uint32_t	user_recipients_hour;
	uint32_t	user_recipients_day;
	char		hostname[HOSTNAME_SIZE];
};
_Static_assert(sizeof(struct parent_policy_conf) == 32 + HOSTNAME_SIZE, "conf");

#define TARGET_SIZE	1024	/* of an alias, without the bar of a command */

/* Names of tables are ids; 0 means no table. */
struct parent_policy_action {
	uint32_t	alias_table;
	uint8_t		is_local;	/* maildir: needs a Unix user */
	uint8_t		expand_only;	/* local, but aliases are all there is */
	uint8_t		target;		/* enum policy_target: what it is */
	uint8_t		needs_home;	/* its mailbox is in the user's home */
	char		name[NAME_SIZE];
	char		user[NAME_SIZE]; /* maildir as this one user, or "" */
	char		target_user[NAME_SIZE];	/* of its aliases; "": none */
	char		text[TARGET_SIZE];	/* command or path, or "" */
};
_Static_assert(sizeof(struct parent_policy_action) == 8 + 3 * NAME_SIZE +
    TARGET_SIZE, "act");

/*
 * A command or file that some alias names is an action of its own, which only
 * the parent makes; aliases find it by their action's target_user (its user)
 * and by text.
 */
enum policy_target { TARGET_NONE, TARGET_COMMAND, TARGET_FILE };

enum rule_from { FROM_ANY = 1, FROM_AUTH, FROM_LOCAL, FROM_SRC };
enum rule_for { FOR_ANY = 1, FOR_LOCAL, FOR_DOMAIN, FOR_RCPT };

struct parent_policy_rule {
	uint32_t	line;		/* in the configuration, for trace */
	uint8_t		from;		/* enum rule_from */
	uint8_t		to;		/* enum rule_for */
	uint8_t		reject;		/* 1: refuse, no action */
	uint8_t		pad;
	uint32_t	from_table;	/* FROM_AUTH: logins (or 0), FROM_SRC: nets */
	uint32_t	to_table;	/* FOR_DOMAIN, FOR_RCPT */
	uint32_t	sender_table;	/* mail-from: addresses, domains; 0: any */
	char		tag[NAME_SIZE];	/* of the listener, "" any */
	char		action[NAME_SIZE];
};
_Static_assert(sizeof(struct parent_policy_rule) == 20 + 2 * NAME_SIZE, "rule");

struct parent_policy_listener {
	uint32_t	id;
	uint32_t	senders_table;	/* sender map; 0: own login only */
	uint8_t		kind;		/* LISTENER_* */
	uint8_t		auth;		/* AUTH required */
	uint8_t		pad[2];
	char		hostname[HOSTNAME_SIZE];
	char		tag[NAME_SIZE];
};
_Static_assert(sizeof(struct parent_policy_listener) == 12 + HOSTNAME_SIZE +
    NAME_SIZE, "listener");

/* Sent before net hears of it. */
struct parent_policy_authenticated {
	uint64_t	session;
	uint32_t	listener;	/* where: another's sender map is not
					 * this user's */
	uint32_t	valid_s;	/* the login ends then; 0: never */
	char		user[LOGIN_SIZE];
	char		device[NAME_SIZE];	/* whose password it was, or "" */
	char		scope[SCOPE_SIZE];	/* what the device may send as */
};
_Static_assert(sizeof(struct parent_policy_authenticated) == 16 + LOGIN_SIZE +
    NAME_SIZE + SCOPE_SIZE, "authenticated");

/* The password was changed or taken away: sessions of it are nobody's now. */
struct parent_policy_revoked {
	char		user[LOGIN_SIZE];
	char		device[NAME_SIZE];	/* "": the user's own */
};

/* Whether a name is that of a Unix account that may get mail. */
enum policy_user {
	POLICY_USER_NONE,	/* no account, root, or one of smtpsd's */
	POLICY_USER_HOME,
	POLICY_USER_HOMELESS,	/* one whose home cannot hold a mailbox */
	POLICY_USER_LATER	/* the system cannot say now */
};

struct policy_parent_user {
	char		name[NAME_SIZE];
};

struct parent_policy_user_done {
	char		name[NAME_SIZE];
	uint32_t	is;		/* enum policy_user */
};
_Static_assert(sizeof(struct parent_policy_user_done) == NAME_SIZE + 4, "user");

#endif
