/*
 * Tables of aliases: reads the files that :include: names, for policy, which
 * can read none, has actions made for commands and files, and says beforehand
 * what would be refused when mail comes.  All of it are warnings: one bad
 * alias stops no other mail.  Called by conf_check.c when tables and actions
 * are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf_file.h"
#include "conf_parse.h"
#include "conf_target.h"
#include "mail/address.h"
#include "mail/aliastext.h"
#include "mail/table.h"
#include "mailroot.h"
#include "userdb.h"

#define CAUTIONS_MAX	10		/* of one table */
#define ALIAS_DEPTH	20		/* as policy's, alias.h */
#define STEPS_MAX	100000		/* along aliases of one table */
#define LOOKUPS_MAX	1000		/* of users, for all tables */
#define INCLUDES_MAX	256		/* files */
#define INCLUDE_MAX	(1U << 20)	/* bytes of one */

struct check {
	struct conf		*conf;
	struct conf_errors	*errors;
	const struct conf_action *action;
	const struct table	*table;
	int			 is_include;	/* a file of it is read */
	unsigned int		 ncautions;
	unsigned int		*nlookups;
	unsigned int		 nsteps;	/* of leads_back() */
};

static void	check_list(struct check *, const char *, const char *);

/* hint may be NULL. */
static void
caution(struct check *c, const char *key, const char *hint, const char *what,
    const char *target)
{
	const struct conf_table *t = c->action->aliases;

	if (++c->ncautions > CAUTIONS_MAX)
		return;
	conf_caution(c->errors, t->where, hint, "aliases <%s>: %s: %s%s",
	    t->name, key, what, target);
	if (c->ncautions == CAUTIONS_MAX)
		conf_caution(c->errors, t->where, NULL,
		    "aliases <%s>: no more than %d complaints are shown",
		    t->name, CAUTIONS_MAX);
}

static const struct conf_table *
find_include(const struct conf *conf, const char *path)
{
	size_t i;

	for (i = 0; i < conf->ntables; i++)
		if (conf->tables[i]->uses == TABLE_INCLUDE &&
		    strcmp(conf->tables[i]->path, path) == 0)
			return conf->tables[i];
	return NULL;
}

static size_t
count_includes(const struct conf *conf)
{
	size_t i, n = 0;

	for (i = 0; i < conf->ntables; i++)
		n += conf->tables[i]->uses == TABLE_INCLUDE;
	return n;
}

