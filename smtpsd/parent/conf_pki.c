/*
 * Certificates and private keys of the configuration: reads them, and
 * refuses what would fail later in a handshake (a key of another
 * certificate, expired, a kind of key that the signing link cannot do).
 * Called by conf_check.c.  The private key stays in the EVP_PKEY; the chain
 * that goes to net is written anew from the certificates alone, so that a
 * key in the same file cannot travel with it.
 */
/* LibreSSL has only these calls for EC keys. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "conf_file.h"
#include "conf_parse.h"

#define EXPIRES_SOON_S	(14 * 86400)
#define CHAIN_MAX	16		/* certificates */
#define OCSP_MAX	16384		/* bytes */

static int
complain(struct conf_errors *errors, const struct conf_pki *pki,
    const char *hint, const char *text)
{
	conf_complain(errors, pki->where, hint, "pki '%s': %s", pki->name,
	    text);
	return -1;
}

/* No pass phrase is asked for: nobody would be there to type it. */
static int
no_passphrase(char *buf __attribute__((unused)),
    int size __attribute__((unused)), int rw __attribute__((unused)),
    void *arg)
{
	*(int *)arg = 1;
	return -1;
}

static int
load_key(struct conf_pki *pki, struct conf_errors *errors)
{
	char err[1024], *data;
	size_t size;
	BIO *bio;
	int is_encrypted = 0;

	data = conf_file_read(pki->key_path, FILE_SECRET, &size, NULL, err,
	    sizeof(err));
	if (data == NULL) {
		conf_complain(errors, pki->where, NULL, "key: %s", err);
		return -1;
	}
	if ((bio = BIO_new_mem_buf(data, (int)size)) != NULL) {
		pki->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase,
		    &is_encrypted);
		BIO_free(bio);
	}
	freezero(data, size);
	ERR_clear_error();
	if (pki->key != NULL)
		return 0;
	if (is_encrypted) {
		conf_complain(errors, pki->where,
		    "store it without a pass phrase, mode 0600",
		    "key: %s is encrypted", pki->key_path);
		return -1;
	}
	conf_complain(errors, pki->where, "it must hold a private key in PEM",
	    "key: %s cannot be read as a key", pki->key_path);
	return -1;
}

static int
check_kind(const struct conf_pki *pki, struct conf_errors *errors)
{
	static const char *const hint = "RSA of 2048 bits or more, or ECDSA "
	    "P-256 or P-384";
	const EC_KEY *ec;
	int nid = 0;

	switch (EVP_PKEY_base_id(pki->key)) {
	case EVP_PKEY_RSA:
		if (EVP_PKEY_bits(pki->key) < 2048)
			return complain(errors, pki, hint,
			    "the RSA key is shorter than 2048 bits");
		if (EVP_PKEY_bits(pki->key) > 8192)
			return complain(errors, pki, hint,
			    "the RSA key is longer than 8192 bits");
		return 0;
	case EVP_PKEY_EC:
		if ((ec = EVP_PKEY_get0_EC_KEY(pki->key)) != NULL)
			nid = EC_GROUP_get_curve_name(EC_KEY_get0_group(ec));
		if (nid != NID_X9_62_prime256v1 && nid != NID_secp384r1)
			return complain(errors, pki, hint,
			    "the curve of the EC key is not served");
		return 0;
	case EVP_PKEY_ED25519:
		return complain(errors, pki, hint,
		    "Ed25519 keys do not work with libtls");
	default:
		return complain(errors, pki, hint,
		    "this kind of key does not work");
	}
}

static int
check_dates(const struct conf_pki *pki, X509 *cert,
    struct conf_errors *errors)
{
	time_t soon = time(NULL) + EXPIRES_SOON_S;

	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		return complain(errors, pki, "is the clock right?",
		    "the certificate is not valid yet");
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		return complain(errors, pki, "renew it",
		    "the certificate has expired");
	if (X509_cmp_time(X509_get0_notAfter(cert), &soon) < 0)
		conf_caution(errors, pki->where, "renew it",
		    "pki '%s': the certificate expires within 14 days",
		    pki->name);
	return 0;
}

