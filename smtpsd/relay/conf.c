/*
 * The configuration transaction: hostname, actions, their TLS policies, CA
 * bundles.  Actions are replaced as a whole; connections that were made for an old one keep it
 * until they end.  Passwords are wiped with their action.
 */
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "base/blob.h"
#include "base/link.h"
#include "base/log.h"
#include "mail/domain.h"
#include "mail/table.h"
#include "proto/boot.h"

#include "conf.h"

#define ACTIONS_MAX	256

struct conf {
	char		 hostname[HOSTNAME_SIZE];
	struct action	*action[ACTIONS_MAX];
	unsigned int	 nactions;
	int		 is_bad;	/* the reason was logged */
	/* CA bundles: [0] is the default, the others are their action's own. */
	struct blob	 ca[ACTIONS_MAX + 1];
	/* The policy that is being received: it comes before its action. */
	struct blob	 policy;
	char		 policy_name[NAME_SIZE];
};

static struct conf conf, conf_new;

void
action_release(struct action *action)
{
	if (action == NULL || --action->refs > 0)
		return;
	tls_config_free(action->tls_verify);
	tls_config_free(action->tls_any);
	table_free(action->policy);
	explicit_bzero(&action->conf, sizeof(action->conf));
	free(action);
}

static void
conf_clear(struct conf *c)
{
	unsigned int i;

	for (i = 0; i < c->nactions; i++)
		action_release(c->action[i]);
	for (i = 0; i <= ACTIONS_MAX; i++)
		blob_free(&c->ca[i]);
	blob_free(&c->policy);
	memset(c, 0, sizeof(*c));
}

void
conf_begin(void)
{
	conf_clear(&conf_new);
}

/* "opportunistic", "required", "verify" or "pin SHA256:...". */
static int
rule_parse(const char *value, struct tls_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->tls = RELAY_STARTTLS;
	if (strcmp(value, "opportunistic") == 0)
		rule->tls = RELAY_PLAIN;
	else if (strcmp(value, "verify") == 0)
		rule->verify = 1;
	else if (strncmp(value, "pin SHA256:", 11) == 0 &&
	    strlen(value) == 4 + 71 &&
	    value[11 + strspn(value + 11, "0123456789abcdef")] == '\0')
		strlcpy(rule->pin, value + 4, sizeof(rule->pin));
	else if (strcmp(value, "required") != 0)
		return -1;
	return 0;
}

static void
policy_check(const char *domain, const char *value, void *arg)
{
	const char	*action = arg;
	struct tls_rule	 rule;

	if (rule_parse(value, &rule) == 0)
		return;
	log_warnx("action %s: tls-policy of %s is \"%s\", not opportunistic, "
	    "required, verify or pin SHA256:...", log_vis(action),
	    log_vis(domain), log_text(value));
	conf_new.is_bad = 1;
}

static int
policy_take(struct action *action)
{
	struct blob	*b = &conf_new.policy;
	char		 err[256];
	const char	*unused = NULL;

	action->policy = table_parse(b->data, b->size, err, sizeof(err));
	if (action->policy != NULL &&
	    table_add_forms(action->policy, domain_key_form, &unused) == -1) {
		strlcpy(err, "no memory", sizeof(err));
		table_free(action->policy);
		action->policy = NULL;
	}
	if (action->policy == NULL) {
		log_warnx("action %s: tls-policy: %s",
		    log_vis(action->conf.name), log_text(err));
		return -1;
	}
	if (unused != NULL)
		log_warnx("action %s: tls-policy: %s is not used: another form "
		    "of it has another value", log_vis(action->conf.name),
		    log_vis(unused));
	table_each(action->policy, policy_check, action->conf.name);
	blob_free(b);
	return 0;
}

void
on_parent_relay_policy(struct link *link, struct link_in *in)
{
	const struct conf_piece *piece = in->data;

	strlcpy(conf_new.policy_name, piece->name,
	    sizeof(conf_new.policy_name));
	if (blob_add(&conf_new.policy, piece->total, piece->offset, piece + 1,
	    in->size - sizeof(*piece)) == -1)
		link_fault(link, "bad piece of a policy");
}

void
on_parent_relay_conf(struct link *link, struct link_in *in)
{
	const struct parent_relay_conf *msg = in->data;

	(void)link;
	strlcpy(conf_new.hostname, msg->hostname, sizeof(conf_new.hostname));
}

