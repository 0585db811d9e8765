/*
 * Makes the files that the tests of the configuration read.  Keys are made
 * afresh for each run: none is ever stored with the sources.
 */
#include <sys/stat.h>

/* LibreSSL has only these calls for EC keys. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conf.h"
#include "conf_fixture.h"

static char directory[] = "/tmp/smtpsd_conf_test.XXXXXXXXXX";

static EVP_PKEY *
make_key(int type, int what)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if ((ctx = EVP_PKEY_CTX_new_id(type, NULL)) == NULL ||
	    EVP_PKEY_keygen_init(ctx) != 1)
		errx(1, "keygen");
	if (type == EVP_PKEY_RSA)
		EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, what);
	if (type == EVP_PKEY_EC)
		EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, what);
	if (EVP_PKEY_keygen(ctx, &key) != 1)
		errx(1, "keygen");
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
write_key(const char *path, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	char pass[] = "secret";
	FILE *f;

	if ((f = fopen(path, "w")) == NULL || fchmod(fileno(f), 0600) == -1 ||
	    PEM_write_PrivateKey(f, key, cipher, NULL, 0, NULL,
	    cipher == NULL ? NULL : pass) != 1 || fclose(f) != 0)
		err(1, "%s", path);
}

static void
write_cert(const char *path, EVP_PKEY *key, const char *name, long from_s,
    long to_s, int with_key)
{
	X509 *cert;
	FILE *f;
	const EVP_MD *md = EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? NULL :
	    EVP_sha256();

	if ((cert = X509_new()) == NULL)
		errx(1, "X509_new");
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	if (X509_sign(cert, key, md) == 0)
		errx(1, "X509_sign");
	if ((f = fopen(path, "w")) == NULL || PEM_write_X509(f, cert) != 1)
		err(1, "%s", path);
	if (with_key && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
	    NULL) != 1)
		err(1, "%s", path);
	if (fclose(f) != 0)
		err(1, "%s", path);
	X509_free(cert);
}

void
fixture_write(const char *path, unsigned int mode, const char *text)
{
	FILE *f;

	if ((f = fopen(path, "w")) == NULL || fputs(text, f) == EOF ||
	    fchmod(fileno(f), (mode_t)mode) == -1 || fclose(f) != 0)
		err(1, "%s", path);
}

static void
make_certificates(void)
{
	const long day = 86400;
	EVP_PKEY *ec = make_key(EVP_PKEY_EC, NID_X9_62_prime256v1);
	EVP_PKEY *other = make_key(EVP_PKEY_EC, NID_secp384r1);
	EVP_PKEY *p521 = make_key(EVP_PKEY_EC, NID_secp521r1);
	EVP_PKEY *rsa = make_key(EVP_PKEY_RSA, 1024);
	EVP_PKEY *ed = make_key(EVP_PKEY_ED25519, 0);

	write_key("key", ec, NULL);
	write_key("other.key", other, NULL);
	write_key("p521.key", p521, NULL);
	write_key("rsa1024.key", rsa, NULL);
	write_key("ed.key", ed, NULL);
	write_key("encrypted.key", ec, EVP_aes_128_cbc());
	write_key("open.key", ec, NULL);
	if (chmod("open.key", 0640) == -1 || symlink("key", "link.key") == -1)
		err(1, "key");
	write_cert("crt", ec, "mx.test", -day, 100 * day, 1);
	write_cert("other.crt", other, "b.test", -day, 100 * day, 0);
	write_cert("p521.crt", p521, "mx.test", -day, 100 * day, 0);
	write_cert("rsa1024.crt", rsa, "mx.test", -day, 100 * day, 0);
	write_cert("ed.crt", ed, "mx.test", -day, 100 * day, 0);
	write_cert("old.crt", ec, "mx.test", -9 * day, -day, 0);
	write_cert("new.crt", ec, "mx.test", day, 9 * day, 0);
	write_cert("soon.crt", ec, "mx.test", -day, 9 * day, 0);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(other);
	EVP_PKEY_free(p521);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed);
}

void
fixture_make(void)
{
	static const char users[] = "alice:$6$saltsaltsaltsalt$1Gt8mSxGSLH5TQk"
	    "gZ2gHlLWIsrgJzQv9OT5TnMTWIWCjIGOhFODgfCZSFIvHrJm3Kz.9gXwJpFnSZ1"
	    "tqVj7v1.\n";

	umask(022);
	if (mkdtemp(directory) == NULL || chdir(directory) == -1)
		err(1, "%s", directory);
	make_certificates();
	fixture_write("users", 0600, users);
	fixture_write("users.open", 0644, users);
	fixture_write("secrets", 0600,
	    "# a comment\nother a:b\nlabel joe:pa:ss#wo rd\nbroken joe\n");
	fixture_write("secrets.open", 0640, "label joe:secret-word\n");
	fixture_write("aliases", 0644, "postmaster: alice\nroot: alice\n");
	fixture_write("aliases.open", 0666, "postmaster: alice\n");
	fixture_write("nets", 0644, "10.0.0.0/8\n0.0.0.0/0\n");
	fixture_write("everyone", 0644, "@a.test\n*\n");
	fixture_write("ca", 0644, "-----BEGIN CERTIFICATE-----\n");
	fixture_write("no.ca", 0644, "hello\n");
	fixture_write("part.conf", 0644, "limit errors 7");
	fixture_write("loop.conf", 0644, "include \"loop.conf\"\n");
	fixture_write("bad.conf", 0644, "\n\nlimit eror 7\n");
	fixture_write("shared.conf", 0664, "limit errors 7\n");
}

struct conf *
fixture_load(const char *text, const struct conf_macros *macros,
    struct conf_errors *errors)
{
	memset(errors, 0, sizeof(*errors));
	fixture_write("test.conf", 0644, text);
	return conf_load("test.conf", macros, errors);
}

void
fixture_remove(void)
{
	struct dirent *de;
	DIR *dir;

	if ((dir = opendir(".")) == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.')
			unlink(de->d_name);
	closedir(dir);
	if (chdir("/") == 0)
		rmdir(directory);
}
