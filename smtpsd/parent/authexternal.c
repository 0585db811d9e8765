/*
 * EXTERNAL (RFC 4422 appendix A): who a client certificate makes its holder.
 *
 * Called by authenticate.c through attempt.h.  That a client showed this
 * certificate, and proved to have its key, is net's word; what name it stands
 * for is looked up here, in the listener's table.  There is no secret in it,
 * so nothing has to take the same time.  State: none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "authusers.h"
#include "conf.h"
#include "mail/table.h"
#include "mail/usersfile.h"
#include "parent.h"

/* The next of the strings in a tail, of which only the last has no NUL. */
static const char *
next_string(const char **s, const char *end)
{
	const char	*at = *s, *nul;

	if ((nul = memchr(at, '\0', (size_t)(end - at))) == NULL)
		return NULL;
	*s = nul + 1;
	return at;
}

/* A subject only counts where somebody vouches for it. */
static const char *
find_login(const struct conf_listener *l, const char *hash,
    const char *subject)
{
	char		 quoted[AUTH_TAIL_MAX + 4];
	const char	*login;

	if (l->certs == NULL)
		return NULL;
	if ((login = table_get(l->certs, hash)) != NULL)
		return login;
	if (l->ca_pem == NULL || subject[0] == '\0')
		return NULL;
	snprintf(quoted, sizeof(quoted), "\"%s\"", subject);
	return table_get(l->certs, quoted);
}

/* Sets login and user, or gives the flaw. */
static const char *
map(struct attempt *a, const struct conf_listener *l, const char *tail,
    size_t size)
{
	char		 subject[AUTH_TAIL_MAX + 1];
	const char	*end = tail + size, *authzid, *hash, *login;

	if ((authzid = next_string(&tail, end)) == NULL ||
	    (hash = next_string(&tail, end)) == NULL ||
	    strncmp(hash, "SHA256:", 7) != 0 ||
	    memchr(tail, '\0', (size_t)(end - tail)) != NULL)
		return "malformed";
	memcpy(subject, tail, (size_t)(end - tail));
	subject[end - tail] = '\0';
	/* Until it has a name, back-off and log know it by this one. */
	strlcpy(a->login, hash, sizeof(a->login));
	if ((login = find_login(l, hash, subject)) == NULL)
		return "unknown-certificate";
	strlcpy(a->login, login, sizeof(a->login));
	if (authzid[0] != '\0' && strcmp(authzid, login) != 0)
		return "acting-for-another-user";
	return NULL;
}

/* Nothing to ask the client back: 0 is "no challenge". */
static int
open_external(struct attempt *a, const struct conf_listener *l,
    const char *in, size_t insize, char *out, size_t outsize)
{
	(void)out;
	(void)outsize;
	if (insize == 0 || insize > AUTH_TAIL_MAX)
		a->flaw = "malformed";
	else if ((a->data = malloc(insize)) == NULL)
		return -1;
	else {
		memcpy(a->data, in, insize);
		a->data_size = insize;
		/* For the name alone, by which back-off knows it. */
		(void)map(a, l, a->data, a->data_size);
	}
	return 0;
}

static void
prepare(struct attempt *a, const struct conf_listener *l)
{
	(void)l;
	/* Never equal to another one's. */
	arc4random_buf(a->mac, sizeof(a->mac));
}

/* Who has no line among the users any more has no certificate either. */
static const char *
identify(struct attempt *a, const struct conf_listener *l)
{
	const struct user	*user;

	if (l->users == NULL || l->users->users == NULL)
		strlcpy(a->user, a->login, sizeof(a->user));
	else if ((user = users_find_live(l->users->users, a->login)) == NULL)
		return "unknown-user";
	else
		authusers_identity(a, user);
	return a->flaw;
}

/* It may have waited for its turn: what counts is the table now. */
static int
start(struct attempt *a)
{
	const struct conf_listener	*l;
	const char			*why = a->flaw;

	if ((l = conf_listener_by_id(parent_conf(), a->listener)) == NULL)
		return -1;
	if (why == NULL)
		why = map(a, l, a->data, a->data_size);
	if (why == NULL)
		why = identify(a, l);
	authenticate_verdict(a->request, why == NULL ? VERDICT_GOOD :
	    VERDICT_BAD, why);
	return 0;
}

const struct auth_backend *
authexternal_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "external", .open = open_external, .prepare = prepare,
		.start = start
	};

	return &backend;
}
