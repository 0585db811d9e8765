/*
 * The configuration in memory: what conf_load() makes of the file, with
 * everything it names (certificates, keys, users, tables) already read and
 * checked.  Only the parent has it; a reload makes a new one and drops the
 * old one if the new one is good.  Strings are never NULL unless said.
 */
#ifndef PARENT_CONF_H
#define PARENT_CONF_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "mail/usersfile.h"
#include "proto/boot.h"
#include "proto/net_parent.h"
#include "proto/parent_deliver.h"
#include "proto/parent_auth.h"
#include "proto/parent_policy.h"
#include "proto/parent_relay.h"
#include "proto/sizes.h"

struct link;
struct table;

/* Where something stands; file belongs to the conf. */
struct conf_where {
	const char	*file;
	uint32_t	 line;
};

struct conf_pki {
	uint32_t		 id;	/* from 1 */
	char			 name[NAME_SIZE];
	char			*cert_path;	/* NULL: not named */
	char			*key_path;	/* NULL: not named */
	char			*chain_pem;	/* certificates only */
	size_t			 chain_len;
	char			*ocsp_path;	/* NULL: not named */
	char			*ocsp_der;
	size_t			 ocsp_len;
	EVP_PKEY		*key;
	struct conf_where	 where;
};

/* Whose access tokens are good, and for what. */
struct conf_token {
	char			 name[NAME_SIZE];
	char			 issuer[ISSUER_SIZE];
	char			 audience[ISSUER_SIZE];
	uint32_t		 claim;		/* enum token_claim */
	char			*keys_path;	/* NULL: not named */
	char			*keys;		/* PEM or a JWK set; no NUL */
	size_t			 keys_size;
	int			 is_broken;	/* had a complaint already */
	struct conf_where	 where;
};

/* What a table is used for; the first two are secret and stay here. */
#define TABLE_USERS	0x1
#define TABLE_SECRETS	0x2
#define TABLE_PLAIN	0x4
#define TABLE_INCLUDE	0x8	/* a file that aliases include; text: its
				 * path, a NUL, what is in it */

struct conf_table {
	uint32_t		 id;	/* from 1 */
	char			 name[NAME_SIZE];
	char			*path;	/* NULL: written in the configuration */
	char			*text;	/* items, one per line */
	size_t			 size;	/* bytes of text */
	struct users		*users;	/* TABLE_USERS, else NULL */
	int			 uses;
	int			 is_inline;	/* unnamed, made of one item */
	int			 is_private;	/* text stands in a private file */
	int			 is_group;	/* a group may write the file */
	struct conf_where	 where;
};

/*
 * fd is the listening socket, -1 until it is bound.  A reload moves it from
 * the old to the new conf by id (set the old one to -1); conf_free() closes
 * it.  The id depends on address, port and kind only, so it means the same
 * before and after a reload.
 */
#define HEADER_SIZE_MAX		(16U << 20)
#define SOCKET_PATH_SIZE	128	/* more than any sun_path */

struct listener_addr {
	struct sockaddr_storage	 ss;
	socklen_t		 ss_len;
	uint32_t		 id;
	int			 fd;
	char			 text[IPADDR_SIZE];	/* numeric, or a path */
};

struct conf_listener {
	uint8_t			 kind;	/* LISTENER_* */
	uint16_t		 port;
	/* At most one of the three; none: no AUTH. */
	struct conf_table	*users;		/* or NULL */
	uint8_t			 auth_system;	/* Unix passwords */
	uint16_t		 dovecot;	/* n: dovecots[n - 1]; 0: not */
	/* With one of them or without: certificates and logins, or NULL. */
	struct conf_table	*external;
	struct table		*certs;		/* its items */
	struct conf_token	*token;		/* the same, or NULL */
	struct conf_table	*senders;	/* NULL: own login only */
	char			 tag[NAME_SIZE];
	char			 hostname[HOSTNAME_SIZE];
	struct conf_pki		*pki[LISTENER_PKI_MAX]; /* first: default */
	uint32_t		 npki;
	uint32_t		 flags;		/* LISTENER_* */
	uint32_t		 tls;		/* LISTENER_TLS* */
	char			 ciphers[CIPHERS_SIZE];	/* "": usual ones */
	char			*ca_path;	/* for clients, or NULL */
	char			*ca_pem;
	size_t			 ca_len;
	struct conf_table	*nets;		/* who speaks PROXY, or NULL */
	uint64_t		 message_max;
	uint32_t		 recipients_max;
	uint32_t		 sessions_max;	/* of all net processes */
	uint32_t		 sessions_per_ip;
	char			 path[SOCKET_PATH_SIZE]; /* LISTENER_LOCAL */
	struct listener_addr	*addrs;
	size_t			 naddrs;
	int			 is_broken;	/* had a complaint already */
	struct conf_where	 where;
};

