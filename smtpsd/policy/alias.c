/*
 * Expands a recipient: match it, and if the action is local and has an alias
 * table, expand the targets the same way.  An alias key is the full address
 * or the local part; user+tag falls back to user.  Called for each RCPT and,
 * for the way of a bounce, for each reverse-path.  Bounded in depth, results
 * and visits, since the tables may be wrong in every way.  It knows no
 * sessions and asks for local users only through the caller's function.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "mail/address.h"
#include "alias.h"
#include "hash.h"

#define VISITS_MAX	4000

static enum reply_id	expand(struct alias_expansion *, const char *, size_t,
			    const struct conf_action *, int);

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

static enum reply_id
add_local(struct alias_expansion *x, const struct conf_action *action,
    const char *address)
{
	char	name[NAME_SIZE];
	int	exists;

	if (action->is.user[0] != '\0')
		return add(x, action, address, action->is.user);
	if (user_name(address, name, sizeof(name)) == -1)
		return refuse(x, address, REPLY_NO_SUCH_USER);
	if ((exists = x->exists(name, x->arg)) == 0)
		return refuse(x, address, REPLY_NO_SUCH_USER);
	/* Go on, so that all questions are under way at once. */
	if (exists == -1 && x->waits_for[0] == '\0')
		strlcpy(x->waits_for, name, sizeof(x->waits_for));
	return add(x, action, address, name);
}

static const char *
find_alias(const struct table *aliases, const char *address)
{
	char		 key[MAILADDR_SIZE];
	const char	*at, *plus, *value;
	size_t		 local;

	if ((value = table_get(aliases, address)) != NULL)
		return value;
	at = address_domain(address) - 1;
	local = at - address;
	snprintf(key, sizeof(key), "%.*s", (int)local, address);
	if ((value = table_get(aliases, key)) != NULL)
		return value;
	plus = memchr(address, '+', local);
	if (plus == NULL || plus == address || *address == '"')
		return NULL;
	snprintf(key, sizeof(key), "%.*s%s", (int)(plus - address), address,
	    at);
	if ((value = table_get(aliases, key)) != NULL)
		return value;
	key[plus - address] = '\0';
	return table_get(aliases, key);
}

/* The next target in a list; its length, and *list behind it. 0: no more. */
static size_t
next_target(const char **list, const char **target)
{
	const char	*p = *list + strspn(*list, ", \t\r\n");
	int		 is_quoted = 0;

	*target = p;
	for (; *p != '\0' && (is_quoted || strchr(", \t\r\n", *p) == NULL);
	    p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && *p == '\\' && p[1] != '\0')
			p++;
	}
	*list = p;
	return p - *target;
}

/* Target text to an address; a bare name is one of the same domain. */
static int
parse_target(const char *text, size_t size, const char *domain, char *out,
    size_t outsize, int *is_bare)
{
	char	buf[2 * MAILADDR_SIZE];
	int	n;

	if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
		text++;
		size -= 2;
	}
	if (size == 0 || size >= MAILADDR_SIZE || *text == '|' ||
	    *text == '/' || *text == ':')
		return -1;
	*is_bare = memrchr(text, '@', size) == NULL;
	if (!*is_bare)
		n = snprintf(buf, sizeof(buf), "%.*s", (int)size, text);
	else
		n = snprintf(buf, sizeof(buf), "%.*s@%s", (int)size, text,
		    domain);
	if (n < 0 || (size_t)n >= sizeof(buf))
		return -1;
	return address_parse(buf, ADDRESS_UTF8, out, outsize);
}

static enum reply_id
expand_target(struct alias_expansion *x, const char *text, size_t size,
    const char *address, size_t depth, const struct conf_action *action)
{
	char	target[MAILADDR_SIZE];
	int	is_final = 0, is_bare = 0;
	size_t	i;

	/* "\user": this mailbox, aliases or not. */
	if (size > 1 && *text == '\\') {
		is_final = 1;
		text++;
		size--;
	}
	if (parse_target(text, size, address_domain(address), target,
	    sizeof(target), &is_bare) == -1) {
		snprintf(target, sizeof(target), "%.*s",
		    size > 300 ? 300 : (int)size, text);
		log_warnx("alias of %s: target %s is not supported",
		    log_vis(address), log_vis(target));
		return refuse(x, address, REPLY_NO_SUCH_USER);
	}
	/* "bob: bob, carol@..." keeps a copy in bob's own mailbox. */
	if (strcasecmp(target, address) == 0)
		is_final = 1;
	for (i = 0; !is_final && i <= depth; i++)
		if (strcasecmp(x->chain[i], target) == 0)
			return refuse(x, target, REPLY_ALIAS_LOOP);
	return expand(x, target, depth + 1, is_bare ? action : NULL, is_final);
}

/* action NULL: the rules say; a bare name stays with that of its alias. */
static enum reply_id
expand(struct alias_expansion *x, const char *address, size_t depth,
    const struct conf_action *action, int is_final)
{
	struct rules_request	 request = x->request;
	const char		*list = NULL, *target;
	enum reply_id		 reply;
	size_t			 size, n = 0;

	if (depth >= ALIAS_DEPTH_MAX || ++x->visits > VISITS_MAX)
		return refuse(x, address, REPLY_ALIAS_LOOP);
	x->chain[depth] = address;
	request.is_alias = depth > 0;
	if (action == NULL && (reply = rules_match(x->conf, &request, address,
	    &action)) != REPLY_OK)
		return refuse(x, address, reply);
	if (!action->is.is_local)
		return add(x, action, address, "");
	if (!is_final && action->aliases != NULL)
		list = find_alias(action->aliases, address);
	if (list == NULL)
		return add_local(x, action, address);
	while ((size = next_target(&list, &target)) > 0) {
		n++;
		reply = expand_target(x, target, size, address, depth,
		    action);
		if (reply != REPLY_OK)
			return reply;
	}
	if (n == 0)
		return refuse(x, address, REPLY_NO_SUCH_USER);
	return REPLY_OK;
}

enum reply_id
alias_expand(struct alias_expansion *x, const char *recipient)
{
	char		full[MAILADDR_SIZE];
	enum reply_id	reply;
	int		n;

	x->nresults = 0;
	x->visits = 0;
	x->waits_for[0] = x->culprit[0] = '\0';
	/* RFC 5321 4.1.1.3: <postmaster> without a domain is this host's. */
	n = snprintf(full, sizeof(full), "%s%s%s", recipient,
	    address_domain(recipient) == NULL ? "@" : "",
	    address_domain(recipient) == NULL ? x->conf->limits.hostname : "");
	if (n < 0 || (size_t)n >= sizeof(full))
		return REPLY_BAD_RCPT;
	reply = expand(x, full, 0, NULL, 0);
	if (reply == REPLY_OK && x->waits_for[0] != '\0')
		return REPLY_NONE;
	return reply;
}
