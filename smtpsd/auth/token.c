/*
 * Is this token good, and whose is it?  Called from the loop for each TOKEN
 * of the parent, which brings what the token must say and the keys of its
 * issuer; nothing is kept.  The order is fixed: form, header, signature, and
 * only then what it claims.  A token is as good as a password: it is wiped
 * and never logged, and what it holds leaves only as the name of the user.
 */
#include "token.h"

#include <string.h>
#include <strings.h>

#include "base/link.h"
#include "json.h"
#include "jws.h"
#include "mail/usersfile.h"
#include "proto/parent_auth.h"

#define SECONDS_MAX	1e12	/* of a date that can be meant */
#define PART_MAX	(TOKEN_MAX / 4 * 3 + 3)

/* The three parts of a token, as they stand in it. */
struct parts {
	const char	*header, *payload, *signature;
	size_t		 header_size, payload_size, signature_size;
};

static int
split(const char *token, size_t size, struct parts *p)
{
	const char *end = token + size, *dot;

	if (size > TOKEN_MAX ||
	    (dot = memchr(token, '.', size)) == NULL)
		return -1;
	p->header = token;
	p->header_size = (size_t)(dot - token);
	p->payload = dot + 1;
	if ((dot = memchr(p->payload, '.', (size_t)(end - p->payload))) == NULL)
		return -1;
	p->payload_size = (size_t)(dot - p->payload);
	p->signature = dot + 1;
	p->signature_size = (size_t)(end - p->signature);
	return p->header_size == 0 || p->payload_size == 0 ||
	    p->signature_size == 0 ||
	    memchr(p->signature, '.', p->signature_size) != NULL ? -1 : 0;
}

static json_t *
read_part(const char *part, size_t size)
{
	uint8_t buf[PART_MAX];
	json_t *json = NULL;
	int n;

	if ((n = jws_decode(part, size, buf, sizeof(buf))) > 0)
		json = json_object_read((const char *)buf, (size_t)n);
	explicit_bzero(buf, sizeof(buf));
	return json;
}

/* NULL if it is missing or no string. */
static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* RFC 9068 2.1, and the older "JWT". */
static int
is_type(const char *typ)
{
	return typ != NULL && (strcasecmp(typ, "at+jwt") == 0 ||
	    strcasecmp(typ, "application/at+jwt") == 0 ||
	    strcasecmp(typ, "JWT") == 0);
}

static const char *
check_signature(const struct parts *p, const json_t *header,
    const struct jws_keys *keys)
{
	const json_t *kid = json_object_get(header, "kid");
	const char *alg = text_of(header, "alg");
	uint8_t sig[PART_MAX];
	enum jws_alg a;
	int n, ok;

	if (!is_type(text_of(header, "typ")))
		return "token-type";
	/* RFC 7515 4.1.11: none of these is understood. */
	if (json_object_get(header, "crit") != NULL)
		return "critical-header";
	if (alg == NULL || (a = jws_alg(alg)) == JWS_NONE)
		return "algorithm";
	if (kid != NULL && !json_is_string(kid))
		return "malformed";
	if ((n = jws_decode(p->signature, p->signature_size, sig,
	    sizeof(sig))) < 1)
		return "malformed";
	ok = jws_verify(keys, a, json_string_value(kid), p->header,
	    p->header_size + 1 + p->payload_size, sig, (size_t)n);
	explicit_bzero(sig, sizeof(sig));
	return ok ? NULL : "signature";
}

/* 1: there, and a date that can be; 0: not there; -1: something else. */
static int
date_of(const json_t *claims, const char *name, double *out)
{
	const json_t *value = json_object_get(claims, name);

	if (value == NULL)
		return 0;
	if (!json_is_number(value))
		return -1;
	*out = json_number_value(value);
	return *out >= 0 && *out <= SECONDS_MAX ? 1 : -1;
}

static const char *
check_dates(const json_t *claims, int64_t now_s, int64_t *until_s)
{
	double exp = 0, nbf = 0, iat = 0, now = (double)now_s;
	int has_exp = date_of(claims, "exp", &exp);
	int has_nbf = date_of(claims, "nbf", &nbf);
	int has_iat = date_of(claims, "iat", &iat);

	if (has_exp == 0)
		return "no-expiry";
	if (has_exp == -1 || has_nbf == -1 || has_iat == -1)
		return "malformed";
	if (now >= exp + TOKEN_LEEWAY_S)
		return "expired";
	if (has_nbf && nbf > now + TOKEN_LEEWAY_S)
		return "not-yet-valid";
	if (has_iat && (iat > now + TOKEN_LEEWAY_S || iat > exp))
		return "issued-in-future";
	*until_s = (int64_t)exp + TOKEN_LEEWAY_S;
	return NULL;
}

