/*
 * Assembles a configuration from the parent's messages and swaps it in.
 * References between its parts are ids and names while it is built and
 * become pointers only in conf_end(), so the order of messages is free.
 * A fault of meaning makes the new one broken: conf_end() refuses it and the
 * old one stays in force.  The handlers trust the parent's sizes (the link
 * checked them) but not that ids resolve.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/log.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "proto/boot.h"
#include "conf.h"
#include "sender.h"

#define PARTS_MAX	65536	/* of a kind */

struct conf_table {
	uint32_t	 id;
	uint32_t	 kind;		/* TABLE_* */
	struct blob	 text;
	struct table	*table;		/* TABLE_KEYS */
	struct table	*senders;	/* the same for a sender map, or NULL */
	const char	*targets;	/* TABLE_TARGETS: behind the path */
	char		 name[NAME_SIZE];
};

static struct conf	*current, *building;

/* Room for one more in an array, doubled at powers of two; NULL: no. */
static void *
grow(void *array, size_t n, size_t size)
{
	if (n >= PARTS_MAX)
		return NULL;
	if (n != 0 && (n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n == 0 ? 1 : n * 2, size);
}

static void
conf_free(struct conf *conf)
{
	size_t	i;

	if (conf == NULL)
		return;
	for (i = 0; i < conf->ntables; i++) {
		blob_free(&conf->tables[i].text);
		table_free(conf->tables[i].table);
		table_free(conf->tables[i].senders);
	}
	for (i = 0; i < conf->nrcpt_domains; i++)
		free(conf->rcpt_domains[i]);
	free(conf->rcpt_domains);
	free(conf->tables);
	free(conf->actions);
	free(conf->rules);
	free(conf->listeners);
	free(conf);
}

static void
broken(const char *what)
{
	log_warnx("configuration: %s", what);
	if (building != NULL)
		building->is_broken = 1;
}

const struct conf *
conf_current(void)
{
	return current;
}

const struct conf_listener *
conf_find_listener(const struct conf *conf, uint32_t id)
{
	size_t	i;

	for (i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].is.id == id)
			return &conf->listeners[i];
	return NULL;
}

int
conf_is_local_domain(const struct conf *conf, const char *domain)
{
	size_t	i;

	if (strcasecmp(domain, "localhost") == 0 ||
	    strcasecmp(domain, conf->limits.hostname) == 0)
		return 1;
	for (i = 0; i < conf->nlisteners; i++)
		if (strcasecmp(domain, conf->listeners[i].is.hostname) == 0)
			return 1;
	return 0;
}

