/*
 * The statement match of the configuration.  Called by conf_parse.c; whether
 * what the rules say makes sense together is decided in conf_check.c.
 */
#include <netinet/in.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "mail/address.h"

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