#define FORWARD_S	300	/* seconds for a command of .forward */

enum action_kind {
	ACTION_UNDEFINED,	/* named by a rule so far */
	ACTION_RELAY,
	ACTION_LMTP,		/* the fields of relay; path: "" or a socket */
	ACTION_EXPAND,		/* aliases and no mailboxes */
	ACTION_MAILDIR,
	ACTION_MBOX,
	ACTION_MDA
};

struct conf_action {
	char			 name[NAME_SIZE];
	enum action_kind	 kind;
	int			 is_used;
	/* maildir, mbox: "~/..." or absolute, with %{dest.user} %{dest.domain}
	 * %{user.username} only below a fixed directory */
	char			 path[PATHNAME_SIZE];
	char			 user[NAME_SIZE];	/* "": the recipient */
	struct conf_table	*aliases;	/* or NULL */
	char			 target_user[NAME_SIZE]; /* runs the aliases'
							  * commands; "": user */
	int			 forward;	/* maildir, mbox: ~/.forward */
	uint8_t			 target;	/* enum policy_target: made of an
						 * alias, conf_target.c */
	char			 command[COMMAND_SIZE];	/* mda */
	uint32_t		 command_s;	/* mda: killed after this */
	/* relay */
	uint8_t			 tls;		/* enum relay_tls */
	int			 verify;
	uint16_t		 port;
	char			 host[HOSTNAME_SIZE];	/* "": by MX */
	char			 helo[HOSTNAME_SIZE];	/* "": the hostname */
	char			 source4[IPADDR_SIZE];	/* "": any */
	char			 source6[IPADDR_SIZE];
	char			 pin[PIN_SIZE];		/* "": none */
	uint32_t		 connections;		/* 0: default */
	uint32_t		 pace;		/* messages a minute, 0: any */
	int			 allow_loopback;
	struct conf_table	*tls_policy;	/* or NULL */
	char			 label[NAME_SIZE];
	struct conf_table	*secrets;	/* or NULL */
	char			 login[LOGIN_SIZE];	/* "": no AUTH */
	char			 password[LOGIN_SIZE];
	char			*ca_path;	/* NULL: conf's */
	char			*ca_pem;
	size_t			 ca_len;
	uint32_t		 ca_id;		/* 0: conf's */
	int			 is_broken;	/* had a complaint already */
	struct conf_where	 where;
};

struct conf_rule {
	uint8_t			 from;		/* enum rule_from */
	uint8_t			 to;		/* enum rule_for */
	int			 reject;
	struct conf_table	*from_table;	/* or NULL */
	struct conf_table	*to_table;	/* or NULL */
	struct conf_table	*sender_table;	/* or NULL */
	struct conf_action	*action;	/* NULL: reject */
	char			 tag[NAME_SIZE];
	int			 is_broken;	/* had a complaint already */
	struct conf_where	 where;
};

/* Sockets of Dovecot; each has a process of its own. */
#define DOVECOTS_MAX		16
#define DOVECOT_PATH_SIZE	128

struct conf {
	char			 hostname[HOSTNAME_SIZE];
	struct conf_pki		**pkis;
	size_t			 npkis;
	struct conf_table	**tables;
	size_t			 ntables;
	struct conf_token	**tokens;
	size_t			 ntokens;
	struct conf_listener	**listeners;
	size_t			 nlisteners;
	struct conf_action	**actions;
	size_t			 nactions;
	struct conf_rule	**rules;	/* in order */
	size_t			 nrules;