static int
compare_domains(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

int
conf_is_rcpt_domain(const struct conf *conf, const char *domain)
{
	return conf->nrcpt_domains != 0 && bsearch(&domain, conf->rcpt_domains,
	    conf->nrcpt_domains, sizeof(char *), compare_domains) != NULL;
}

const char *
conf_find_include(const struct conf *conf, const char *path)
{
	size_t	i;

	for (i = 0; i < conf->ntables; i++)
		if (conf->tables[i].targets != NULL &&
		    strcmp(conf->tables[i].text.data, path) == 0)
			return conf->tables[i].targets;
	return NULL;
}

const struct conf_action *
conf_find_target(const struct conf *conf, const struct conf_action *of,
    enum policy_target target, const char *text)
{
	const struct parent_policy_action	*is;
	size_t					 i;

	for (i = 0; i < conf->nactions; i++) {
		is = &conf->actions[i].is;
		if (is->target == target && is->is_local && is->user[0] !=
		    '\0' && strcmp(is->user, of->is.target_user) == 0 &&
		    strcmp(is->text, text) == 0)
			return &conf->actions[i];
	}
	return NULL;
}

void
conf_begin(void)
{
	conf_free(building);
	if ((building = calloc(1, sizeof(*building))) == NULL)
		log_warn("configuration");
}

static int
find_table(const struct conf *conf, uint32_t id, const struct table **out)
{
	size_t	i;

	*out = NULL;
	if (id == 0)
		return 0;
	for (i = 0; i < conf->ntables; i++)
		if (conf->tables[i].id == id) {
			*out = conf->tables[i].table;
			return 0;
		}
	return -1;
}

/* table_each(): gather the domains of a "for rcpt" table. */
static void
add_rcpt_domain(const char *key, const char *value, void *arg)
{
	struct conf	 *conf = arg;
	const char	 *domain = address_domain(key);
	char		**more;
	size_t		  room;

	(void)value;
	if (domain == NULL)
		domain = key;
	if (strcmp(domain, "*") == 0 || conf->is_broken ||
	    (conf->nrcpt_domains != 0 && strcasecmp(domain,
	    conf->rcpt_domains[conf->nrcpt_domains - 1]) == 0))
		return;
	if (conf->nrcpt_domains == conf->rcpt_domains_room) {
		room = conf->rcpt_domains_room == 0 ? 64 :
		    conf->rcpt_domains_room * 2;
		more = reallocarray(conf->rcpt_domains, room, sizeof(*more));
		if (more == NULL) {
			broken("no memory for domains");
			return;
		}
		conf->rcpt_domains = more;
		conf->rcpt_domains_room = room;
	}
	if ((conf->rcpt_domains[conf->nrcpt_domains] = strdup(domain)) == NULL)
		broken("no memory for domains");
	else
		conf->nrcpt_domains++;
}

static void
sort_rcpt_domains(struct conf *conf)
{
	size_t	i, n = 0;

	if (conf->nrcpt_domains == 0)
		return;
	qsort(conf->rcpt_domains, conf->nrcpt_domains, sizeof(char *),
	    compare_domains);
	for (i = 0; i < conf->nrcpt_domains; i++) {
		if (n != 0 && strcasecmp(conf->rcpt_domains[i],
		    conf->rcpt_domains[n - 1]) == 0)
			free(conf->rcpt_domains[i]);
		else
			conf->rcpt_domains[n++] = conf->rcpt_domains[i];
	}
	conf->nrcpt_domains = n;
}

/* Its path up to the first NUL, then what is in the file. */
static void
parse_targets(struct conf_table *t)
{
	size_t	n;

	if (t->text.data == NULL || (n = strlen(t->text.data)) >= t->text.size)
		broken("an included file without a path");
	else
		t->targets = t->text.data + n + 1;
}

static int
is_sender_map(const struct conf *conf, uint32_t id)
{
	size_t	i;

	for (i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].is.senders_table == id)
			return 1;
	return 0;
}

/* Both forms of a key are found; NULL and a line in the log if it is broken. */
static struct table *
parse_keys(const struct conf_table *t, int is_senders)
{
	struct table	*table;
	char		 err[256];
	const char	*unused;

	table = table_parse(t->text.data != NULL ? t->text.data : "",
	    t->text.size, err, sizeof(err));
	if (table == NULL) {
		log_warnx("configuration: table %s: %s", log_vis(t->name), err);
		return NULL;
	}
	if ((is_senders && table_change_values(table, sender_list_form) ==
	    -1) || table_add_forms(table, domain_key_form, &unused) == -1) {
		log_warnx("configuration: table %s: not enough memory",
		    log_vis(t->name));
		table_free(table);
		return NULL;
	}
	if (unused != NULL && !is_senders)
		log_warnx("table %s: %s is not used: another form of it has "
		    "another value", log_vis(t->name), log_vis(unused));
	return table;
}

static void
parse_tables(struct conf *conf)
{
	struct conf_table	*t;
	size_t			 i;

	for (i = 0; i < conf->ntables; i++) {
		t = &conf->tables[i];
		if (t->text.size != t->text.total) {
			broken("a table is not complete");
			continue;
		}
		if (t->kind == TABLE_TARGETS) {
			parse_targets(t);
			continue;
		}
		if ((t->table = parse_keys(t, 0)) == NULL)
			conf->is_broken = 1;
		else if (is_sender_map(conf, t->id) &&
		    (t->senders = parse_keys(t, 1)) == NULL)
			conf->is_broken = 1;
		blob_free(&t->text);
	}
}

static int
find_senders(const struct conf *conf, struct conf_listener *l)
{
	size_t	i;

	l->senders = NULL;
	if (l->is.senders_table == 0)
		return 0;
	for (i = 0; i < conf->ntables; i++)
		if (conf->tables[i].id == l->is.senders_table) {
			l->senders = conf->tables[i].senders;
			return l->senders != NULL ? 0 : -1;
		}
	return -1;
}

