/*
 * Expands a recipient: match it, and if its action has an alias table, expand
 * the targets the same way.  An alias key is the full address or the local
 * part, both also without a +tag, then the whole domain.  Called for each
 * RCPT and, for the way of a bounce, for each reverse-path.  Bounded in
 * depth, results and visits, since the tables may be wrong in every way.  It
 * knows no sessions and asks for local users only through the caller's
 * function.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "mail/address.h"
#include "mail/aliastext.h"
#include "mail/domain.h"
#include "alias.h"
#include "hash.h"

#define VISITS_MAX	4000
#define INCLUDES_MAX	8	/* within each other */

/* A list of targets, and whose it is. */
struct list {
	const char			*address;
	const char			*canonical;	/* its form to compare */
	const struct conf_action	*action;
	size_t				 depth;
	unsigned int			 nincludes;
};

static enum reply_id	expand(struct alias_expansion *, const char *, size_t,
			    const struct conf_action *, int);
static enum reply_id	expand_list(struct alias_expansion *,
			    const struct list *, const char *);

static enum reply_id
refuse(struct alias_expansion *x, const char *address, enum reply_id why)
{
	strlcpy(x->culprit, address, sizeof(x->culprit));
	return why;
}

static enum reply_id
add(struct alias_expansion *x, const struct conf_action *action,
    const char *address, const char *user)
{
	struct alias_result	*r;
	uint64_t		 hash = hash_string(address);
	size_t			 i;

	for (i = 0; i < x->nresults; i++) {
		r = &x->results[i];
		if (r->hash == hash && r->action == action &&
		    strcasecmp(r->recipient, address) == 0)
			return REPLY_OK;
	}
	if (x->nresults == ALIAS_RESULTS_MAX)
		return refuse(x, address, REPLY_ALIAS_LOOP);
	r = &x->results[x->nresults++];
	r->action = action;
	r->hash = hash;
	r->owner = x->owner;
	strlcpy(r->recipient, address, sizeof(r->recipient));
	strlcpy(r->user, user, sizeof(r->user));
	return REPLY_OK;
}

/* The Unix name an address means: lower case, without +tag.  -1: none. */
static int
user_name(const char *address, char *out, size_t outsize)
{
	char	local[MAILADDR_SIZE];
	size_t	i;
	char	c;

	if (address_local(address, local, sizeof(local)) == -1)
		return -1;
	for (i = 0; local[i] != '\0' && !(local[i] == '+' && i > 0); i++) {
		c = local[i];
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (i + 1 >= outsize || !((c >= 'a' && c <= 'z') ||
		    (c >= '0' && c <= '9') || c == '_' ||
		    (i > 0 && (c == '-' || c == '.'))))
			return -1;
		out[i] = c;
	}
	out[i] = '\0';
	return i > 0 ? 0 : -1;
}

/*
 * REPLY_OK also while it is not known: go on, so that all questions are under
 * way at once.  The last is waited for: by its answer those before it are
 * mostly there, or each name of a long list would cost an expansion of all.
 */
static enum reply_id
check_user(struct alias_expansion *x, const struct conf_action *action,
    const char *name)
{
	int	is = x->find_user(name, x->arg);

	if (is == -1)
		strlcpy(x->waits_for, name, sizeof(x->waits_for));
	if (is == POLICY_USER_LATER) {
		x->is_unsure = 1;
		return REPLY_TRY_LATER;
	}
	if (is == POLICY_USER_HOMELESS && action->is.needs_home)
		return REPLY_NO_MAILBOX;
	return is == POLICY_USER_NONE ? REPLY_NO_SUCH_USER : REPLY_OK;
}

static enum reply_id
add_local(struct alias_expansion *x, const struct list *l)
{
	const struct conf_action	*action = l->action;
	char				 name[NAME_SIZE];
	enum reply_id			 reply;

	if (action->is.user[0] != '\0')
		return add(x, action, l->canonical, action->is.user);
	if (user_name(l->canonical, name, sizeof(name)) == -1)
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	if (x->is_bounce)
		return add(x, action, l->canonical, name);
	if ((reply = check_user(x, action, name)) != REPLY_OK)
		return refuse(x, l->address, reply);
	return add(x, action, l->canonical, name);
}

/* What the local part alone means: keys without a domain.  Not for relays:
 * "bob" would be everybody's bob. */
static int
has_bare_keys(const struct conf_action *action)
{
	return action->is.is_local;
}

