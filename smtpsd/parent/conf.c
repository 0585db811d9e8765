/*
 * Life of struct conf: its defaults, its lists, loading and freeing.  Called
 * by the parent at start and at each reload; conf_parse.c and conf_check.c
 * do the work.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_parse.h"
#include "mail/table.h"

/* Pointers are copied as bytes: the list may be of any struct. */
void *
conf_append(void *listp, size_t *n, size_t size)
{
	void **list, *item;

	memcpy(&list, listp, sizeof(list));
	list = reallocarray(list, *n + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	memcpy(listp, &list, sizeof(list));
	if ((item = calloc(1, size)) == NULL)
		return NULL;
	memcpy(list + *n, &item, sizeof(item));
	(*n)++;
	return item;
}

int
conf_table_add(struct conf_table *t, const char *key, const char *value)
{
	size_t klen, vlen;
	char *text;

	/* Without a key: an empty list is a table as well. */
	klen = key == NULL ? 0 : strlen(key);
	vlen = value == NULL ? 0 : strlen(value);
	if ((text = malloc(t->size + klen + vlen + 4)) == NULL)
		return -1;
	if (t->size > 0)
		memcpy(text, t->text, t->size);
	freezero(t->text, t->size);
	t->text = text;
	if (key != NULL) {
		memcpy(text + t->size, key, klen);
		t->size += klen;
		if (value != NULL) {
			/* One colon may go before a value: ":include:" */
			if (*value == ':')
				text[t->size++] = ':';
			text[t->size++] = ' ';
			memcpy(text + t->size, value, vlen);
			t->size += vlen;
		}
		text[t->size++] = '\n';
	}
	text[t->size] = '\0';
	return 0;
}

int
conf_table_is_defined(const struct conf_table *t)
{
	return t->path != NULL || t->text != NULL;
}

struct conf_table *
conf_table_get(struct parser *p, const char *name)
{
	struct conf *c = p->conf;
	struct conf_table *t;
	size_t i;

	for (i = 0; i < c->ntables; i++)
		if (strcmp(c->tables[i]->name, name) == 0)
			return c->tables[i];
	if (strlen(name) >= sizeof(t->name) ||
	    (t = conf_append(&c->tables, &c->ntables, sizeof(*t))) == NULL) {
		parse_fail(p, NULL, "table name too long or out of memory");
		return NULL;
	}
	strlcpy(t->name, name, sizeof(t->name));
	t->id = (uint32_t)c->ntables;
	t->where = p->start;
	return t;
}

struct conf_pki *
conf_pki_get(struct parser *p, const char *name)
{
	struct conf *c = p->conf;
	struct conf_pki *pki;
	size_t i;

	for (i = 0; i < c->npkis; i++)
		if (strcmp(c->pkis[i]->name, name) == 0)
			return c->pkis[i];
	if ((pki = conf_append(&c->pkis, &c->npkis, sizeof(*pki))) == NULL) {
		parse_fail(p, NULL, "out of memory");
		return NULL;
	}
	strlcpy(pki->name, name, sizeof(pki->name));
	pki->id = (uint32_t)c->npkis;
	pki->where = p->start;
	return pki;
}

struct conf_action *
conf_action_by_name(const struct conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nactions; i++)
		if (strcmp(c->actions[i]->name, name) == 0)
			return c->actions[i];
	return NULL;
}

int
action_is_local(const struct conf_action *a)
{
	return a->kind == ACTION_MAILDIR || a->kind == ACTION_MBOX ||
	    a->kind == ACTION_MDA;
}

int
action_needs_home(const struct conf_action *a)
{
	if (a->kind == ACTION_MDA)
		return a->user[0] == '\0';
	return action_is_local(a) && a->path[0] == '~';
}

struct conf_action *
conf_action_get(struct parser *p, const char *name)
{
	struct conf *c = p->conf;
	struct conf_action *a;

	if ((a = conf_action_by_name(c, name)) != NULL)
		return a;
	if ((a = conf_append(&c->actions, &c->nactions, sizeof(*a))) == NULL) {
		parse_fail(p, NULL, "out of memory");
		return NULL;
	}
	strlcpy(a->name, name, sizeof(a->name));
	a->kind = ACTION_UNDEFINED;
	a->where = p->start;
	return a;
}

/* All but secrets and what nothing uses. */
int
conf_table_is_sent(const struct conf_table *t)
{
	return t->text != NULL && (t->uses == TABLE_PLAIN ||
	    t->uses == TABLE_INCLUDE);
}

struct conf_listener *
conf_listener_by_id(const struct conf *c, uint32_t id)
{
	size_t i, j;

	for (i = 0; i < c->nlisteners; i++)
		for (j = 0; j < c->listeners[i]->naddrs; j++)
			if (c->listeners[i]->addrs[j].id == id)
				return c->listeners[i];
	return NULL;
}

static uint16_t
between(long n, uint16_t min, uint16_t max)
{
	return n < min ? min : n > max ? max : (uint16_t)n;
}

