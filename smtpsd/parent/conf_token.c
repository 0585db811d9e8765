/*
 * The statement "token" and what it names: an issuer of access tokens, for
 * whom its tokens must be, and its public keys.  Called by conf_parse.c for
 * each line, by conf_auth.c for a name behind "auth", and by conf_check.c
 * when all lines are read.  Keys in PEM are written anew, so that nothing
 * else of the file goes further; a JWK set goes to an auth worker as it is,
 * because no JSON is read in this program.
 */
/* LibreSSL has only these calls for EC keys. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "conf_file.h"
#include "conf_parse.h"

#define KEYS_MAX	16

static struct conf_token *
token_get(struct parser *p, const char *name)
{
	struct conf *c = p->conf;
	struct conf_token *t;
	size_t i;

	for (i = 0; i < c->ntokens; i++)
		if (strcmp(c->tokens[i]->name, name) == 0)
			return c->tokens[i];
	if ((t = conf_append(&c->tokens, &c->ntokens, sizeof(*t))) == NULL) {
		parse_fail(p, NULL, "out of memory");
		return NULL;
	}
	strlcpy(t->name, name, sizeof(t->name));
	t->where = p->start;
	return t;
}

/* Behind "token" of a listener. */
int
parse_token_ref(struct parser *p, struct conf_listener *l)
{
	char name[NAME_SIZE];

	if (l->token != NULL)
		return parse_fail(p, "one 'token' for each listener, or two "
		    "listeners", "'token' is there already");
	if (parse_name(p, name, sizeof(name), "the name of a token") == -1)
		return -1;
	l->token = token_get(p, name);
	return l->token == NULL ? -1 : 0;
}

static int
parse_claim(struct parser *p, struct conf_token *t)
{
	static const char *const words[] = { "sub", "email",
	    "preferred_username", NULL };

	if (parse_accept(p, "sub"))
		t->claim = CLAIM_SUB;
	else if (parse_accept(p, "email"))
		t->claim = CLAIM_EMAIL;
	else if (parse_accept(p, "preferred_username"))
		t->claim = CLAIM_PREFERRED;
	else
		return parse_unknown(p, words, "the claim with the user");
	return 0;
}

static int
parse_keys(struct parser *p, struct conf_token *t)
{
	char path[PATHNAME_SIZE];

	if (t->keys_path != NULL)
		return parse_fail(p, "put all keys into one file",
		    "token '%s' has keys already", t->name);
	if (parse_value(p, path, sizeof(path), "the path of a file") == -1)
		return -1;
	if ((t->keys_path = strdup(path)) == NULL)
		return parse_fail(p, NULL, "out of memory");
	return 0;
}

static int
parse_text(struct parser *p, const struct conf_token *t, char *out,
    size_t outsize, const char *what)
{
	if (out[0] != '\0')
		return parse_fail(p, NULL, "token '%s' has its %s already",
		    t->name, what);
	if (parse_value(p, out, outsize, what) == -1)
		return -1;
	if (out[0] == '\0')
		return parse_fail(p, NULL, "token '%s': the %s is empty",
		    t->name, what);
	return 0;
}

int
parse_token(struct parser *p)
{
	static const char *const words[] = { "issuer", "audience", "keys",
	    "user-claim", NULL };
	char name[NAME_SIZE];
	struct conf_token *t;
	int rc;

	if (parse_name(p, name, sizeof(name), "the name of the token") == -1 ||
	    (t = token_get(p, name)) == NULL)
		return -1;
	t->where = p->start;
	do {
		if (parse_accept(p, "issuer"))
			rc = parse_text(p, t, t->issuer, sizeof(t->issuer),
			    "issuer");
		else if (parse_accept(p, "audience"))
			rc = parse_text(p, t, t->audience,
			    sizeof(t->audience), "audience");
		else if (parse_accept(p, "keys"))
			rc = parse_keys(p, t);
		else if (parse_accept(p, "user-claim"))
			rc = parse_claim(p, t);
		else
			rc = parse_unknown(p, words, "a property of a token");
		if (rc == -1) {
			t->is_broken = 1;
			return -1;
		}
	} while (!parse_is_end(p));
	return 0;
}

static int
is_served(EVP_PKEY *pkey)
{
	const EC_KEY *ec;

	switch (EVP_PKEY_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_bits(pkey) >= 2048 &&
		    EVP_PKEY_bits(pkey) <= 8192;
	case EVP_PKEY_EC:
		return (ec = EVP_PKEY_get0_EC_KEY(pkey)) != NULL &&
		    EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) ==
		    NID_X9_62_prime256v1;
	case EVP_PKEY_ED25519:
		return 1;
	default:
		return 0;
	}
}

/* How many keys were written anew; -1: one of them does not work. */
static int
copy_keys(BIO *in, BIO *out)
{
	EVP_PKEY *pkey;
	int n = 0, ok = 1;

	while (ok && n <= KEYS_MAX &&
	    (pkey = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL)) != NULL) {
		ok = is_served(pkey) && PEM_write_bio_PUBKEY(out, pkey) == 1;
		EVP_PKEY_free(pkey);
		n++;
	}
	ERR_clear_error();
	return ok ? n : -1;
}