static const char *
find_key(const struct conf_action *action, const char *address)
{
	char		 local[MAILADDR_SIZE];
	const char	*value;

	if ((value = table_get(action->aliases, address)) != NULL ||
	    !has_bare_keys(action))
		return value;
	strlcpy(local, address, sizeof(local));
	local[address_domain(address) - 1 - address] = '\0';
	return table_get(action->aliases, local);
}

/*
 * The alias of an address itself; found is what has it: the address or the
 * address without its +tag, MAILADDR_SIZE bytes.
 */
static const char *
find_exact(const struct conf_action *action, const char *address, char *found)
{
	const char	*value;

	strlcpy(found, address, MAILADDR_SIZE);
	if ((value = find_key(action, address)) != NULL)
		return value;
	if (address_tagless(address, found, MAILADDR_SIZE) == -1)
		return NULL;
	return find_key(action, found);
}

static int
is_postmaster(const char *address)
{
	return strncasecmp(address, "postmaster@", 11) == 0;
}

/* Is there a Unix mailbox of its own, so that no catch-all takes it? */
static enum reply_id
check_mailbox(struct alias_expansion *x, const struct conf_action *action,
    const char *address)
{
	char	name[NAME_SIZE];

	if (!action->is.is_local || action->is.expand_only ||
	    action->is.user[0] != '\0' ||
	    user_name(address, name, sizeof(name)) == -1)
		return REPLY_NO_SUCH_USER;
	return check_user(x, action, name);
}

/*
 * For all that have neither alias nor mailbox.  REPLY_OK, and *found or NULL;
 * not known now: it must not get what may be another's mail.
 */
static enum reply_id
find_catch_all(struct alias_expansion *x, const struct list *l,
    const char **found)
{
	const struct table	*t = l->action->aliases;
	const char		*address = l->canonical, *value;
	enum reply_id		 reply;

	*found = NULL;
	if ((value = table_get(t, address_domain(address) - 1)) == NULL &&
	    (value = table_get(t, "*")) == NULL &&
	    /* RFC 5321 4.5.1: somebody reads it. */
	    (!is_postmaster(address) || !has_bare_keys(l->action) ||
	    (value = table_get(t, "root")) == NULL))
		return REPLY_OK;
	if ((reply = check_mailbox(x, l->action, address)) == REPLY_TRY_LATER)
		return refuse(x, l->address, reply);
	if (reply != REPLY_OK)
		*found = value;
	return REPLY_OK;
}

/*
 * RFC 5321 3.9.2: what a list sends comes from its owner, who gets the
 * bounces.  Never instead of the null reverse-path: that is a bounce itself.
 */
static enum reply_id
set_owner(struct alias_expansion *x, const struct conf_action *action,
    const char *address)
{
	char		owner[MAILADDR_SIZE], found[MAILADDR_SIZE];
	size_t		i;
	int		n;

	if (x->request.sender[0] == '\0' || *address == '"')
		return REPLY_OK;
	n = snprintf(owner, sizeof(owner), "owner-%s", address);
	if (n < 0 || (size_t)n >= sizeof(owner) ||
	    find_exact(action, owner, found) == NULL ||
	    strcmp(owner, found) != 0)
		return REPLY_OK;
	for (i = 0; owner[i] != '@'; i++)	/* as the table may have it */
		if (owner[i] >= 'A' && owner[i] <= 'Z')
			owner[i] += 'a' - 'A';
	for (i = 0; i < x->nowners; i++)
		if (strcasecmp(x->owners[i], owner) == 0)
			break;
	if (i == ALIAS_OWNERS_MAX)
		return refuse(x, address, REPLY_ALIAS_LOOP);
	if (i == x->nowners)
		strlcpy(x->owners[x->nowners++], owner, sizeof(owner));
	x->owner = (uint32_t)i + 1;
	return REPLY_OK;
}

/* "bob" behind an alias: bob of the same domain; but a domain without
 * mailboxes means bob of this host. */
