/*
 * SCRAM-SHA-256 and -PLUS against the verifiers of the users file.
 *
 * Called by authenticate.c through attempt.h; the messages are scram.c's.  A
 * check costs two HMACs, so it is done here, without a worker.  An unknown
 * user is asked back like a known one: with the usual iterations and a salt
 * that is always the same for that name, made with a key of the users file.
 *
 * A binding to the end point is right if it is the hash of any certificate
 * of the listener: each of those has a key that only we hold, so net need not
 * say which one it showed.  One to the connection (tls-exporter) is net's
 * word, which ends that connection anyway.  State: a key for users files that
 * have none.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "attempt.h"
#include "conf.h"
#include "mail/base64.h"
#include "mail/usersfile.h"
#include "parent.h"
#include "scram.h"

struct dialogue {
	struct scram	 scram;
	char		 final[SCRAM_TEXT];
	size_t		 final_size;	/* 0: none, or too long */
};

/* For files without a key: good until the next start. */
static const uint8_t *
boot_key(void)
{
	static uint8_t	 key[USERS_KEY_SIZE];
	static int	 have;

	if (!have)
		arc4random_buf(key, sizeof(key));
	have = 1;
	return key;
}

static int
derive(const struct users *users, const char *what, const char *login,
    uint8_t *out)
{
	const uint8_t	*key = users_key(users);
	char		 text[LOGIN_SIZE + 16];
	unsigned int	 n = VERIFIER_KEY;

	strlcpy(text, what, sizeof(text));
	strlcat(text, login, sizeof(text));
	return HMAC(EVP_sha256(), key != NULL ? key : boot_key(),
	    USERS_KEY_SIZE, (uint8_t *)text, strlen(text), out, &n) == NULL ?
	    -1 : 0;
}

/* What the other users have, to be like them. */
static void
copy_shape(const struct users *users, struct verifier *v)
{
	struct verifier		 other;
	const struct user	*user;

	v->iterations = VERIFIER_ROUNDS;
	v->salt_size = 16;
	if ((user = users_with_verifier(users)) != NULL &&
	    verifier_parse(user->verifier, &other) == 0) {
		v->iterations = other.iterations;
		if (other.salt_size <= VERIFIER_KEY)
			v->salt_size = other.salt_size;
		explicit_bzero(&other, sizeof(other));
	}
}

static int
fake(const struct users *users, const char *login, struct verifier *v)
{
	copy_shape(users, v);
	return derive(users, "salt ", login, v->salt) == -1 ||
	    derive(users, "stored ", login, v->stored_key) == -1 ||
	    derive(users, "server ", login, v->server_key) == -1 ? -1 : 0;
}

/* RFC 5802 section 6: who could bind and says that we cannot was deceived. */
static const char *
check_flag(const struct attempt *a, const struct conf_listener *l, char flag)
{
	if ((a->mechanism == AUTH_SCRAM_PLUS) != (flag == 'p'))
		return "channel-binding-flag";
	if (flag == 'y' && l->npki > 0)
		return "downgrade";
	return NULL;
}

static const struct user *
find_user(const struct attempt *a, const struct conf_listener *l)
{
	const struct user	*user = NULL;

	if (l != NULL && l->users != NULL && l->users->users != NULL)
		user = users_find_live(l->users->users, a->login);
	return user != NULL && user->verifier != NULL ? user : NULL;
}

static int
open_dialogue(struct attempt *a, const struct conf_listener *l,
    const char *in, size_t insize, char *out, size_t outsize)
{
	const struct user	*user;
	struct dialogue		*d;
	uint8_t			 random[24];
	char			 nonce[64];

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return -1;
	a->data = d;
	a->data_size = sizeof(*d);
	a->flaw = scram_first(&d->scram, in, insize);
	strlcpy(a->login, d->scram.name, sizeof(a->login));
	if (a->flaw == NULL)
		a->flaw = check_flag(a, l, d->scram.flag);
	if (a->flaw != NULL)
		return -1;
	if (d->scram.authzid[0] != '\0' &&
	    strcmp(d->scram.authzid, a->login) != 0)
		a->flaw = "acting-for-another-user";
	if ((user = find_user(a, l)) == NULL) {
		if (a->flaw == NULL)
			a->flaw = "unknown-user";
		if (fake(l->users->users, a->login, &d->scram.verifier) == -1)
			return -1;
	} else if (verifier_parse(user->verifier, &d->scram.verifier) == -1)
		return -1;
	arc4random_buf(random, sizeof(random));
	if (base64_encode(random, sizeof(random), nonce, sizeof(nonce)) == -1)
		return -1;
	return scram_challenge(&d->scram, nonce, out, outsize);
}

