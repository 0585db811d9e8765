/*
 * What stands in the tables of tls-policy and of senders, whose values mean
 * something: a word that means nothing is told before it is in force.  Called
 * by conf_check.c when all tables are read.
 */
#include <string.h>

#include "conf_parse.h"
#include "mail/address.h"
#include "mail/table.h"

#define PIN		"pin SHA256:"
#define PIN_DIGITS	64

struct check {
	const struct conf_table	*table;
	struct conf_errors	*errors;
};

static int
is_tls_word(const char *s)
{
	static const char pin[] = PIN;

	if (strcmp(s, "opportunistic") == 0 || strcmp(s, "required") == 0 ||
	    strcmp(s, "verify") == 0)
		return 1;
	if (strncmp(s, pin, sizeof(pin) - 1) != 0)
		return 0;
	s += sizeof(pin) - 1;
	return strlen(s) == PIN_DIGITS &&
	    strspn(s, "0123456789abcdef") == PIN_DIGITS;
}

static void
check_tls(const char *domain, const char *value, void *arg)
{
	const struct check *c = arg;

	if (!is_tls_word(value))
		conf_complain(c->errors, c->table->where,
		    "opportunistic, required, verify or pin SHA256:...",
		    "tls-policy <%s>: '%s' of %s is no way to speak TLS",
		    c->table->name, value, domain);
}

/* "*", "@domain", "domain", "user@domain" or "user+*@domain" */
static int
is_sender(const char *s)
{
	const char *at = strrchr(s, '@');
	const char *domain = at == NULL ? s : at + 1;
	size_t i;

	for (i = 0; domain[i] != '\0'; i++)
		if ((unsigned char)domain[i] >= 0x80)
			return 1;	/* not ours to judge */
	return strcmp(s, "*") == 0 || address_is_hostname(domain) ||
	    (at != NULL && domain[0] == '[');
}

static void
check_sender(const char *user, const char *value, void *arg)
{
	const struct check *c = arg;
	char item[MAILADDR_SIZE];
	size_t n, items = 0;

	for (;; value += n) {
		value += strspn(value, ", \t");
		if ((n = strcspn(value, ", \t")) == 0)
			break;
		items++;
		if (n >= sizeof(item))
			n = sizeof(item) - 1;
		memcpy(item, value, n);
		item[n] = '\0';
		if (!is_sender(item))
			conf_caution(c->errors, c->table->where,
			    "user@example.org, user+*@example.org, "
			    "@example.org or *",
			    "senders <%s>: '%s' of %s is no address",
			    c->table->name, item, user);
	}
	if (items == 0)
		conf_caution(c->errors, c->table->where,
		    "USER ADDRESS, ... on each line",
		    "senders <%s>: %s may send as nobody", c->table->name,
		    user);
}

static void
check_items(const struct conf_table *t, struct conf_errors *errors,
    void (*each)(const char *, const char *, void *))
{
	struct check c = { t, errors };
	struct table *table;
	char err[256];

	if (t == NULL || t->text == NULL)
		return;		/* has its complaint */
	if ((table = table_parse(t->text, t->size, err, sizeof(err))) == NULL)
		return;		/* the same */
	table_each(table, each, &c);
	table_free(table);
}

/* Each table once, whoever uses it. */
void
conf_check_items(const struct conf *conf, struct conf_errors *errors)
{
	const struct conf_table *t;
	size_t i, j;

	for (i = 0; i < conf->ntables; i++) {
		t = conf->tables[i];
		for (j = 0; j < conf->nactions; j++)
			if (conf->actions[j]->tls_policy == t) {
				check_items(t, errors, check_tls);
				break;
			}
		for (j = 0; j < conf->nlisteners; j++)
			if (conf->listeners[j]->senders == t) {
				check_items(t, errors, check_sender);
				break;
			}
	}
}