static enum reply_id
expand_name(struct alias_expansion *x, const struct list *l,
    const char *name, int is_final)
{
	const struct conf_action	*action = l->action;
	char				 full[MAILADDR_SIZE];
	struct rules_request		 request = x->request;
	int				 n;

	n = snprintf(full, sizeof(full), "%s@%s", name,
	    action->is.expand_only ? x->conf->limits.hostname :
	    address_domain(l->address));
	if (n < 0 || (size_t)n >= sizeof(full))
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	if (action->is.expand_only) {
		request.is_alias = 1;
		/* "from auth for any" would send it away. */
		if (rules_match(x->conf, &request, full, &action) !=
		    REPLY_OK || !action->is.is_local ||
		    action->is.expand_only)
			action = rules_find_mailboxes(x->conf);
		if (action == NULL)
			return refuse(x, full, REPLY_NO_SUCH_USER);
	}
	if (strcasecmp(full, l->address) == 0)
		is_final = 1;
	return expand(x, full, l->depth + 1, action, is_final);
}

static enum reply_id
expand_domain(struct alias_expansion *x, const struct list *l,
    const char *domain)
{
	char	full[MAILADDR_SIZE];
	int	n;

	n = snprintf(full, sizeof(full), "%.*s%s",
	    (int)(address_domain(l->address) - 1 - l->address), l->address,
	    domain);
	if (n < 0 || (size_t)n >= sizeof(full))
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	return expand(x, full, l->depth + 1, NULL,
	    strcasecmp(full, l->address) == 0);
}

/* A file that could not be read is there again tomorrow. */
static enum reply_id
expand_include(struct alias_expansion *x, const struct list *l,
    const char *path)
{
	struct list	 inner = *l;
	const char	*text;

	if (++inner.nincludes > INCLUDES_MAX || ++x->visits > VISITS_MAX)
		return refuse(x, l->address, REPLY_ALIAS_LOOP);
	if ((text = conf_find_include(x->conf, path)) == NULL) {
		log_warnx("alias of %s: %s is not there: see smtpsd -n",
		    log_vis(l->address), log_vis(path));
		return refuse(x, l->address, REPLY_TRY_LATER);
	}
	return expand_list(x, &inner, text);
}

/* What an included file says others may have written. */
static enum reply_id
expand_program(struct alias_expansion *x, const struct list *l,
    const struct alias_target *t)
{
	const struct conf_action	*action = NULL;

	if (l->nincludes == 0)
		action = conf_find_target(x->conf, l->action,
		    t->kind == ALIAS_FILE ? TARGET_FILE : TARGET_COMMAND,
		    t->text);
	if (action == NULL) {
		log_warnx("alias of %s: no %s %s: see smtpsd -n",
		    log_vis(l->address), t->kind == ALIAS_FILE ? "file" :
		    "command", log_vis(t->text));
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	}
	if (++x->visits > VISITS_MAX)
		return refuse(x, l->address, REPLY_ALIAS_LOOP);
	x->ntargets++;
	return add(x, action, l->canonical, action->is.user);
}

static enum reply_id
expand_target(struct alias_expansion *x, const struct list *l,
    const struct alias_target *t)
{
	switch (t->kind) {
	case ALIAS_NAME:
		return expand_name(x, l, t->text, t->is_final);
	case ALIAS_ADDRESS:
		/* "bob: bob, carol@..." keeps a copy in bob's own mailbox. */
		return expand(x, t->text, l->depth + 1, NULL, t->is_final ||
		    strcasecmp(t->text, l->address) == 0);
	case ALIAS_DOMAIN:
		return expand_domain(x, l, t->text);
	case ALIAS_INCLUDE:
		return expand_include(x, l, t->text);
	case ALIAS_COMMAND:
	case ALIAS_FILE:
		return expand_program(x, l, t);
	default:
		log_warnx("alias of %s: %s is no target",
		    log_vis(l->address), log_vis(t->text));
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	}
}

static enum reply_id
expand_list(struct alias_expansion *x, const struct list *l, const char *text)
{
	struct alias_target	 t;
	enum reply_id		 reply;

	while (aliastext_next(&text, &t))
		if ((reply = expand_target(x, l, &t)) != REPLY_OK)
			return reply;
	return REPLY_OK;
}

static enum reply_id
expand_alias(struct alias_expansion *x, const struct list *l,
    const char *text, const char *found)
{
	uint32_t	owner = x->owner;
	size_t		before = x->ntargets;
	enum reply_id	reply;

	if (*found != '\0' &&
	    (reply = set_owner(x, l->action, found)) != REPLY_OK)
		return reply;
	reply = expand_list(x, l, text);
	x->owner = owner;
	if (reply == REPLY_OK && x->ntargets == before)
		return refuse(x, l->address, REPLY_NO_SUCH_USER);
	return reply;
}