static void
resolve_rule(struct conf *conf, struct conf_rule *rule)
{
	size_t	i;

	if (find_table(conf, rule->is.from_table, &rule->from) == -1 ||
	    find_table(conf, rule->is.to_table, &rule->to) == -1 ||
	    find_table(conf, rule->is.sender_table, &rule->senders) == -1)
		broken("a rule names an unknown table");
	if (rule->is.from < FROM_ANY || rule->is.from > FROM_SRC ||
	    rule->is.to < FOR_ANY || rule->is.to > FOR_RCPT)
		broken("a rule of an unknown kind");
	if ((rule->is.from == FROM_SRC && rule->from == NULL) ||
	    (rule->is.to >= FOR_DOMAIN && rule->to == NULL))
		broken("a rule lacks its table");
	for (i = 0; i < conf->nactions && !rule->is.reject; i++)
		if (strcmp(conf->actions[i].is.name, rule->is.action) == 0)
			rule->action = &conf->actions[i];
	if (!rule->is.reject && rule->action == NULL)
		broken("a rule names an unknown action");
	if (!conf->is_broken && rule->is.to == FOR_RCPT && !rule->is.reject)
		table_each(rule->to, add_rcpt_domain, conf);
}

int
conf_end(void)
{
	struct conf	*conf = building;
	size_t		 i;

	if (conf == NULL)
		return -1;
	if (!conf->has_limits)
		broken("limits are missing");
	parse_tables(conf);
	for (i = 0; i < conf->nactions; i++)
		if (find_table(conf, conf->actions[i].is.alias_table,
		    &conf->actions[i].aliases) == -1)
			broken("an action names an unknown table");
	for (i = 0; i < conf->nlisteners; i++)
		if (find_senders(conf, &conf->listeners[i]) == -1)
			broken("a listener names an unknown table");
	for (i = 0; i < conf->nrules; i++)
		resolve_rule(conf, &conf->rules[i]);
	sort_rcpt_domains(conf);
	building = NULL;
	if (conf->is_broken) {
		conf_free(conf);
		return -1;
	}
	conf_free(current);
	current = conf;
	return 0;
}

void
on_parent_conf(struct link *link, struct link_in *in)
{
	(void)link;
	if (building == NULL)
		return;
	memcpy(&building->limits, in->data, sizeof(building->limits));
	building->has_limits = 1;
}

void
on_parent_table(struct link *link, struct link_in *in)
{
	const struct conf_piece	*piece = in->data;
	struct conf_table	*t = NULL, *more;
	size_t			 i;

	(void)link;
	if (building == NULL)
		return;
	for (i = 0; i < building->ntables && t == NULL; i++)
		if (building->tables[i].id == piece->id)
			t = &building->tables[i];
	if (t == NULL) {
		more = grow(building->tables, building->ntables, sizeof(*more));
		if (piece->id == 0 || more == NULL) {
			broken("no room for a table");
			return;
		}
		building->tables = more;
		t = &more[building->ntables++];
		memset(t, 0, sizeof(*t));
		t->id = piece->id;
		t->kind = piece->kind;
		strlcpy(t->name, piece->name, sizeof(t->name));
	}
	if (piece->total == 0 && in->size == sizeof(*piece))
		return;
	if (blob_add(&t->text, piece->total, piece->offset, piece + 1,
	    in->size - sizeof(*piece)) == -1)
		broken("a table came out of order");
}

void
on_parent_action(struct link *link, struct link_in *in)
{
	struct conf_action	*more;

	(void)link;
	if (building == NULL)
		return;
	more = grow(building->actions, building->nactions, sizeof(*more));
	if (more == NULL) {
		broken("no room for an action");
		return;
	}
	building->actions = more;
	more += building->nactions++;
	memset(more, 0, sizeof(*more));
	memcpy(&more->is, in->data, sizeof(more->is));
}

void
on_parent_rule(struct link *link, struct link_in *in)
{
	struct conf_rule	*more;

	(void)link;
	if (building == NULL)
		return;
	more = grow(building->rules, building->nrules, sizeof(*more));
	if (more == NULL) {
		broken("no room for a rule");
		return;
	}
	building->rules = more;
	more += building->nrules++;
	memset(more, 0, sizeof(*more));
	memcpy(&more->is, in->data, sizeof(more->is));
}

void
on_parent_listener(struct link *link, struct link_in *in)
{
	struct conf_listener	*more;

	(void)link;
	if (building == NULL)
		return;
	more = grow(building->listeners, building->nlisteners, sizeof(*more));
	if (more == NULL) {
		broken("no room for a listener");
		return;
	}
	building->listeners = more;
	more += building->nlisteners++;
	memset(more, 0, sizeof(*more));
	memcpy(&more->is, in->data, sizeof(more->is));
}