static void
set_defaults(struct conf *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	c->message_max = 50 << 20;
	c->recipients_max = 1000;
	c->sessions_max = 20000;
	c->sessions_per_ip = 200;
	c->messages_max = 10000;
	c->errors_max = 10;
	c->header_max = 256 << 10;
	c->fields_max = 1000;
	c->command_s = 300;		/* RFC 5321 4.5.3.2.7 */
	c->transaction_s = 1800;
	c->auth_s = 120;
	c->pace = 256;
	c->expire_s = 5 * 86400;
	c->delay_warning_s = 4 * 3600;
	c->retry_min_s = 5 * 60;
	c->retry_max_s = 4 * 3600;
	strlcpy(c->queue_directory, "/var/spool/smtpsd",
	    sizeof(c->queue_directory));
	strlcpy(c->control_path, "/run/smtpsd.sock", sizeof(c->control_path));
#if defined(__OpenBSD__) || defined(__FreeBSD__) || defined(__NetBSD__)
	strlcpy(c->control_path, "/var/run/smtpsd.sock",
	    sizeof(c->control_path));
#endif
	c->control_gid = 0xffffffff;
	c->control_fd = -1;
	/* One net process serves two processors: the queue is the limit. */
	c->net_procs = between(cpus / 4, 1, 8);
	c->auth_procs = between(cpus, 2, 16);
	c->relay_procs = 1;
}

struct conf *
conf_load(const char *path, const struct conf_macros *macros,
    struct conf_errors *errors)
{
	struct conf_where where = { path, 0 };
	struct conf *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		conf_complain(errors, where, NULL, "out of memory");
		return NULL;
	}
	set_defaults(c);
	conf_parse(c, path, macros, errors);
	/* A file that could not be opened needs no more complaints. */
	if (c->nfiles > 0 && (errors->nerrors == 0 || c->nlisteners > 0 ||
	    c->nrules > 0 || c->nactions > 0 || c->ntables > 0))
		conf_check(c, errors);
	if (errors->nerrors > 0) {
		conf_free(c);
		return NULL;
	}
	return c;
}

static void
free_listener(struct conf_listener *l)
{
	size_t i;

	for (i = 0; i < l->naddrs; i++)
		if (l->addrs[i].fd != -1)
			close(l->addrs[i].fd);
	free(l->addrs);
	free(l->ca_path);
	free(l->ca_pem);
	table_free(l->certs);
	free(l);
}

static void
free_lists(struct conf *c)
{
	size_t i;

	for (i = 0; i < c->npkis; i++) {
		free(c->pkis[i]->cert_path);
		free(c->pkis[i]->key_path);
		free(c->pkis[i]->chain_pem);
		free(c->pkis[i]->ocsp_path);
		free(c->pkis[i]->ocsp_der);
		EVP_PKEY_free(c->pkis[i]->key);
		free(c->pkis[i]);
	}
	for (i = 0; i < c->ntables; i++) {
		free(c->tables[i]->path);
		freezero(c->tables[i]->text, c->tables[i]->size);
		users_free(c->tables[i]->users);
		free(c->tables[i]);
	}
	for (i = 0; i < c->ntokens; i++) {
		free(c->tokens[i]->keys_path);
		free(c->tokens[i]->keys);
		free(c->tokens[i]);
	}
	for (i = 0; i < c->nlisteners; i++)
		free_listener(c->listeners[i]);
	for (i = 0; i < c->nactions; i++) {
		free(c->actions[i]->ca_path);
		free(c->actions[i]->ca_pem);
		freezero(c->actions[i], sizeof(*c->actions[i]));
	}
	for (i = 0; i < c->nrules; i++)
		free(c->rules[i]);
	for (i = 0; i < c->nfiles; i++)
		free(c->files[i]);
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	free_lists(c);
	free(c->pkis);
	free(c->tables);
	free(c->tokens);
	free(c->listeners);
	free(c->actions);
	free(c->rules);
	free(c->files);
	free(c->forwarders);
	free(c->anchors);
	free(c->hosts);
	free(c->ca_pem);
	if (c->control_fd != -1)
		close(c->control_fd);
	free(c);
}

int
conf_macros_add(struct conf_macros *m, const char *definition)
{
	struct conf_macro *list;
	const char *s, *eq;
	char *name, *value;

	if ((eq = strchr(definition, '=')) == NULL || eq == definition ||
	    eq - definition >= NAME_SIZE)
		return -1;
	for (s = definition; s < eq; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return -1;
	for (s = eq + 1; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return -1;
	if ((list = reallocarray(m->list, m->n + 1, sizeof(*list))) == NULL)
		return -1;
	m->list = list;
	name = strndup(definition, (size_t)(eq - definition));
	value = strdup(eq + 1);
	if (name == NULL || value == NULL) {
		free(name);
		free(value);
		return -1;
	}
	list[m->n].name = name;
	list[m->n++].value = value;
	return 0;
}

void
conf_macros_free(struct conf_macros *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->list[i].name);
		free(m->list[i].value);
	}
	free(m->list);
	memset(m, 0, sizeof(*m));
}