/* As policy gets it: the path, a NUL, the text. */
static struct conf_table *
add_include(struct conf *conf, const char *path, const char *text, size_t size)
{
	struct conf_table *t;
	size_t n = strlen(path) + 1;

	t = conf_append(&conf->tables, &conf->ntables, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->id = (uint32_t)conf->ntables;
	t->uses = TABLE_INCLUDE;
	t->path = strdup(path);
	if ((t->text = malloc(n + size + 1)) == NULL || t->path == NULL) {
		free(t->text);
		t->text = NULL;
		t->uses = 0;
		return NULL;
	}
	memcpy(t->text, path, n);
	memcpy(t->text + n, text, size);
	t->size = n + size;
	t->text[t->size] = '\0';
	return t;
}

static void
load_include(struct check *c, const char *key, const char *path)
{
	const struct conf_table *t;
	char err[1024], *text;
	size_t size;

	if (find_include(c->conf, path) != NULL)
		return;
	if (count_includes(c->conf) == INCLUDES_MAX) {
		caution(c, key, NULL, "one file too many to include: ", path);
		return;
	}
	text = conf_file_read(path, FILE_PUBLIC, &size, NULL, err,
	    sizeof(err));
	if (text == NULL) {
		caution(c, key, "until it can be read, mail for it is put off",
		    "", err);
		return;
	}
	if (size > INCLUDE_MAX || memchr(text, '\0', size) != NULL)
		caution(c, key, "a text of at most 1 MiB; mail for it is put "
		    "off", "cannot include ", path);
	else if ((t = add_include(c->conf, path, text, size)) == NULL)
		caution(c, key, NULL, "out of memory for ", path);
	else {
		c->is_include++;
		check_list(c, key, t->text + strlen(t->path) + 1);
		c->is_include--;
	}
	free(text);
}

/* The key as it is, or without its tag. */
static int
has_key(const struct table *t, const char *local, const char *at)
{
	char key[MAILADDR_SIZE];
	size_t n = strlen(local), plus = strcspn(local, "+");

	for (;; n = plus) {
		snprintf(key, sizeof(key), "%.*s", (int)n, local);
		if (table_get(t, key) != NULL)
			return 1;
		snprintf(key, sizeof(key), "%.*s%s", (int)n, local, at);
		if (*at != '\0' && table_get(t, key) != NULL)
			return 1;
		if (n == plus || plus == 0)
			return 0;
	}
}

/* 1: has a mailbox, 0: is nobody, -1: has none. */
static int
find_user(struct check *c, const char *local)
{
	struct account a;
	char name[NAME_SIZE];
	size_t i, n = strcspn(local, "+");

	if (n == 0 || n >= sizeof(name))
		return 0;
	for (i = 0; i < n; i++)
		name[i] = local[i] >= 'A' && local[i] <= 'Z' ?
		    local[i] + 'a' - 'A' : local[i];
	name[n] = '\0';
	switch (userdb_find(name, &a)) {
	case USERDB_NONE:
		return 0;
	case USERDB_UNSURE:	/* it is policy that counts: no complaint */
		return 1;
	default:
		break;
	}
	return action_needs_home(c->action) && !mailroot_is_home(a.home) ?
	    -1 : 1;
}

static int
is_user(struct check *c, const char *local)
{
	return ++*c->nlookups > LOOKUPS_MAX || find_user(c, local) == 1;
}

/* Does somebody of this host get what is sent to a bare name? */
static int
is_known(struct check *c, const char *key, const char *name)
{
	const char *at = strrchr(key, '@');

	if (c->action->kind == ACTION_RELAY || c->action->kind == ACTION_LMTP ||
	    c->action->user[0] != '\0')
		return 1;
	if (c->action->kind == ACTION_EXPAND)
		at = NULL;	/* is of this host, not of the key's domain */
	/* Its own name is the mailbox. */
	if ((strcasecmp(name, key) != 0 &&
	    has_key(c->table, name, at != NULL ? at : "")) ||
	    table_get(c->table, "*") != NULL ||
	    (at != NULL && table_get(c->table, at) != NULL) ||
	    is_user(c, name))
		return 1;
	/* Those of other actions are a matter of the rules. */
	return c->action->kind == ACTION_EXPAND;
}

/* How to have commands and files in an action's aliases. */
static const char *
program_hint(const struct conf_action *a)
{
	if (a->aliases->is_group)
		return "chmod go-w the file, or move it to another table";
	if (conf_target_user(a)[0] != '\0')
		return NULL;
	return action_is_local(a) || a->kind == ACTION_EXPAND ?
	    "alias <table> as USER, in the action" : "only in a local action";
}

/* What is included is often a list that others keep. */
static void
check_program(struct check *c, const char *key, const struct alias_target *t)
{
	char what[ALIASTEXT_SIZE + 128], fault[128];
	const char *hint = NULL;
	int rc = -1;

	if (c->is_include != 0)
		strlcpy(fault, "not out of an included file", sizeof(fault));
	else
		rc = conf_target_add(c->conf, c->action, t, fault,
		    sizeof(fault));
	if (rc == 0)
		return;
	snprintf(what, sizeof(what), "%s%s%s: %s", rc == -1 ?
	    "mail for it is refused: " : "", t->kind == ALIAS_COMMAND ? "|" :
	    "", t->text, fault);
	if (rc == -1 && c->is_include == 0)
		hint = program_hint(c->action);
	caution(c, key, hint, what, "");
}

static void
check_target(struct check *c, const char *key, const struct alias_target *t)
{
	switch (t->kind) {
	case ALIAS_BAD:
		caution(c, key, "a name, an address or :include:/path",
		    "mail for it is refused: no target: ", t->text);
		break;
	case ALIAS_COMMAND:
	case ALIAS_FILE:
		check_program(c, key, t);
		break;
	case ALIAS_INCLUDE:
		load_include(c, key, t->text);
		break;
	case ALIAS_NAME:
		if (!is_known(c, key, t->text))
			caution(c, key, "an alias, a Unix user other than "
			    "root, or an address", find_user(c, t->text) == -1 ?
			    "mail for it is refused: no home, and so no "
			    "mailbox, has " :
			    "mail for it is refused: nobody is called ",
			    t->text);
		break;
	case ALIAS_ADDRESS:
	case ALIAS_DOMAIN:
		break;
	}
}

static void
check_list(struct check *c, const char *key, const char *list)
{
	struct alias_target t;
	size_t n = 0;

	for (; aliastext_next(&list, &t); n++)
		check_target(c, key, &t);
	if (n == 0)
		caution(c, key, NULL, "mail for it is refused: no target", "");
}

/*
 * Does mail for key come back to it, by names alone?  Its own name in its own
 * list is a mailbox.
 */
static int
leads_back(struct check *c, const char *key, const char *list, int depth)
{
	struct alias_target t;
	const char *next;

	while (aliastext_next(&list, &t) && ++c->nsteps < STEPS_MAX) {
		if (t.kind != ALIAS_NAME || t.is_final)
			continue;
		if (strcasecmp(t.text, key) == 0) {
			if (depth > 0)
				return 1;
		} else if (depth < ALIAS_DEPTH &&
		    (next = table_get(c->table, t.text)) != NULL &&
		    leads_back(c, key, next, depth + 1))
			return 1;
	}
	return 0;
}

static void
check_item(const char *key, const char *value, void *arg)
{
	struct check *c = arg;

	if (c->action->kind == ACTION_RELAY && strchr(key, '@') == NULL &&
	    strcmp(key, "*") != 0)
		caution(c, key, "write user@domain", "is of no use: aliases "
		    "of a relay have a domain", "");
	check_list(c, key, value);
	if (leads_back(c, key, value, 0))
		caution(c, key, NULL, "mail for it is refused: it leads back "
		    "to itself", "");
}

/* RFC 5321 4.5.1: there must be one.  Virtual users are always there. */
static void
check_postmaster(struct check *c)
{
	if (!action_is_local(c->action) || c->action->user[0] != '\0' ||
	    !c->action->is_used)
		return;
	if (table_get(c->table, "postmaster") == NULL &&
	    table_get(c->table, "root") == NULL &&
	    table_get(c->table, "*") == NULL && !is_user(c, "postmaster"))
		caution(c, "postmaster", "add: postmaster: you",
		    "mail for it is refused: no alias, no user, and root has "
		    "no alias either", "");
}

/* An action before this one uses the same table in the same way. */
static int
was_checked(const struct conf *conf, size_t n)
{
	const struct conf_action *a = conf->actions[n], *b;
	size_t i;

	for (i = 0; i < n; i++) {
		b = conf->actions[i];
		if (b->aliases == a->aliases && b->kind == a->kind &&
		    (b->user[0] == '\0') == (a->user[0] == '\0') &&
		    action_needs_home(b) == action_needs_home(a) &&
		    strcmp(conf_target_user(b), conf_target_user(a)) == 0)
			return 1;
	}
	return 0;
}

void
conf_check_aliases(struct conf *conf, struct conf_errors *errors)
{
	unsigned int nlookups = 0;
	struct check c = { .conf = conf, .errors = errors,
	    .nlookups = &nlookups };
	struct table *table;
	char err[256];
	size_t i;

	for (i = 0; i < conf->nactions; i++) {
		c.action = conf->actions[i];
		/* Others had their complaint. */
		if (c.action->aliases == NULL || c.action->is_broken ||
		    c.action->aliases->uses != TABLE_PLAIN ||
		    c.action->aliases->text == NULL || was_checked(conf, i))
			continue;
		table = table_parse(c.action->aliases->text,
		    c.action->aliases->size, err, sizeof(err));
		if (table == NULL)
			continue;
		c.table = table;
		c.ncautions = c.nsteps = 0;
		table_each(table, check_item, &c);
		check_postmaster(&c);
		table_free(table);
	}
}
