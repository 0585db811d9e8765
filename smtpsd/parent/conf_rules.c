/*
 * The statements action and match of the configuration.  Called by
 * conf_parse.c; whether what they say makes sense together is decided in
 * conf_check.c.
 */
#include <netinet/in.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "mail/address.h"

static int
url_fail(struct parser *p, const char *url)
{
	return parse_fail(p,
	    "smtp://host, smtps://label@host:port, smtp+tls://[::1]:587",
	    "'%s' does not say where to relay to", url);
}

/* host[:port] or [address][:port] */
static int
parse_url_host(struct parser *p, struct conf_action *a, const char *s,
    const char *url)
{
	const char *end, *why;
	size_t len;

	if (*s == '[') {
		s++;
		if ((end = strchr(s, ']')) == NULL)
			return url_fail(p, url);
		len = (size_t)(end++ - s);
	} else {
		len = strcspn(s, ":");
		end = s + len;
	}
	if (len == 0 || len >= sizeof(a->host) ||
	    (*end != '\0' && *end != ':'))
		return url_fail(p, url);
	memcpy(a->host, s, len);
	a->host[len] = '\0';
	if (*end == ':') {
		a->port = (uint16_t)strtonum(end + 1, 1, 65535, &why);
		if (why != NULL)
			return url_fail(p, url);
	}
	return 0;
}

static int
parse_url(struct parser *p, struct conf_action *a)
{
	static const struct {
		const char	*scheme;
		uint8_t		 tls;
		uint8_t		 verify;
		uint16_t	 port;
	} schemes[] = {
		{ "smtp://", RELAY_PLAIN, 0, 25 },
		{ "smtps://", RELAY_SMTPS, 1, 465 },
		{ "smtp+tls://", RELAY_STARTTLS, 1, 25 },
	};
	char url[1024];
	const char *s, *at;
	size_t i, n = sizeof(schemes) / sizeof(schemes[0]);

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "an URL as in smtps://host");
	strlcpy(url, lexer_text(p->lexer), sizeof(url));
	for (i = 0; i < n; i++)
		if (strncmp(url, schemes[i].scheme,
		    strlen(schemes[i].scheme)) == 0)
			break;
	if (i == n)
		return url_fail(p, url);
	a->tls = schemes[i].tls;
	a->verify = schemes[i].verify;
	a->port = schemes[i].port;
	s = url + strlen(schemes[i].scheme);
	if ((at = strchr(s, '@')) != NULL) {
		if (at == s || (size_t)(at - s) >= sizeof(a->label) ||
		    memchr(s, ':', (size_t)(at - s)) != NULL)
			return parse_fail(p, "the password stands in the "
			    "table behind 'auth' under this label",
			    "'%.*s' cannot be a label", (int)(at - s), s);
		memcpy(a->label, s, (size_t)(at - s));
		s = at + 1;
	}
	if (parse_url_host(p, a, s, url) == -1)
		return -1;
	lexer_next(p->lexer);
	return 0;
}

static int
parse_relay(struct parser *p, struct conf_action *a)
{
	static const char *const host[] = { "host", NULL };
	static const char *const words[] = { "auth", "ca", "no-verify", NULL };
	char path[PATHNAME_SIZE];

	a->is_local = 0;
	if (!parse_accept(p, "host"))
		return parse_unknown(p, host, "'host'");
	if (parse_url(p, a) == -1)
		return -1;
	while (!parse_is_end(p)) {
		if (parse_accept(p, "auth")) {
			a->secrets = parse_table_ref(p, TABLE_SECRETS);
			if (a->secrets == NULL)
				return -1;
		} else if (parse_accept(p, "ca")) {
			if (parse_value(p, path, sizeof(path),
			    "the path of a file") == -1)
				return -1;
			free(a->ca_path);
			if ((a->ca_path = strdup(path)) == NULL)
				return parse_fail(p, NULL, "out of memory");
		} else if (parse_accept(p, "no-verify"))
			a->verify = 0;
		else
			return parse_unknown(p, words, "an option of relay");
	}
	return 0;
}

static int
parse_maildir(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "alias", "user", NULL };

	a->is_local = 1;
	strlcpy(a->path, "~/Maildir", sizeof(a->path));
	if (lexer_kind(p->lexer) == TOKEN_STRING ||
	    (lexer_kind(p->lexer) == TOKEN_WORD &&
	    strchr("~/", lexer_text(p->lexer)[0]) != NULL))
		if (parse_value(p, a->path, sizeof(a->path),
		    "the path of the maildir") == -1)
			return -1;
	while (!parse_is_end(p)) {
		if (parse_accept(p, "alias")) {
			a->aliases = parse_table_ref(p, TABLE_PLAIN);
			if (a->aliases == NULL)
				return -1;
		} else if (parse_accept(p, "user")) {
			if (parse_name(p, a->user, sizeof(a->user),
			    "the name of a user") == -1)
				return -1;
		} else
			return parse_unknown(p, words,
			    "an option of maildir");
	}
	return 0;
}