static int
check_leaf(const struct conf_pki *pki, X509 *cert, struct conf_errors *errors)
{
	int rc = 0;

	if (pki->key != NULL && X509_check_private_key(cert, pki->key) != 1)
		rc = complain(errors, pki,
		    "the server's own certificate must come first in its file",
		    "certificate and key do not belong together");
	ERR_clear_error();
	if (check_dates(pki, cert, errors) == -1)
		rc = -1;
	if (rc == 0 && X509_check_host(cert, pki->name, 0, 0, NULL) != 1 &&
	    X509_check_ip_asc(cert, pki->name, 0) != 1)
		conf_caution(errors, pki->where,
		    "clients that ask for this name will refuse it",
		    "pki '%s': the certificate is for another name",
		    pki->name);
	return rc;
}

/* Writes the certificates of in to out; how many, the first in *leaf. */
static int
copy_chain(BIO *in, BIO *out, X509 **leaf)
{
	X509 *cert;
	int n = 0;

	while (n < CHAIN_MAX &&
	    (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		if (PEM_write_bio_X509(out, cert) != 1) {
			X509_free(cert);
			return -1;
		}
		if (n++ == 0)
			*leaf = cert;
		else
			X509_free(cert);
	}
	ERR_clear_error();
	return n;
}

static int
load_chain(struct conf_pki *pki, struct conf_errors *errors)
{
	char err[1024], *data, *pem;
	size_t size;
	BIO *in = NULL, *out = NULL;
	X509 *leaf = NULL;
	long len;
	int rc = -1;

	data = conf_file_read(pki->cert_path, FILE_PUBLIC, &size, NULL, err,
	    sizeof(err));
	if (data == NULL) {
		conf_complain(errors, pki->where, NULL, "cert: %s", err);
		return -1;
	}
	in = BIO_new_mem_buf(data, (int)size);
	out = BIO_new(BIO_s_mem());
	if (in == NULL || out == NULL)
		goto out;
	if (copy_chain(in, out, &leaf) < 1) {
		conf_complain(errors, pki->where,
		    "it must hold a certificate in PEM",
		    "cert: %s holds no certificate", pki->cert_path);
		goto out;
	}
	if ((len = BIO_get_mem_data(out, &pem)) <= 0 ||
	    (pki->chain_pem = malloc((size_t)len + 1)) == NULL)
		goto out;
	memcpy(pki->chain_pem, pem, (size_t)len);
	pki->chain_pem[len] = '\0';
	pki->chain_len = (size_t)len;
	rc = check_leaf(pki, leaf, errors);
out:
	X509_free(leaf);
	BIO_free(in);
	BIO_free(out);
	freezero(data, size);	/* may hold a key as well */
	return rc;
}

/* The leaf of a chain, and the one behind it or NULL. */
static int
chain_certs(const struct conf_pki *pki, X509 **leaf, X509 **issuer)
{
	BIO *bio;

	*leaf = *issuer = NULL;
	if ((bio = BIO_new_mem_buf(pki->chain_pem, (int)pki->chain_len)) ==
	    NULL)
		return -1;
	if ((*leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		*issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return *leaf == NULL ? -1 : 0;
}

/* 1: the response is about this certificate. */
static int
is_about(OCSP_SINGLERESP *single, const X509 *leaf, const X509 *issuer)
{
	/* Compared with what the response itself was hashed with. */
	OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)
	    OCSP_SINGLERESP_get0_id(single);
	OCSP_CERTID *want;
	ASN1_OBJECT *hash;
	ASN1_INTEGER *serial;
	const EVP_MD *md;
	int same;

	if (OCSP_id_get0_info(NULL, &hash, NULL, &serial, id) != 1 ||
	    ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
		return 0;
	if (issuer == NULL)
		return 1;
	if ((md = EVP_get_digestbyobj(hash)) == NULL ||
	    (want = OCSP_cert_to_id(md, leaf, issuer)) == NULL)
		return 0;
	same = OCSP_id_issuer_cmp(want, id) == 0;
	OCSP_CERTID_free(want);
	return same;
}

/* NULL: it is good for this certificate. */
static const char *
check_ocsp(const struct conf_pki *pki, OCSP_BASICRESP *basic,
    struct conf_errors *errors)
{
	ASN1_GENERALIZEDTIME *from, *until;
	OCSP_SINGLERESP *single = NULL;
	X509 *leaf, *issuer;
	int i, status, about = 0;

	if (chain_certs(pki, &leaf, &issuer) == -1)
		return "there is no certificate to compare it with";
	if (issuer == NULL && X509_check_issued(leaf, leaf) == X509_V_OK &&
	    X509_up_ref(leaf) == 1)
		issuer = leaf;
	for (i = 0; !about && i < OCSP_resp_count(basic); i++) {
		single = OCSP_resp_get0(basic, i);
		about = is_about(single, leaf, issuer);
	}
	X509_free(leaf);
	X509_free(issuer);
	if (!about)
		return "it is about another certificate";
	status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return "it does not call the certificate good";
	if (OCSP_check_validity(from, until, 300, -1) != 1)
		conf_caution(errors, pki->where, "fetch a new one and reload",
		    "pki '%s': the OCSP response in %s has expired, or is "
		    "not valid yet", pki->name, pki->ocsp_path);
	return NULL;
}

static void
load_ocsp(struct conf_pki *pki, struct conf_errors *errors)
{
	const unsigned char *p;
	OCSP_RESPONSE *response = NULL;
	OCSP_BASICRESP *basic = NULL;
	const char *why = "it is no OCSP response in DER";
	char err[1024];

	pki->ocsp_der = conf_file_read(pki->ocsp_path, FILE_PUBLIC,
	    &pki->ocsp_len, NULL, err, sizeof(err));
	if (pki->ocsp_der == NULL) {
		conf_complain(errors, pki->where, NULL, "ocsp: %s", err);
		return;
	}
	p = (const unsigned char *)pki->ocsp_der;
	if (pki->ocsp_len > OCSP_MAX)
		why = "it is too long";
	else if ((response = d2i_OCSP_RESPONSE(NULL, &p,
	    (long)pki->ocsp_len)) != NULL) {
		if (OCSP_response_status(response) !=
		    OCSP_RESPONSE_STATUS_SUCCESSFUL ||
		    (basic = OCSP_response_get1_basic(response)) == NULL)
			why = "it is no answer but a refusal";
		else
			why = check_ocsp(pki, basic, errors);
	}
	if (why != NULL)
		conf_complain(errors, pki->where,
		    "as written by: openssl ocsp ... -respout FILE",
		    "ocsp: %s: %s", pki->ocsp_path, why);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
}

static void
check_pki(struct conf_pki *pki, struct conf_errors *errors)
{
	if (pki->cert_path == NULL && pki->key_path == NULL &&
	    pki->ocsp_path == NULL) {
		conf_complain(errors, pki->where,
		    "add: pki NAME cert \"file\", pki NAME key \"file\"",
		    "pki '%s' is not defined", pki->name);
		return;
	}
	if (pki->cert_path == NULL)
		complain(errors, pki, "add: pki NAME cert \"file\"",
		    "it has no certificate");
	if (pki->key_path == NULL)
		complain(errors, pki, "add: pki NAME key \"file\"",
		    "it has no key");
	if (pki->key_path != NULL && load_key(pki, errors) == 0 &&
	    check_kind(pki, errors) == -1)
		return;		/* the certificate has the same fault */
	if (pki->cert_path != NULL)
		load_chain(pki, errors);
	if (pki->ocsp_path != NULL && pki->chain_pem != NULL)
		load_ocsp(pki, errors);
}

void
conf_check_pkis(struct conf *conf, struct conf_errors *errors)
{
	size_t i;

	if (conf->npkis > CONF_PKIS_MAX)
		conf_complain(errors, conf->pkis[CONF_PKIS_MAX]->where, NULL,
		    "more than %d pki", CONF_PKIS_MAX);
	for (i = 0; i < conf->npkis; i++)
		check_pki(conf->pkis[i], errors);
}
