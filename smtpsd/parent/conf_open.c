/*
 * Is the rule set an open relay?  A rule relays for anybody if it takes mail
 * from everywhere to everywhere and hands it to a relay action.  Called by
 * conf_check.c.  Only rules are looked at, each by itself: a refusal in an
 * earlier rule does not excuse a later one, since it may go away.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "mail/table.h"

/* Networks shorter than these are the Internet, not somebody's net. */
#define V4_BITS_MIN	8
#define V6_BITS_MIN	16

/* What table_each() looks for; found is the first offender. */
struct search {
	int	(*is_bad)(const char *key);
	char	 found[128];
};

static void
search_item(const char *key, const char *value __attribute__((unused)),
    void *arg)
{
	struct search *s = arg;

	if (s->found[0] == '\0' && s->is_bad(key))
		strlcpy(s->found, key, sizeof(s->found));
}

/* 1: there is an item for which is_bad() says so, in s->found. */
static int
search_table(const struct conf_table *t, struct search *s)
{
	struct table *parsed;
	char err[256];

	s->found[0] = '\0';
	if (t == NULL || t->text == NULL)
		return 0;
	if ((parsed = table_parse(t->text, t->size, err, sizeof(err))) == NULL)
		return 0;	/* has its complaint */
	table_each(parsed, search_item, s);
	table_free(parsed);
	return s->found[0] != '\0';
}

/* Splits "address/bits"; -1 if it is neither address nor network. */
static int
split_net(const char *key, int *family, unsigned char *bytes, int *bits)
{
	char host[IPADDR_SIZE];
	const char *slash, *why;
	size_t n;

	n = (slash = strchr(key, '/')) == NULL ? strlen(key) :
	    (size_t)(slash - key);
	if (key[0] == '[' && n > 1 && key[n - 1] == ']') {
		key++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return -1;
	memcpy(host, key, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, bytes) == 1)
		*family = AF_INET;
	else if (inet_pton(AF_INET6, host, bytes) == 1)
		*family = AF_INET6;
	else
		return -1;
	*bits = *family == AF_INET ? 32 : 128;
	if (slash == NULL)
		return 0;
	*bits = (int)strtonum(slash + 1, 0, *bits, &why);
	return why == NULL ? 0 : -1;
}

static int
is_no_net(const char *key)
{
	unsigned char bytes[16];
	int family, bits;

	return split_net(key, &family, bytes, &bits) == -1;
}

static int
is_wide_net(const char *key)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char b[16];
	int family, bits;

	if (split_net(key, &family, b, &bits) == -1)
		return 0;
	if (family == AF_INET)
		return bits < V4_BITS_MIN;
	if (bits >= 96 && memcmp(b, mapped, sizeof(mapped)) == 0)
		return bits - 96 < V4_BITS_MIN;
	/* Unique local and link local addresses are short, but private. */
	if (bits >= 7 && (b[0] & 0xfe) == 0xfc)
		return 0;
	if (bits >= 10 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return 0;
	return bits < V6_BITS_MIN;
}

static int
is_everything(const char *key)
{
	return strcmp(key, "*") == 0 || strcmp(key, ".") == 0 ||
	    strcmp(key, "@") == 0 || strcmp(key, "*@*") == 0 ||
	    strcmp(key, "@*") == 0;
}

/* All listeners with this tag ask for AUTH; 0 as well if there is none. */
static int
tag_needs_auth(const struct conf *conf, const char *tag)
{
	size_t i, n = 0;

	for (i = 0; i < conf->nlisteners; i++) {
		if (strcmp(conf->listeners[i]->tag, tag) != 0)
			continue;
		if (conf->listeners[i]->kind == LISTENER_SMTP)
			return 0;
		n++;
	}
	return n > 0;
}

int
conf_has_bad_net(const struct conf_table *t, char *found, size_t size)
{
	struct search bad = { is_no_net, "" };

	if (!search_table(t, &bad))
		return 0;
	strlcpy(found, bad.found, size);
	return 1;
}

static void
check_open(const struct conf *conf, const struct conf_rule *r,
    struct conf_errors *errors)
{
	struct search wide = { is_wide_net, "" };
	struct search every = { is_everything, "" };

	if (r->action == NULL || r->action->kind != ACTION_RELAY)
		return;
	if (r->to == FOR_LOCAL || (r->to != FOR_ANY &&
	    !search_table(r->to_table, &every)))
		return;
	if (r->tag[0] != '\0' && tag_needs_auth(conf, r->tag))
		return;
	if (r->from == FROM_ANY)
		conf_complain(errors, r->where,
		    "say 'from auth', 'from src <net>' or 'for domain <table>'",
		    "this rule would relay for anybody");
	else if (r->from == FROM_SRC && search_table(r->from_table, &wide))
		conf_complain(errors, r->where, "name your own networks",
		    "this rule would relay for anybody in %s", wide.found);
}

static void
check_tag(const struct conf *conf, const struct conf_rule *r,
    struct conf_errors *errors)
{
	const char **names, *guess = NULL;
	char hint[128];
	size_t i, n = 0;

	if (r->tag[0] == '\0')
		return;
	names = calloc(conf->nlisteners + 1, sizeof(*names));
	for (i = 0; i < conf->nlisteners; i++) {
		if (strcmp(conf->listeners[i]->tag, r->tag) == 0) {
			free(names);
			return;
		}
		if (names != NULL && conf->listeners[i]->tag[0] != '\0')
			names[n++] = conf->listeners[i]->tag;
	}
	if (names != NULL)
		guess = conf_closest(r->tag, names);
	if (guess != NULL)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", guess);
	else
		snprintf(hint, sizeof(hint), "add: listen on ... tag NAME");
	conf_complain(errors, r->where, hint, "no listener has the tag '%s'",
	    r->tag);
	free(names);
}

/* No listener of the rule's tag has AUTH: it can never match. */
static int
has_auth(const struct conf *conf, const char *tag)
{
	size_t i;

	for (i = 0; i < conf->nlisteners; i++)
		if ((conf_listener_has_auth(conf->listeners[i]) ||
		    conf->listeners[i]->kind == LISTENER_LOCAL) &&
		    (tag[0] == '\0' ||
		    strcmp(conf->listeners[i]->tag, tag) == 0))
			return 1;
	return 0;
}

void
conf_check_rules(struct conf *conf, struct conf_errors *errors)
{
	struct conf_where where = { conf->files[0], 0 };
	struct search bad = { is_no_net, "" };
	const struct conf_rule *r;
	size_t i;

	if (conf->nrules == 0)
		conf_caution(errors, where,
		    "add: match from auth for any action \"name\"",
		    "there is no rule: every recipient will be refused");
	for (i = 0; i < conf->nrules; i++) {
		r = conf->rules[i];
		if (r->is_broken)
			continue;
		check_tag(conf, r, errors);
		check_open(conf, r, errors);
		if (r->from == FROM_SRC && search_table(r->from_table, &bad))
			conf_complain(errors, r->where,
			    "as in 192.0.2.0/24 or 2001:db8::/32",
			    "from src: '%s' is not an address or network",
			    bad.found);
		if (r->from == FROM_AUTH && !has_auth(conf, r->tag))
			conf_caution(errors, r->where, NULL,
			    "no listener asks for AUTH, this never matches");
	}
}