	uint64_t		 message_max;	/* bytes */
	uint32_t		 recipients_max;
	uint32_t		 sessions_max;	/* of all net processes */
	uint32_t		 sessions_per_ip;
	uint32_t		 messages_max;
	uint32_t		 errors_max;
	uint32_t		 header_max;	/* bytes */
	uint32_t		 fields_max;	/* of a header */
	uint32_t		 command_s;
	uint32_t		 transaction_s;
	uint32_t		 auth_s;
	uint32_t		 pace;		/* bytes/s; 0: any */
	/* Of one user; 0: no limit. */
	uint32_t		 user_sessions;
	uint32_t		 user_messages_hour;
	uint32_t		 user_messages_day;
	uint32_t		 user_recipients_hour;
	uint32_t		 user_recipients_day;

	uint32_t		 expire_s;
	uint32_t		 delay_warning_s;	/* 0: none */
	uint32_t		 retry_min_s;
	uint32_t		 retry_max_s;
	char			 queue_directory[PATHNAME_SIZE];
	/* Where the last of each was set; file NULL: nowhere. */
	struct conf_where	 times_where;	/* expire or retry */
	struct conf_where	 directory_where;
	struct conf_where	 control_where;
	struct conf_where	 resolver_where;

	char			 control_path[PATHNAME_SIZE];
	char			 control_group[NAME_SIZE];	/* "": none */
	uint32_t		 control_gid;	/* 0xffffffff: none */
	int			 control_fd;	/* as listener_addr.fd */

	uint16_t		 net_procs;
	uint16_t		 auth_procs;
	uint16_t		 relay_procs;

	int			 sandbox_weak;	/* without what is missing */

	int			 has_system;	/* a listener wants it */
	char			 dovecots[DOVECOTS_MAX][DOVECOT_PATH_SIZE];
	uint16_t		 ndovecots;

	char			*forwarders;	/* one "address[@port]" a line */
	int			 is_recursive;	/* ask the root servers */
	char			 anchors_path[PATHNAME_SIZE];	/* "": built in */
	char			*anchors;	/* DS and DNSKEY records */
	char			*hosts;		/* hosts(5) */
	char			*ca_pem;	/* NULL: none needed */
	size_t			 ca_len;

	char			**files;	/* all that were read */
	size_t			 nfiles;
};

/* -D: these win over what the file says.  Zeroed is empty. */
struct conf_macro {
	char	*name;
	char	*value;
};
struct conf_macros {
	struct conf_macro	*list;
	size_t			 n;
};
/* "name=value"; -1 if it is not of that form. */
int	conf_macros_add(struct conf_macros *, const char *definition);
void	conf_macros_free(struct conf_macros *);

/* Zeroed is empty. */
struct conf_error {
	int	 is_warning;
	char	*text;		/* "file:line: text (hint)" */
};
struct conf_errors {
	struct conf_error	*list;
	size_t			 n;
	size_t			 nerrors;	/* those that are no warnings */
};
void	conf_errors_free(struct conf_errors *);

/*
 * Reads and checks; NULL if there is at least one error.  Warnings may be in
 * errors as well when it succeeds.  macros may be NULL.
 */
struct conf	*conf_load(const char *path, const struct conf_macros *,
		    struct conf_errors *);
void		 conf_free(struct conf *);	/* wipes; NULL is fine */

/* Offers AUTH, wherever the passwords are. */
int			 conf_listener_has_auth(const struct conf_listener *);
/* NULL if there is none. */
struct conf_listener	*conf_listener_by_id(const struct conf *, uint32_t id);
/* Which AUTH mechanisms a listener can offer now, AUTH_BIT()s. */
uint32_t		 conf_mechanisms(const struct conf_listener *);
int			 conf_send_mechanisms(const struct conf *,
			    struct link *);
struct conf_action	*conf_action_by_name(const struct conf *,
			    const char *name);
/* Policy gets its text. */
int			 conf_table_is_sent(const struct conf_table *);
/* A deliver process of a Unix user does it. */
int			 action_is_local(const struct conf_action *);
/*
 * That user must have a home: for a mailbox there, or for the command that
 * brings each one's mail into the own mailbox.
 */
int			 action_needs_home(const struct conf_action *);

/*
 * Sends CONF_BEGIN, all that this kind of child has to know, CONF_END.
 * Sockets are duplicated.  -1 if the link is down.
 */
int	conf_send(const struct conf *, enum proc_kind, uint16_t instance,
	    struct link *, uint32_t generation);

#endif
