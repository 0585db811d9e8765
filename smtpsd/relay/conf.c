/*
 * The configuration transaction: hostname, actions, CA bundle.  Actions are
 * replaced as a whole; connections that were made for an old one keep it
 * until they end.  Passwords are wiped with their action.
 */
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "base/blob.h"
#include "base/link.h"
#include "base/log.h"
#include "proto/boot.h"

#include "conf.h"

#define ACTIONS_MAX	256

struct conf {
	char		 hostname[HOSTNAME_SIZE];
	struct action	*action[ACTIONS_MAX];
	unsigned int	 nactions;
	/* CA bundles: [0] is the default, the others are their action's own. */
	struct blob	 ca[ACTIONS_MAX + 1];
};

static struct conf conf, conf_new;

void
action_release(struct action *action)
{
	if (action == NULL || --action->refs > 0)
		return;
	tls_config_free(action->tls);
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
	memset(c, 0, sizeof(*c));
}

void
conf_begin(void)
{
	conf_clear(&conf_new);
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
	    msg->name[0] == '\0' || msg->host[0] == '\0' ||
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

static struct tls_config *
tls_make(const struct parent_relay_action *action, const struct blob *ca)
{
	struct tls_config *tls;

	if ((tls = tls_config_new()) == NULL)
		return NULL;
	/* smtp:// takes what it gets: better than clear text, no more. */
	if (!action->verify || action->tls == RELAY_PLAIN) {
		tls_config_insecure_noverifycert(tls);
		tls_config_insecure_noverifyname(tls);
		return tls;
	}
	if (ca->size == 0 || tls_config_set_ca_mem(tls,
	    (const uint8_t *)ca->data, ca->size) == -1) {
		log_warnx("action %s: no CA bundle to verify %s with",
		    log_vis(action->name), log_vis(action->host));
		tls_config_free(tls);
		return NULL;
	}
	return tls;
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
	for (i = 0; i < conf_new.nactions; i++)
		conf_new.action[i]->tls = tls_make(&conf_new.action[i]->conf,
		    &conf_new.ca[conf_new.action[i]->conf.ca]);
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
