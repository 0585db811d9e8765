/*
 * What the parts of the configuration loader share: the parser's state and
 * its small steps.  For conf_*.c only.
 *
 * A step is called with the token it looks at being the current one and
 * leaves the one behind it as the current one.  Steps return 0, or -1 when
 * they made a complaint; the caller then skips to the end of the line.
 */
#ifndef PARENT_CONF_PARSE_H
#define PARENT_CONF_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "conf_lex.h"

/* What the children have room for. */
#define CONF_ACTIONS_MAX	256
#define CONF_PKIS_MAX		256
#define CONF_ADDRS_MAX		64	/* of all listeners together */
#define CONF_PROCS_MAX		32
#define CONF_TABLES_MAX		(48U << 20)	/* bytes; below what base/link.c
						 * lets wait to be read */

struct parser {
	struct lexer		*lexer;
	struct conf		*conf;
	struct conf_errors	*errors;
	struct conf_where	 start;		/* of the statement */
	int			 in_list;	/* between { and } */
};

int	parse_fail(struct parser *, const char *hint, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* The current token cannot be; words: NULL-terminated, those that can. */
int	parse_unknown(struct parser *, const char *const *words,
	    const char *what);
int	parse_is_end(struct parser *);		/* newline or end of file */
int	parse_is_value(struct parser *);	/* word or string */
int	parse_accept(struct parser *, const char *word);  /* 1: it was there */
int	parse_value(struct parser *, char *, size_t, const char *what);
int	parse_name(struct parser *, char *, size_t, const char *what);
int	parse_number(struct parser *, uint32_t min, uint32_t max, uint32_t *,
	    const char *what);
int	parse_size(struct parser *, uint64_t *);
int	parse_duration(struct parser *, uint32_t *);
/* The current value can be an item of a table. */
int	parse_item_ok(struct parser *, const char *what);
/* <name>; NULL after a complaint.  use is TABLE_*. */
struct conf_table	*parse_table_ref(struct parser *, int use);
/* <name> or one item. */
struct conf_table	*parse_table_or_item(struct parser *, int use,
			    const char *what);

/* Found by name or made undefined; NULL: no memory, complaint made. */
struct conf_table	*conf_table_get(struct parser *, const char *name);
struct conf_pki		*conf_pki_get(struct parser *, const char *name);
struct conf_action	*conf_action_get(struct parser *, const char *name);

/* A new zeroed element at the end of an array of pointers. */
void	*conf_append(void *listp, size_t *n, size_t size);
/* One more item of a table's text. */
int	 conf_table_add(struct conf_table *, const char *key,
	    const char *value);

/* Statements: conf_action.c, conf_rules.c. */
int	parse_action(struct parser *);
int	parse_match(struct parser *);
/* conf_listener.c */
int	parse_listen(struct parser *);
/* Its own options; what others say of it as well is conf_check.c's. */
void	conf_check_listener(struct conf *, struct conf_listener *,
	    struct conf_errors *);
/* Behind "auth" of a listener, conf_auth.c. */
int	parse_auth(struct parser *, struct conf_listener *);
void	conf_check_auth(const struct conf *, const struct conf_listener *,
	    struct conf_errors *);
/* "external" of a listener, conf_external.c. */
int	parse_external(struct parser *, struct conf_listener *);
void	conf_check_external(struct conf_listener *, struct conf_errors *);
/* conf_token.c: the statement, its name behind "auth", and the check. */
int	parse_token(struct parser *);
int	parse_token_ref(struct parser *, struct conf_listener *);
void	conf_check_tokens(struct conf *, struct conf_errors *);
/* All addresses of a listener, port and ids included; conf_listen.c. */
int	listener_resolve(struct parser *, struct conf_listener *,
	    const char *on);
int	listener_socket(struct parser *, struct conf_listener *);

/* Fills conf from the file; complaints in errors. */
void	conf_parse(struct conf *, const char *path, const struct conf_macros *,
	    struct conf_errors *);
/* Loads and checks what the file names; complaints in errors. */
void	conf_check(struct conf *, struct conf_errors *);
void	conf_check_pkis(struct conf *, struct conf_errors *);
void	conf_check_tables(struct conf *, struct conf_errors *);
/* 1: an item of a table (or NULL) is no network; which is in found. */
int	conf_has_bad_net(const struct conf_table *, char *found, size_t size);
void	conf_check_rules(struct conf *, struct conf_errors *);
void	conf_check_actions(struct conf *, struct conf_errors *);
void	conf_check_aliases(struct conf *, struct conf_errors *);
/* Values of tables for tls-policy and senders; conf_items.c. */
void	conf_check_items(const struct conf *, struct conf_errors *);
/* Table as "undefined": neither file nor text. */
int	conf_table_is_defined(const struct conf_table *);

#endif
