/*
 * Decides whether an authenticated user may use a reverse-path; called for
 * each MAIL of such a session.  Pure lookups, no state: lists are brought into
 * the form that is compared when they come, not with each look-up, because a
 * header may name hundreds of addresses.  Whether the session is authenticated
 * is not its business (session.c).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/domain.h"
#include "login.h"
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
	const char	*star;

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
	const char	*sender, *domain, *list;
	int		 is_listed;

	if (written[0] == '\0')
		return 1;
	sender = domain_try_canonical(written, room, sizeof(room));
	if (sender == NULL)
		return -1;
	if ((domain = address_domain(sender)) == NULL)
		return 0;
	if (listener->senders != NULL) {
		is_listed = login_find(listener->senders, user, &list);
		return is_listed == 1 ? match_list(list, sender, domain) :
		    is_listed;
	}
	if (strchr(user, '@') != NULL) {
		user = domain_try_canonical(user, login, sizeof(login));
		return user == NULL ? -1 : strcasecmp(user, sender) == 0;
	}
	return is_same(sender, domain - 1 - sender, user) &&
	    is_own_domain(conf, domain);
}

static int
is_in_scope(const char *scope, const char *written)
{
	static const char	 null[] = "<>";
	char			 room[MAILADDR_SIZE];
	const char		*sender, *domain;

	if (scope == NULL)
		return 1;
	if (written[0] == '\0')
		return match_list(scope, null, null);
	sender = domain_try_canonical(written, room, sizeof(room));
	if (sender == NULL)
		return -1;
	domain = address_domain(sender);
	return domain != NULL && match_list(scope, sender, domain);
}

int
sender_check(const struct conf *conf, const struct conf_listener *listener,
    const char *user, const char *scope, const char *sender)
{
	int	is = is_in_scope(scope, sender);

	return is == 1 ? sender_is_allowed(conf, listener, user, sender) : is;
}

/* The item in the form that is compared, out or itself; NULL: no memory. */
static const char *
item_form(const char *item, size_t *size, char out[MAILADDR_SIZE])
{
	char	key[MAILADDR_SIZE];

	if (*size >= sizeof(key))
		return item;
	memcpy(key, item, *size);
	key[*size] = '\0';
	switch (domain_key_form(key, out, MAILADDR_SIZE)) {
	case 0:
		*size = strlen(out);
		return out;
	case DOMAIN_NO_MEMORY:
		return NULL;
	default:
		return item;
	}
}

/* Writes to out unless it is NULL; bytes with the NUL, 0: no memory. */
static size_t
write_list(const char *list, char *out)
{
	char		 room[MAILADDR_SIZE];
	const char	*form;
	size_t		 n, size, used = 0;

	for (;; list += n) {
		list += strspn(list, SEPARATORS);
		if ((n = strcspn(list, SEPARATORS)) == 0)
			break;
		size = n;
		if ((form = item_form(list, &size, room)) == NULL)
			return 0;
		if (out != NULL) {
			memcpy(out + used, form, size);
			out[used + size] = ',';
		}
		used += size + 1;
	}
	if (out != NULL)
		out[used] = '\0';
	return used + 1;
}

int
sender_list_form(const char *list, char **out)
{
	const char	*s;
	size_t		 size;

	for (s = list; *s != '\0' && (unsigned char)*s < 0x80; s++)
		;
	if (*s == '\0' && strcasestr(list, "[IPv6:") == NULL)
		return -1;
	if ((size = write_list(list, NULL)) == 0 ||
	    (*out = malloc(size)) == NULL)
		return DOMAIN_NO_MEMORY;
	if (write_list(list, *out) == size)
		return 0;
	free(*out);
	return DOMAIN_NO_MEMORY;
}
