/*
 * Tables of the configuration: a set of keys with an optional value each.
 * Text form, one item per line: "key", "key value" or "key: value"; '#' at
 * the start of a line or behind white space, outside double quotes, starts a
 * comment; a line that starts with white space continues the one
 * before (aliases(5)).  Keys compare without case.
 */
#ifndef MAIL_TABLE_H
#define MAIL_TABLE_H

#include <stddef.h>

struct table;

/* NULL and a reason with its line number in err on failure. */
struct table	*table_parse(const char *text, size_t size, char *err,
		    size_t errsize);
void		 table_free(struct table *);
/*
 * Each key of which form() makes another is found by that one too, with the
 * same value; a key that is there already stays.  form() returns 0 and fills
 * out, -1: it has none, or else there was no memory.  *unused: a key whose other form has another value, or
 * NULL; who asks by that form never gets this one.  -1: no memory.
 */
int		 table_add_forms(struct table *,
		    int (*form)(const char *key, char *out, size_t outsize),
		    const char **unused);
/*
 * Each value of which form() makes another becomes that: 0 and *out,
 * malloc(3)ed; -1: it stays; or else there was no memory, as with -1 here.
 */
int		 table_change_values(struct table *,
		    int (*form)(const char *value, char **out));
size_t		 table_size(const struct table *);
/* The value ("" if it has none) or NULL if the key is not there. */
const char	*table_get(const struct table *, const char *key);
/* Domain "a.example.org": itself, or ".example.org" for a parent domain. */
int		 table_has_domain(const struct table *, const char *domain);
/*
 * Address: "user@domain", "@domain" or "domain" (all of a domain), "user+*@
 * domain" as "user@domain" with any +tag or none, or "*".
 */
int		 table_has_address(const struct table *, const char *address);
/* Numeric address, a scope is ignored, in a set of addresses and networks. */
int		 table_has_net(const struct table *, const char *address);
/* Calls each(key, value, arg) for all items in order of the text. */
void		 table_each(const struct table *,
		    void (*each)(const char *, const char *, void *), void *);

#endif