void
on_parent_relay_action(struct link *link, struct link_in *in)
{
	const struct parent_relay_action *msg = in->data;
	struct action *action;

	if (conf_new.nactions >= ACTIONS_MAX || msg->port == 0 ||
	    msg->name[0] == '\0' ||
	    msg->tls < RELAY_PLAIN || msg->tls > RELAY_SMTPS ||
	    msg->ca > ACTIONS_MAX) {
		link_fault(link, "bad action");
		return;
	}
	if ((action = calloc(1, sizeof(*action))) == NULL) {
		link_fault(link, "no memory");
		return;
	}
	action->conf = *msg;
	action->refs = 1;
	conf_new.action[conf_new.nactions++] = action;
	if (conf_new.policy.total > 0 &&
	    strcmp(conf_new.policy_name, msg->name) == 0 &&
	    policy_take(action) == -1)
		conf_new.is_bad = 1;
}

void
on_parent_relay_ca(struct link *link, struct link_in *in)
{
	const struct conf_piece *piece = in->data;

	if (piece->id > ACTIONS_MAX || blob_add(&conf_new.ca[piece->id],
	    piece->total, piece->offset, piece + 1,
	    in->size - sizeof(*piece)) == -1)
		link_fault(link, "bad piece of a CA bundle");
}

static int
tls_make(struct action *action, const struct blob *ca)
{
	if ((action->tls_any = tls_config_new()) == NULL)
		return -1;
	/* Better than clear text, no more. */
	tls_config_insecure_noverifycert(action->tls_any);
	tls_config_insecure_noverifyname(action->tls_any);
	if (ca->size == 0)
		return 0;
	if ((action->tls_verify = tls_config_new()) == NULL)
		return -1;
	if (tls_config_set_ca_mem(action->tls_verify,
	    (const uint8_t *)ca->data, ca->size) == 0)
		return 0;
	log_warnx("action %s: CA bundle: %s", log_vis(action->conf.name),
	    log_vis(tls_config_error(action->tls_verify)));
	tls_config_free(action->tls_verify);
	action->tls_verify = NULL;
	return 0;
}

void
action_tls_rule(const struct action *action, const char *domain,
    struct tls_rule *rule)
{
	const struct parent_relay_action *msg = &action->conf;
	const char *value = NULL, *dot;

	memset(rule, 0, sizeof(*rule));
	rule->tls = msg->tls;
	rule->verify = msg->verify && msg->tls != RELAY_PLAIN;
	strlcpy(rule->pin, msg->pin, sizeof(rule->pin));
	if (action->policy == NULL)
		return;
	/* The domain itself, then .example.org for those below it. */
	value = table_get(action->policy, domain);
	for (dot = strchr(domain, '.'); value == NULL && dot != NULL;
	    dot = strchr(dot + 1, '.'))
		value = table_get(action->policy, dot);
	if (value == NULL)
		value = table_get(action->policy, "*");
	if (value != NULL)
		(void)rule_parse(value, rule);
}

struct tls_config *
action_tls_config(const struct action *action, const struct tls_rule *rule)
{
	if (rule->pin[0] != '\0' || !rule->verify)
		return action->tls_any;
	return action->tls_verify;
}

const char *
action_helo(const struct action *action)
{
	return action->conf.helo[0] != '\0' ? action->conf.helo :
	    conf.hostname;
}

int
conf_end(void)
{
	unsigned int i;

	if (conf_new.hostname[0] == '\0')
		return -1;
	for (i = 0; i <= ACTIONS_MAX; i++)
		if (conf_new.ca[i].size != conf_new.ca[i].total)
			return -1;
	if (conf_new.is_bad)
		return -1;
	for (i = 0; i < conf_new.nactions; i++)
		if (tls_make(conf_new.action[i],
		    &conf_new.ca[conf_new.action[i]->conf.ca]) == -1)
			return -1;
	conf_clear(&conf);
	conf = conf_new;
	memset(&conf_new, 0, sizeof(conf_new));
	return 0;
}

const char *
conf_hostname(void)
{
	return conf.hostname;
}

struct action *
action_get(const char *name)
{
	unsigned int i;

	for (i = 0; i < conf.nactions; i++)
		if (strcmp(conf.action[i]->conf.name, name) == 0) {
			conf.action[i]->refs++;
			return conf.action[i];
		}
	return NULL;
}