static void
take_pem(struct conf_token *t, const char *data, size_t size,
    struct conf_errors *errors)
{
	static const char *const make = "as written by: openssl pkey -pubout, "
	    "or openssl x509 -pubkey -noout; or a JWK set";
	BIO *in = BIO_new_mem_buf(data, (int)size), *out = BIO_new(BIO_s_mem());
	char *pem;
	long len;
	int n = 0;

	if (in != NULL && out != NULL)
		n = copy_keys(in, out);
	if (n == -1)
		conf_complain(errors, t->where, "RSA of 2048 bits or more, "
		    "ECDSA P-256 or Ed25519", "keys: %s holds a key that "
		    "does not work", t->keys_path);
	else if (n == 0)
		conf_complain(errors, t->where, make,
		    "keys: %s holds no public key in PEM", t->keys_path);
	else if (n > KEYS_MAX || (len = BIO_get_mem_data(out, &pem)) <= 0 ||
	    len > TOKEN_KEYS_MAX)
		conf_complain(errors, t->where, "leave out old ones",
		    "keys: %s holds more than %d keys, or %d bytes of them",
		    t->keys_path, KEYS_MAX, TOKEN_KEYS_MAX);
	else if ((t->keys = malloc((size_t)len)) != NULL) {
		memcpy(t->keys, pem, (size_t)len);
		t->keys_size = (size_t)len;
	} else
		conf_complain(errors, t->where, NULL, "out of memory");
	BIO_free(in);
	BIO_free(out);
}

/* What can be said of it without reading it as JSON. */
static void
take_set(struct conf_token *t, const char *data, size_t size,
    struct conf_errors *errors)
{
	while (size > 0 && strchr(" \t\r\n", data[size - 1]) != NULL)
		size--;
	if (size > TOKEN_KEYS_MAX)
		conf_complain(errors, t->where, "leave out old keys and "
		    "members x5c, or write them in PEM",
		    "keys: %s is longer than %d bytes", t->keys_path,
		    TOKEN_KEYS_MAX);
	else if (data[size - 1] != '}' ||
	    memmem(data, size, "\"keys\"", 6) == NULL)
		conf_complain(errors, t->where, "the issuer has it at its "
		    "jwks_uri", "keys: %s is no JWK set", t->keys_path);
	else if (memmem(data, size, "\"d\"", 3) != NULL)
		conf_complain(errors, t->where, "leave the public keys alone "
		    "in it", "keys: %s holds a private key", t->keys_path);
	else if ((t->keys = malloc(size)) != NULL) {
		memcpy(t->keys, data, size);
		t->keys_size = size;
	} else
		conf_complain(errors, t->where, NULL, "out of memory");
}

static void
load_keys(struct conf_token *t, struct conf_errors *errors)
{
	char err[1024], *data;
	size_t size, skip;

	data = conf_file_read(t->keys_path, FILE_PUBLIC, &size, NULL, err,
	    sizeof(err));
	if (data == NULL) {
		conf_complain(errors, t->where, NULL, "keys: %s", err);
		return;
	}
	skip = strspn(data, " \t\r\n");
	if (memmem(data, size, "PRIVATE KEY", 11) != NULL)
		conf_complain(errors, t->where, "leave the public keys alone "
		    "in it", "keys: %s holds a private key", t->keys_path);
	else if (data[skip] == '{')
		take_set(t, data + skip, size - skip, errors);
	else
		take_pem(t, data, size, errors);
	freezero(data, size);	/* may hold a private key */
}

static void
check_token(struct conf_token *t, struct conf_errors *errors)
{
	static const char *const add = "add: token NAME issuer \"https://...\" "
	    "audience \"...\" keys \"file\"";

	if (t->issuer[0] == '\0' && t->audience[0] == '\0' &&
	    t->keys_path == NULL) {
		conf_complain(errors, t->where, add,
		    "token '%s' is not defined", t->name);
		return;
	}
	/* Without these any token of anybody would do. */
	if (t->issuer[0] == '\0')
		conf_complain(errors, t->where, add,
		    "token '%s' has no issuer", t->name);
	if (t->audience[0] == '\0')
		conf_complain(errors, t->where, add,
		    "token '%s' has no audience", t->name);
	if (t->keys_path == NULL)
		conf_complain(errors, t->where, add,
		    "token '%s' has no keys", t->name);
	else
		load_keys(t, errors);
	if (t->claim == 0)
		t->claim = CLAIM_SUB;
}

void
conf_check_tokens(struct conf *conf, struct conf_errors *errors)
{
	size_t i;

	for (i = 0; i < conf->ntokens; i++)
		if (!conf->tokens[i]->is_broken)
			check_token(conf->tokens[i], errors);
}
