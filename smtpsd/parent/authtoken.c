/*
 * OAUTHBEARER and XOAUTH2: access tokens that an issuer signed.
 *
 * Called by authenticate.c through attempt.h, and by authwork.c with results.
 * oauth.c takes the client's message apart; the token is checked by an auth
 * worker, which gets with it what it must say and the issuer's keys.  Until
 * it is proved, nobody knows whose a token is: where the client names no user
 * the log and the back-off know the attempt by a keyed hash of the token.
 * State: none, a token waits in its attempt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attempt.h"
#include "authtoken.h"
#include "authwork.h"
#include "base/link.h"
#include "conf.h"
#include "mail/usersfile.h"
#include "oauth.h"
#include "parent.h"

struct held {
	char	user[LOGIN_SIZE];	/* who it must be; "": anybody */
	size_t	size;
	char	token[];		/* with a NUL */
};

/* No name of a user has a colon in it. */
static void
name_by_hash(struct attempt *a, const char *token)
{
	uint8_t	 mac[MEMO_MAC_SIZE];

	memo_mac(mac, "token-name", token, NULL);
	snprintf(a->login, sizeof(a->login), "token:%02x%02x%02x%02x%02x%02x",
	    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const char *
hold(struct attempt *a, const struct oauth *o)
{
	struct held	*h;
	size_t		 size = sizeof(*h) + o->token_size + 1;

	if ((h = calloc(1, size)) == NULL)
		return "no-memory";
	strlcpy(h->user, o->user, sizeof(h->user));
	h->size = o->token_size;
	memcpy(h->token, o->token, o->token_size);
	a->data = h;
	a->data_size = size;
	return NULL;
}

/* Nothing to ask the client back: 0 is "no challenge". */
static int
open_token(struct attempt *a, const struct conf_listener *l, const char *in,
    size_t insize, char *out, size_t outsize)
{
	struct oauth	 o;

	(void)l;
	(void)out;
	(void)outsize;
	a->flaw = a->mechanism == AUTH_XOAUTH2 ?
	    oauth_parse_xoauth2(&o, in, insize) :
	    oauth_parse_bearer(&o, in, insize);
	if (o.user[0] != '\0')
		strlcpy(a->login, o.user, sizeof(a->login));
	else
		name_by_hash(a, o.token);
	if (a->flaw == NULL)
		a->flaw = hold(a, &o);
	explicit_bzero(&o, sizeof(o));
	return 0;
}

/* The same token at the same time is checked once. */
static void
prepare(struct attempt *a, const struct conf_listener *l)
{
	const struct held	*h = a->data;

	if (a->flaw == NULL && l->token != NULL)
		memo_mac(a->mac, "token", l->token->name, h->token);
	else
		arc4random_buf(a->mac, sizeof(a->mac));
}

static int
start(struct attempt *a)
{
	const struct conf_listener	*l;
	const struct conf_token		*t;
	const struct held		*h = a->data;
	struct parent_auth_token	 m = { 0 };
	int				 rc;

	if (a->flaw != NULL) {
		authenticate_verdict(a->request, VERDICT_BAD, a->flaw);
		return 0;
	}
	/* A reload may have changed it while this one waited. */
	if ((l = conf_listener_by_id(parent_conf(), a->listener)) == NULL ||
	    (t = l->token) == NULL)
		return -1;
	m.request = a->request;
	m.now_s = time(NULL);
	m.claim = t->claim;
	m.token_size = (uint32_t)h->size;
	strlcpy(m.issuer, t->issuer, sizeof(m.issuer));
	strlcpy(m.audience, t->audience, sizeof(m.audience));
	strlcpy(m.user, h->user, sizeof(m.user));
	rc = authwork_submit_token(&m, h->token, t->keys, t->keys_size);
	freezero(a->data, a->data_size);
	a->data = NULL;
	return rc;
}

/* Reasons stay for one call. */
static const char *
clean_reason(const char *reason)
{
	static char	 clean[NAME_SIZE];

	strlcpy(clean, reason, sizeof(clean));
	if (clean[0] == '\0' || clean[strspn(clean,
	    "abcdefghijklmnopqrstuvwxyz-")] != '\0')
		return "refused";
	return clean;
}

int
authtoken_on_result(const struct auth_parent_token_done *m)
{
	/* No token is good for ever. */
	if (m->is_good && (!users_name_ok(m->user) || m->until_s <= 0))
		return -1;
	if (m->is_good)
		authenticate_verdict_as(m->request, m->user, m->until_s);
	else
		authenticate_verdict(m->request, VERDICT_BAD,
		    clean_reason(m->reason));
	return 0;
}

/* RFC 7628 section 3.2.2; what is wrong with it stands only in the log. */
const struct auth_backend *
authtoken_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "token", .names_user = 1,
		.refusal = "{\"status\":\"invalid_token\",\"scope\":\"\"}",
		.open = open_token, .prepare = prepare, .start = start
	};

	return &backend;
}