/* RFC 7519 4.1.3: one string, or several. */
static int
is_for(const json_t *aud, const char *us)
{
	const char *one;
	size_t i;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), us) == 0;
	for (i = 0; i < json_array_size(aud); i++) {
		one = json_string_value(json_array_get(aud, i));
		if (one != NULL && strcmp(one, us) == 0)
			return 1;
	}
	return 0;
}

static const char *
find_user(const json_t *claims, const struct token_want *want,
    const char **user)
{
	static const char *const names[] = { NULL, [CLAIM_SUB] = "sub",
	    [CLAIM_EMAIL] = "email",
	    [CLAIM_PREFERRED] = "preferred_username" };
	const json_t *verified = json_object_get(claims, "email_verified");

	if (want->claim < CLAIM_SUB || want->claim > CLAIM_PREFERRED ||
	    (*user = text_of(claims, names[want->claim])) == NULL)
		return "no-user";
	if (!users_name_ok(*user) || strlen(*user) >= LOGIN_SIZE)
		return "name-not-possible";
	/* Whoever may write any address into a profile may be anybody. */
	if (want->claim == CLAIM_EMAIL && verified != NULL &&
	    !json_is_true(verified))
		return "email-not-verified";
	if (want->user[0] != '\0' && strcmp(want->user, *user) != 0)
		return "another-users-token";
	return NULL;
}

static const char *
check_claims(const json_t *claims, const struct token_want *want,
    const char **user, int64_t *until_s)
{
	const char *issuer = text_of(claims, "iss"), *why;

	if (issuer == NULL || strcmp(issuer, want->issuer) != 0)
		return "issuer";
	if (!is_for(json_object_get(claims, "aud"), want->audience))
		return "audience";
	/* RFC 9449, 8705: good only with a proof that SASL has no place for. */
	if (json_object_get(claims, "cnf") != NULL)
		return "bound-to-a-key";
	if ((why = check_dates(claims, want->now_s, until_s)) != NULL)
		return why;
	return find_user(claims, want, user);
}

const char *
token_check(const struct token_want *want, const struct jws_keys *keys,
    const char *token, size_t token_size, char *user, size_t user_size,
    int64_t *until_s)
{
	json_t *header = NULL, *claims = NULL;
	const char *why = "malformed", *name = NULL;
	struct parts p;

	user[0] = '\0';
	*until_s = 0;
	if (split(token, token_size, &p) == -1 ||
	    (header = read_part(p.header, p.header_size)) == NULL)
		goto out;
	if ((why = check_signature(&p, header, keys)) != NULL)
		goto out;
	why = "malformed";
	if ((claims = read_part(p.payload, p.payload_size)) == NULL)
		goto out;
	if ((why = check_claims(claims, want, &name,
	    until_s)) == NULL &&
	    strlcpy(user, name, user_size) >= user_size) {
		user[0] = '\0';
		why = "name-not-possible";
	}
out:
	json_decref(header);
	json_decref(claims);
	return why;
}

void
on_parent_token(struct link *l, struct link_in *in)
{
	const struct parent_auth_token *m = in->data;
	const char *tail = (const char *)(m + 1), *why;
	size_t size = in->size - sizeof(*m);
	struct auth_parent_token_done done;
	struct jws_keys *keys;
	struct token_want want = { m->issuer, m->audience, m->claim, m->user,
	    m->now_s };

	if (m->token_size > size) {
		link_fault(l, "a token longer than its message");
		return;
	}
	memset(&done, 0, sizeof(done));
	done.request = m->request;
	keys = jws_keys_load(tail + m->token_size, size - m->token_size);
	why = keys == NULL ? "no-usable-key" : token_check(&want, keys, tail,
	    m->token_size, done.user, sizeof(done.user), &done.until_s);
	jws_keys_free(keys);
	done.is_good = why == NULL;
	strlcpy(done.reason, why != NULL ? why : "", sizeof(done.reason));
	(void)link_send(l, MSG_AUTH_PARENT_TOKEN_DONE, &done, sizeof(done));
	/* The parent waits for it, more checks may be waiting here. */
	link_flush(l);
}
