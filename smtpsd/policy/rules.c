/*
 * First match over the rules of the configuration, called once for each
 * recipient and each target of an alias.  No state, no memory, no process.
 * It must not know transactions or links.  The guards that keep any order of
 * rules from becoming an open relay are here and nowhere else.
 */
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/domain.h"
#include "login.h"
#include "rules.h"

int
rules_is_loopback(const char *address)
{
	if (strncasecmp(address, "::ffff:", 7) == 0)
		address += 7;
	return strncmp(address, "127.", 4) == 0 ||
	    strcmp(address, "::1") == 0 ||
	    strcmp(address, "local") == 0;	/* a Unix socket */
}

/* -1: no memory. */
static int
match_from(const struct conf_rule *rule, const struct rules_request *req)
{
	const char	*value;

	switch (rule->is.from) {
	case FROM_ANY:
		return 1;
	case FROM_AUTH:
		if (req->user == NULL || rule->from == NULL)
			return req->user != NULL;
		return login_find(rule->from, req->user, &value);
	case FROM_LOCAL:
		return req->is_own || req->is_alias ||
		    rules_is_loopback(req->address);
	case FROM_SRC:
		return table_has_net(rule->from, req->address);
	default:
		return 0;
	}
}

static int
match_sender(const struct conf_rule *rule, const struct rules_request *req)
{
	return rule->senders == NULL || (req->sender[0] != '\0' &&
	    table_has_address(rule->senders, req->sender));
}

static int
match_to(const struct conf *conf, const struct conf_rule *rule,
    const char *recipient, const char *domain)
{
	switch (rule->is.to) {
	case FOR_ANY:
		return 1;
	case FOR_LOCAL:
		return conf_is_local_domain(conf, domain);
	case FOR_DOMAIN:
		return table_has_domain(rule->to, domain);
	case FOR_RCPT:
		return table_has_address(rule->to, recipient);
	default:
		return 0;
	}
}

/* A relay for everybody to everywhere, whatever the rule says. */
static int
is_open_relay(const struct conf_rule *rule, const struct rules_request *req)
{
	return rule->action != NULL && !rule->action->is.is_local &&
	    rule->is.from == FROM_ANY && rule->is.to == FOR_ANY &&
	    req->user == NULL && !req->is_alias && !req->is_own &&
	    !rules_is_loopback(req->address);
}

static const struct conf_action *
find_for_alias(const struct conf *conf, const struct rules_request *req)
{
	const struct conf_rule	*rule;
	size_t			 i;

	for (i = 0; i < conf->nrules; i++) {
		rule = &conf->rules[i];
		if (rule->action != NULL && !rule->action->is.is_local &&
		    rule->is.from == FROM_AUTH && rule->from == NULL &&
		    rule->is.to == FOR_ANY && match_sender(rule, req))
			return rule->action;
	}
	return NULL;
}

const struct conf_action *
rules_find_mailboxes(const struct conf *conf)
{
	const struct conf_action	*action;
	size_t				 i;

	for (i = 0; i < conf->nrules; i++) {
		action = conf->rules[i].action;
		if (action != NULL && action->is.is_local &&
		    !action->is.expand_only && action->is.user[0] == '\0')
			return action;
	}
	return NULL;
}

static const struct conf_action *
find_for_postmaster(const struct conf *conf, const char *domain)
{
	const struct conf_rule	*rule;
	const struct conf_action *first = NULL;
	size_t			 i;

	for (i = 0; i < conf->nrules; i++) {
		rule = &conf->rules[i];
		if (rule->action == NULL || !rule->action->is.is_local)
			continue;
		if (first == NULL && !rule->action->is.expand_only)
			first = rule->action;
		if ((rule->is.to == FOR_LOCAL &&
		    conf_is_local_domain(conf, domain)) ||
		    (rule->is.to == FOR_DOMAIN &&
		    table_has_domain(rule->to, domain)) ||
		    (rule->is.to == FOR_RCPT &&
		    conf_is_rcpt_domain(conf, domain)))
			return rule->action;
	}
	/* <postmaster> without a domain means this host, rule or not. */
	return conf_is_local_domain(conf, domain) ? first : NULL;
}

static int
is_postmaster(const char *recipient, const char *domain)
{
	return domain - recipient == 11 &&
	    strncasecmp(recipient, "postmaster@", 11) == 0;
}

/*
 * What still is beyond ASCII has no other form: it would be compared as it is
 * written, and what stands in a table of domains to refuse be passed by.
 */
static int
is_unknown(const char *domain)
{
	for (; *domain != '\0'; domain++)
		if ((unsigned char)*domain >= 0x80)
			return 1;
	return 0;
}

enum reply_id
rules_check_sender(const char *sender)
{
	char		 room[MAILADDR_SIZE];
	const char	*form, *domain;

	if (sender[0] == '\0')
		return REPLY_OK;
	if ((form = domain_try_canonical(sender, room, sizeof(room))) == NULL)
		return REPLY_TRY_LATER;
	domain = address_domain(form);
	return domain == NULL || is_unknown(domain) ? REPLY_BAD_SENDER :
	    REPLY_OK;
}

enum reply_id
rules_match(const struct conf *conf, const struct rules_request *req,
    const char *address, const struct conf_action **action)
{
	char			 room[MAILADDR_SIZE];
	const struct conf_rule	*rule;
	const char		*recipient, *domain;
	int			 is_known_domain = 0, is_from;
	size_t			 i;

	*action = NULL;
	recipient = domain_try_canonical(address, room, sizeof(room));
	if (recipient == NULL)
		return REPLY_TRY_LATER;
	if ((domain = address_domain(recipient)) == NULL)
		return REPLY_ADDRESS_LITERAL;
	if (is_unknown(domain))
		return REPLY_BAD_DOMAIN;
	for (i = 0; i < conf->nrules; i++) {
		rule = &conf->rules[i];
		if (rule->is.tag[0] != '\0' &&
		    strcmp(rule->is.tag, req->tag) != 0)
			continue;
		if ((is_from = match_from(rule, req)) == -1)
			return REPLY_TRY_LATER;
		if (!is_from || !match_sender(rule, req))
			continue;
		if (!match_to(conf, rule, recipient, domain)) {
			if (rule->is.to == FOR_RCPT && rule->action != NULL &&
			    conf_is_rcpt_domain(conf, domain))
				is_known_domain = 1;
			continue;
		}
		if (is_open_relay(rule, req))
			continue;
		*action = rule->action;
		return rule->action != NULL ? REPLY_OK : REPLY_REJECTED;
	}
	if (is_postmaster(recipient, domain))
		*action = find_for_postmaster(conf, domain);
	if (*action == NULL && req->is_alias && !is_known_domain)
		*action = find_for_alias(conf, req);
	if (*action != NULL)
		return REPLY_OK;
	return is_known_domain ? REPLY_NO_SUCH_USER : REPLY_RELAY_DENIED;
}
