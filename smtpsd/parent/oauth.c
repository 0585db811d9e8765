/*
 * Parser of what a client with an access token says.  Called by authtoken.c
 * with bytes of anybody's choice.  Both forms are fields between ^A, the last
 * one empty; OAUTHBEARER has a GS2 header before them (RFC 5801), and its
 * fields host and port are about where the client thinks it is: not looked
 * at.  What the token says is another program's business.
 */
#include "oauth.h"

#include <string.h>
#include <strings.h>

#include "mail/usersfile.h"

#define FIELDS_MAX	16
#define SEPARATOR	'\001'

/* Takes one field with its separator off the front. */
static int
next_field(const char **in, size_t *size, const char **field, size_t *n)
{
	const char *end;

	if ((end = memchr(*in, SEPARATOR, *size)) == NULL)
		return -1;
	*field = *in;
	*n = (size_t)(end - *in);
	*in = end + 1;
	*size -= *n + 1;
	return 0;
}

/* 1: the field is this key's; its value stays. */
static int
is_key(const char **field, size_t *n, const char *key)
{
	size_t k = strlen(key);

	if (*n <= k || memcmp(*field, key, k) != 0 || (*field)[k] != '=')
		return 0;
	*field += k + 1;
	*n -= k + 1;
	return 1;
}

/* RFC 7628 3.1: letters, "=", then anything printable, blanks and newlines. */
static int
is_sane(const char *field, size_t n)
{
	size_t i, key = 0;

	while (key < n && ((field[key] >= 'a' && field[key] <= 'z') ||
	    (field[key] >= 'A' && field[key] <= 'Z')))
		key++;
	if (key == 0 || key == n || field[key] != '=')
		return 0;
	for (i = key + 1; i < n; i++)
		if ((field[i] < ' ' || field[i] > '~') && field[i] != '\t' &&
		    field[i] != '\r' && field[i] != '\n')
			return 0;
	return 1;
}

/* "Bearer" in any case, blanks, a b64token (RFC 6750 2.1). */
static const char *
set_token(struct oauth *out, const char *value, size_t n)
{
	static const char	bearer[] = "Bearer ";
	size_t			i, k = sizeof(bearer) - 1;

	if (out->token_size > 0)
		return "malformed";
	if (n < k || strncasecmp(value, bearer, k) != 0)
		return "not-a-bearer-token";
	while (k < n && value[k] == ' ')
		k++;
	value += k;
	n -= k;
	if (n == 0)
		return "no-token";
	if (n > TOKEN_MAX)
		return "token-too-long";
	for (i = 0; i < n; i++)
		if (value[i] == '\0' || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-._~+/=",
		    value[i]) == NULL)
			return "malformed";
	memcpy(out->token, value, n);
	out->token[n] = '\0';
	out->token_size = n;
	return NULL;
}

static const char *
set_user(struct oauth *out, const char *user)
{
	if (strlcpy(out->user, user, sizeof(out->user)) >= sizeof(out->user)) {
		out->user[0] = '\0';
		return "name-too-long";
	}
	if (!users_name_ok(out->user)) {
		out->user[0] = '\0';
		return "name-not-possible";
	}
	return NULL;
}

/* A saslname: =2C is a comma and =3D is an equals sign (RFC 5801 4). */
static const char *
set_authzid(struct oauth *out, const char *in, size_t n)
{
	char name[LOGIN_SIZE];
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (in[i] == '\0')
			return "malformed";
		if (k == sizeof(name) - 1)
			return "name-too-long";
		if (in[i] != '=') {
			name[k++] = in[i];
			continue;
		}
		if (n - i < 3 || (memcmp(in + i, "=2C", 3) != 0 &&
		    memcmp(in + i, "=3D", 3) != 0))
			return "malformed";
		name[k++] = in[i + 1] == '2' ? ',' : '=';
		i += 2;
	}
	name[k] = '\0';
	return set_user(out, name);
}

/* "n,," or "n,a=user,": no channel binding is known for this mechanism. */
static const char *
set_header(struct oauth *out, const char *in, size_t n)
{
	if (n < 3 || in[n - 1] != ',' || in[1] != ',')
		return "malformed";
	if (in[0] != 'n' && in[0] != 'y')
		return in[0] == 'p' ? "channel-binding-flag" : "malformed";
	in += 2;
	n -= 3;
	if (memchr(in, ',', n) != NULL)
		return "malformed";
	if (n == 0)
		return NULL;
	if (n < 3 || memcmp(in, "a=", 2) != 0)
		return "malformed";
	return set_authzid(out, in + 2, n - 2);
}

/* The fields up to the empty one, behind which nothing may come. */
static const char *
read_fields(struct oauth *out, const char *in, size_t insize)
{
	const char *field, *why;
	size_t n;
	int i;

	for (i = 0; i < FIELDS_MAX; i++) {
		if (next_field(&in, &insize, &field, &n) == -1)
			return "malformed";
		if (n == 0)
			break;
		if (!is_sane(field, n))
			return "malformed";
		if (is_key(&field, &n, "auth") &&
		    (why = set_token(out, field, n)) != NULL)
			return why;
	}
	if (i == FIELDS_MAX || insize > 0)
		return "malformed";
	return out->token_size == 0 ? "no-token" : NULL;
}

const char *
oauth_parse_bearer(struct oauth *out, const char *in, size_t insize)
{
	const char *field, *why;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (next_field(&in, &insize, &field, &n) == -1)
		return "malformed";
	if ((why = set_header(out, field, n)) != NULL)
		return why;
	return read_fields(out, in, insize);
}

const char *
oauth_parse_xoauth2(struct oauth *out, const char *in, size_t insize)
{
	char name[LOGIN_SIZE];
	const char *field, *why;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (next_field(&in, &insize, &field, &n) == -1 ||
	    !is_key(&field, &n, "user") || memchr(field, '\0', n) != NULL)
		return "malformed";
	if (n >= sizeof(name))
		return "name-too-long";
	memcpy(name, field, n);
	name[n] = '\0';
	if ((why = set_user(out, name)) != NULL)
		return why;
	return read_fields(out, in, insize);
}