static void
keep_proof(struct attempt *a, const char *in, size_t insize)
{
	struct dialogue	*d = a->data;

	d->final_size = insize < sizeof(d->final) ? insize : 0;
	memcpy(d->final, in, d->final_size);
}

/* RFC 5929 section 4.1: the hash of the signature, but SHA-256 for weak ones
 * (and, where that leaves it open, for those without one). */
static int
hash_certificate(const char *pem, size_t size, struct scram_binding *b)
{
	const EVP_MD	*md = NULL;
	unsigned int	 n = 0;
	X509		*cert = NULL;
	BIO		*bio;
	int		 nid;

	b->size = 0;
	if ((bio = BIO_new_mem_buf(pem, (int)size)) == NULL)
		return -1;
	if ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (X509_get_signature_info(cert, &nid, NULL, NULL, NULL) == 1 &&
		    nid != NID_undef && nid != NID_md5 && nid != NID_sha1)
			md = EVP_get_digestbynid(nid);
		if (X509_digest(cert, md != NULL ? md : EVP_sha256(), b->data,
		    &n) == 1)
			b->size = n;
	}
	X509_free(cert);
	BIO_free(bio);
	return b->size > 0 ? 0 : -1;
}

static size_t
find_bindings(const struct conf_listener *l, struct scram_binding *b)
{
	uint32_t	 i;
	size_t		 n = 0;

	for (i = 0; i < l->npki && i < LISTENER_PKI_MAX; i++)
		if (l->pki[i]->chain_pem != NULL && hash_certificate(
		    l->pki[i]->chain_pem, l->pki[i]->chain_len, &b[n]) == 0)
			n++;
	return n;
}

/* RFC 9266: of this very connection. */
static size_t
find_exporter(const struct attempt *a, struct scram_binding *b)
{
	if (!a->has_exporter)
		return 0;
	b->size = sizeof(a->exporter);
	memcpy(b->data, a->exporter, sizeof(a->exporter));
	return 1;
}

static void
prepare(struct attempt *a, const struct conf_listener *l)
{
	(void)l;
	/* Never equal to another one's. */
	arc4random_buf(a->mac, sizeof(a->mac));
}

/* The credential must still be the one that the challenge was made from. */
static const char *
check_still(struct attempt *a, const struct conf_listener *l,
    const struct dialogue *d)
{
	const struct user	*user;
	struct verifier		 v;
	int			 same;

	if ((user = find_user(a, l)) == NULL ||
	    verifier_parse(user->verifier, &v) == -1)
		return "unknown-user";
	same = memcmp(v.stored_key, d->scram.verifier.stored_key,
	    sizeof(v.stored_key)) == 0;
	explicit_bzero(&v, sizeof(v));
	if (!same)
		return "password-changed";
	authusers_identity(a, user);
	return a->flaw;
}

static int
start(struct attempt *a)
{
	const struct conf_listener	*l;
	struct scram_binding		 b[LISTENER_PKI_MAX];
	struct dialogue			*d = a->data;
	const char			*why = a->flaw;
	size_t				 n = 0;

	/* A flaw that ended it before the challenge has nothing to check. */
	if (d != NULL && d->final_size > 0) {
		l = conf_listener_by_id(parent_conf(), a->listener);
		if (l == NULL)
			return -1;
		if (d->scram.flag == 'p')
			n = d->scram.is_exporter ? find_exporter(a, b) :
			    find_bindings(l, b);
		why = scram_final(&d->scram, d->final, d->final_size, b, n,
		    a->last, sizeof(a->last));
		if (a->flaw != NULL)
			why = a->flaw;
		if (why == NULL)
			why = check_still(a, l, d);
	} else if (why == NULL)
		why = "malformed";
	if (why != NULL)
		explicit_bzero(a->last, sizeof(a->last));
	authenticate_verdict(a->request, why == NULL ? VERDICT_GOOD :
	    VERDICT_BAD, why);
	return 0;
}

static int
is_current(struct attempt *a, const struct conf_listener *l)
{
	return a->data == NULL || check_still(a, l, a->data) == NULL;
}

const struct auth_backend *
authscram_backend(void)
{
	static const struct auth_backend	 backend = {
		.name = "scram", .open = open_dialogue, .proof = keep_proof,
		.is_password = 1, .is_current = is_current,
		.prepare = prepare, .start = start
	};

	return &backend;
}