int
parse_action(struct parser *p)
{
	static const char *const words[] = { "maildir", "relay", NULL };
	char name[NAME_SIZE];
	struct conf_action *a;
	int rc;

	if (parse_name(p, name, sizeof(name), "the name of the action") ==
	    -1 || (a = conf_action_get(p, name)) == NULL)
		return -1;
	if (a->is_local != ACTION_UNDEFINED)
		return parse_fail(p, NULL, "action '%s' is defined twice",
		    name);
	a->where = p->start;
	/* Defined whatever follows: one mistake, one complaint. */
	a->is_local = 1;
	if (parse_accept(p, "maildir"))
		rc = parse_maildir(p, a);
	else if (parse_accept(p, "relay"))
		rc = parse_relay(p, a);
	else
		rc = parse_unknown(p, words, "'maildir' or 'relay'");
	if (rc == -1)
		a->is_broken = 1;
	return rc;
}

static int
parse_from(struct parser *p, struct conf_rule *r)
{
	static const char *const words[] = { "any", "auth", "local", "src",
	    NULL };

	if (parse_accept(p, "any"))
		r->from = FROM_ANY;
	else if (parse_accept(p, "local"))
		r->from = FROM_LOCAL;
	else if (parse_accept(p, "auth")) {
		r->from = FROM_AUTH;
		if (lexer_kind(p->lexer) != TOKEN_TABLE)
			return 0;
		r->from_table = parse_table_ref(p, TABLE_PLAIN);
		return r->from_table == NULL ? -1 : 0;
	} else if (parse_accept(p, "src")) {
		r->from = FROM_SRC;
		r->from_table = parse_table_or_item(p, TABLE_PLAIN,
		    "an address or network");
		return r->from_table == NULL ? -1 : 0;
	} else
		return parse_unknown(p, words, "a source");
	return 0;
}

static int
parse_for(struct parser *p, struct conf_rule *r)
{
	static const char *const words[] = { "any", "local", "domain", "rcpt",
	    NULL };
	const char *what;

	if (parse_accept(p, "any")) {
		r->to = FOR_ANY;
		return 0;
	}
	if (parse_accept(p, "local")) {
		r->to = FOR_LOCAL;
		return 0;
	}
	if (parse_accept(p, "domain")) {
		r->to = FOR_DOMAIN;
		what = "a domain";
	} else if (parse_accept(p, "rcpt")) {
		r->to = FOR_RCPT;
		what = "a recipient";
	} else
		return parse_unknown(p, words, "a destination");
	r->to_table = parse_table_or_item(p, TABLE_PLAIN, what);
	return r->to_table == NULL ? -1 : 0;
}

static int
parse_rule_action(struct parser *p, struct conf_rule *r)
{
	char name[NAME_SIZE];

	if (parse_name(p, name, sizeof(name), "the name of an action") == -1 ||
	    (r->action = conf_action_get(p, name)) == NULL)
		return -1;
	r->action->is_used = 1;
	return 0;
}

static int
twice(struct parser *p, const char *what)
{
	return parse_fail(p, NULL, "'%s' stands twice in one rule", what);
}

/* One condition or the decision; -1 after a complaint. */
static int
parse_match_option(struct parser *p, struct conf_rule *r)
{
	static const char *const words[] = { "tag", "from", "mail-from",
	    "for", "action", "reject", NULL };

	if (parse_accept(p, "tag"))
		return r->tag[0] != '\0' ? twice(p, "tag") :
		    parse_name(p, r->tag, sizeof(r->tag), "the tag");
	if (parse_accept(p, "from"))
		return r->from != 0 ? twice(p, "from") : parse_from(p, r);
	if (parse_accept(p, "mail-from")) {
		if (r->sender_table != NULL)
			return twice(p, "mail-from");
		r->sender_table = parse_table_or_item(p, TABLE_PLAIN,
		    "a sender");
		return r->sender_table == NULL ? -1 : 0;
	}
	if (parse_accept(p, "for"))
		return r->to != 0 ? twice(p, "for") : parse_for(p, r);
	if (parse_accept(p, "action"))
		return r->action != NULL ? twice(p, "action") :
		    parse_rule_action(p, r);
	if (parse_accept(p, "reject")) {
		r->reject = 1;
		return 0;
	}
	return parse_unknown(p, words, "a part of a rule");
}

int
parse_match(struct parser *p)
{
	struct conf_rule *r;

	if ((r = conf_append(&p->conf->rules, &p->conf->nrules, sizeof(*r))) ==
	    NULL)
		return parse_fail(p, NULL, "out of memory");
	r->where = p->start;
	r->is_broken = 1;
	while (!parse_is_end(p))
		if (parse_match_option(p, r) == -1)
			return -1;
	if (r->to == 0)
		return parse_fail(p, "for any, for local, for domain <table>, "
		    "for rcpt <table>", "the rule does not say 'for' whom");
	if (r->reject == (r->action != NULL))
		return parse_fail(p, "one of: action \"name\", reject",
		    "the rule must have either 'action' or 'reject'");
	if (r->from == 0)
		r->from = FROM_LOCAL;
	r->is_broken = 0;
	return 0;
}