static int
is_loop(const struct alias_expansion *x, const char *address, size_t depth)
{
	size_t	i;

	for (i = 0; i < depth; i++)
		if (strcasecmp(x->chain[i], address) == 0)
			return 1;
	return 0;
}

/*
 * Nothing stands for it in the table, or nothing may.  Both forms of a domain
 * are one mailbox: %{dest.domain} is in A-labels.  To other hosts an address
 * goes as it came.
 */
static enum reply_id
expand_no_more(struct alias_expansion *x, const struct list *l)
{
	if (l->action->is.expand_only)
		return is_postmaster(l->address) ?
		    expand_name(x, l, "postmaster", 0) :
		    refuse(x, l->address, REPLY_NO_SUCH_USER);
	if (!l->action->is.is_local)
		return add(x, l->action, l->address, "");
	return add_local(x, l);
}

/*
 * domain_try_canonical() for a target: most of a long list are in one domain,
 * and to convert it is most of the work.
 */
static const char *
canonical(struct alias_expansion *x, const char *address, char *room)
{
	const char	*domain = address_domain(address), *form;

	if (domain != NULL && strcmp(domain, x->domain) == 0) {
		memcpy(room, address, (size_t)(domain - address));
		room[domain - address] = '\0';
		if (strlcat(room, x->domain_form, MAILADDR_SIZE) <
		    MAILADDR_SIZE)
			return room;
	}
	form = domain_try_canonical(address, room, MAILADDR_SIZE);
	if (form == room) {
		strlcpy(x->domain, domain, sizeof(x->domain));
		strlcpy(x->domain_form, address_domain(room),
		    sizeof(x->domain_form));
	}
	return form;
}

/* action NULL: the rules say; a bare name stays with that of its alias. */
static enum reply_id
expand(struct alias_expansion *x, const char *address, size_t depth,
    const struct conf_action *action, int is_final)
{
	struct rules_request	 request = x->request;
	char			 room[MAILADDR_SIZE], found[MAILADDR_SIZE] = "";
	struct list		 l = { address, NULL, NULL, depth, 0 };
	const char		*text = NULL;
	enum reply_id		 reply;

	x->ntargets++;
	if (depth >= ALIAS_DEPTH_MAX || ++x->visits > VISITS_MAX ||
	    (!is_final && is_loop(x, address, depth)))
		return refuse(x, address, REPLY_ALIAS_LOOP);
	x->chain[depth] = address;
	request.is_alias = depth > 0;
	if ((l.canonical = canonical(x, address, room)) == NULL)
		return refuse(x, address, REPLY_TRY_LATER);
	if (action == NULL && (reply = rules_match(x->conf, &request,
	    l.canonical, &action)) != REPLY_OK)
		return refuse(x, address, reply);
	l.action = action;
	if (!is_final && action->aliases != NULL &&
	    (text = find_exact(action, l.canonical, found)) == NULL) {
		reply = find_catch_all(x, &l, &text);
		if (reply != REPLY_OK)
			return reply;
		found[0] = '\0';
	}
	if (text == NULL)
		return expand_no_more(x, &l);
	return expand_alias(x, &l, text, found);
}

enum reply_id
alias_expand(struct alias_expansion *x, const char *recipient)
{
	char		full[MAILADDR_SIZE], room[MAILADDR_SIZE];
	const char	*sender = x->request.sender;
	enum reply_id	reply;
	int		n;

	x->nresults = 0;
	x->nowners = 0;
	x->owner = 0;
	x->ntargets = 0;
	x->visits = 0;
	x->waits_for[0] = x->culprit[0] = '\0';
	x->is_unsure = 0;
	/* RFC 5321 4.1.1.3: <postmaster> without a domain is this host's. */
	n = snprintf(full, sizeof(full), "%s%s%s", recipient,
	    address_domain(recipient) == NULL ? "@" : "",
	    address_domain(recipient) == NULL ? x->conf->limits.hostname : "");
	if (n < 0 || (size_t)n >= sizeof(full))
		return REPLY_BAD_RCPT;
	/* Once, not for each rule and target: it is what a stranger chose. */
	x->request.sender = domain_try_canonical(sender, room, sizeof(room));
	if (x->request.sender == NULL) {
		x->request.sender = sender;
		return refuse(x, sender, REPLY_TRY_LATER);
	}
	reply = expand(x, full, 0, NULL, 0);
	x->request.sender = sender;
	if (reply == REPLY_OK && x->waits_for[0] != '\0')
		return REPLY_NONE;
	return reply;
}
