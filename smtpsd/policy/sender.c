/*
 * Decides whether an authenticated user may use a reverse-path; called for
 * each MAIL of such a session.  Pure lookups, no state, no memory.  Whether
 * the session is authenticated is not its business (session.c).
 */
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/domain.h"
#include "sender.h"

#define SEPARATORS	", \t\r\n"

static int
is_same(const char *a, size_t asize, const char *b)
{
	return strlen(b) == asize && strncasecmp(a, b, asize) == 0;
}

/* "user+*@domain" of size bytes against an address. */
static int
match_tagged(const char *item, size_t size, const char *star,
    const char *sender, const char *domain)
{
	size_t	user = star - item;		/* bytes before the '+' */
	size_t	local = domain - 1 - sender;	/* of the sender's local part */

	if (!is_same(star + 3, size - user - 3, domain))
		return 0;
	return local >= user && strncasecmp(item, sender, user) == 0 &&
	    (local == user || sender[user] == '+');
}

static int
match_item(const char *item, size_t size, const char *sender,
    const char *domain)
{
	char		 key[MAILADDR_SIZE], form[MAILADDR_SIZE];
	const char	*star;

	/* The sender is in its canonical form, the table as it was written. */
	if (size < sizeof(key)) {
		memcpy(key, item, size);
		key[size] = '\0';
		if (domain_key_form(key, form, sizeof(form)) == 0) {
			item = form;
			size = strlen(form);
		}
	}

	if (size == 1 && *item == '*')
		return 1;
	if (*item == '@')
		return is_same(item + 1, size - 1, domain);
	if (memchr(item, '@', size) == NULL)
		return is_same(item, size, domain);
	if ((star = memmem(item, size, "+*@", 3)) != NULL && star != item)
		return match_tagged(item, size, star, sender, domain);
	return is_same(item, size, sender);
}

static int
match_list(const char *list, const char *sender, const char *domain)
{
	size_t	size;

	for (;;) {
		list += strspn(list, SEPARATORS);
		if ((size = strcspn(list, SEPARATORS)) == 0)
			return 0;
		if (match_item(list, size, sender, domain))
			return 1;
		list += size;
	}
}

static int
is_own_domain(const struct conf *conf, const char *domain)
{
	const struct conf_rule	*rule;
	size_t			 i;

	if (conf_is_local_domain(conf, domain))
		return 1;
	for (i = 0; i < conf->nrules; i++) {
		rule = &conf->rules[i];
		if (rule->is.to == FOR_DOMAIN && rule->action != NULL &&
		    rule->action->is.is_local &&
		    !rule->action->is.expand_only &&
		    table_has_domain(rule->to, domain))
			return 1;
	}
	return 0;
}

int
sender_is_allowed(const struct conf *conf, const struct conf_listener *listener,
    const char *user, const char *written)
{
	char		 room[MAILADDR_SIZE], login[MAILADDR_SIZE];
	const char	*sender = domain_canonical(written, room,
			    sizeof(room));
	const char	*domain = address_domain(sender);
	const char	*list;

	if (sender[0] == '\0')
		return 1;
	if (domain == NULL)
		return 0;
	if (listener->senders != NULL) {
		list = table_get(listener->senders, user);
		return list != NULL && match_list(list, sender, domain);
	}
	if (strchr(user, '@') != NULL)
		return strcasecmp(domain_canonical(user, login,
		    sizeof(login)), sender) == 0;
	return is_same(sender, domain - 1 - sender, user) &&
	    is_own_domain(conf, domain);
}

int
sender_is_in_scope(const char *scope, const char *written)
{
	static const char	 null[] = "<>";
	char			 room[MAILADDR_SIZE];
	const char		*sender = domain_canonical(written, room,
				    sizeof(room));
	const char		*domain = address_domain(sender);

	if (scope == NULL)
		return 1;
	if (sender[0] == '\0')
		return match_list(scope, null, null);
	return domain != NULL && match_list(scope, sender, domain);
}
