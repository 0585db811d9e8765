/*
 * The statement "listen on" and what its options must be.  Called by
 * conf_parse.c for each line and by conf_check.c when all lines are read;
 * conf_listen.c finds the addresses.
 */
#include <sys/types.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "conf_file.h"
#include "conf_parse.h"

static int
parse_port(struct parser *p, uint16_t *port)
{
	static const struct { const char *name; uint16_t port; } known[] = {
		{ "smtp", 25 }, { "smtps", 465 }, { "submissions", 465 },
		{ "submission", 587 },
	};
	uint32_t n;
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (parse_accept(p, known[i].name)) {
			*port = known[i].port;
			return 0;
		}
	}
	if (parse_number(p, 1, 65535, &n, "port") == -1)
		return -1;
	*port = (uint16_t)n;
	return 0;
}

static int
parse_listener_pki(struct parser *p, struct conf_listener *l)
{
	char name[NAME_SIZE];
	struct conf_pki *pki;
	uint32_t i;

	if (parse_name(p, name, sizeof(name), "the name of a pki") == -1 ||
	    (pki = conf_pki_get(p, name)) == NULL)
		return -1;
	for (i = 0; i < l->npki; i++)
		if (l->pki[i] == pki)
			return parse_fail(p, NULL, "pki '%s' is named twice",
			    name);
	if (l->npki == LISTENER_PKI_MAX)
		return parse_fail(p, NULL, "more than %d pki on one listener",
		    LISTENER_PKI_MAX);
	l->pki[l->npki++] = pki;
	return 0;
}

static int
parse_listener_kind(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "smtps", "submission", "smtp",
	    NULL };
	uint8_t kind = 0;

	if (parse_accept(p, "smtps"))
		kind = LISTENER_SMTPS;
	else if (parse_accept(p, "submission"))
		kind = LISTENER_SUBMISSION;
	else if (parse_accept(p, "smtp"))
		kind = LISTENER_SMTP;
	if (kind == 0)
		return 0;
	if (l->kind != 0) {
		parse_fail(p, "one 'listen on' line for each",
		    "'%s' and another kind on one line", words[kind - 1]);
		return -1;
	}
	l->kind = kind;
	return 1;
}

/* "tlsv1.2,tlsv1.3", in quotes because of the comma */
static int
parse_protocols(struct parser *p, struct conf_listener *l)
{
	char text[128], *next = text, *word;

	if (parse_value(p, text, sizeof(text), "versions of TLS") == -1)
		return -1;
	l->tls = 0;
	while ((word = strsep(&next, ",: ")) != NULL) {
		if (strcmp(word, "tlsv1.2") == 0)
			l->tls |= LISTENER_TLS12;
		else if (strcmp(word, "tlsv1.3") == 0)
			l->tls |= LISTENER_TLS13;
		else if (*word != '\0')
			return parse_fail(p, "\"tlsv1.2,tlsv1.3\", or one of "
			    "them", "'%s' is not a version of TLS that is "
			    "served", word);
	}
	if (l->tls == 0)
		return parse_fail(p, "\"tlsv1.2,tlsv1.3\", or one of them",
		    "no version of TLS is named");
	return 0;
}

static int
parse_proxy(struct parser *p, struct conf_listener *l, uint32_t flag)
{
	struct conf_table *nets;

	if ((nets = parse_table_or_item(p, TABLE_PLAIN,
	    "an address or network")) == NULL)
		return -1;
	if (l->nets != NULL)
		return parse_fail(p, "one of proxy-v1 and proxy-v2",
		    "the peers of PROXY are named twice");
	l->nets = nets;
	l->flags |= flag;
	return 0;
}

static int
parse_verify(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "optional", "required", NULL };

	if (parse_accept(p, "optional"))
		l->flags |= LISTENER_VERIFY;
	else if (parse_accept(p, "required"))
		l->flags |= LISTENER_VERIFY | LISTENER_VERIFY_MUST;
	else
		return parse_unknown(p, words, "'optional' or 'required'");
	return 0;
}

static int
parse_ca(struct parser *p, struct conf_listener *l)
{
	char path[PATHNAME_SIZE];

	if (parse_value(p, path, sizeof(path), "the path of a file") == -1)
		return -1;
	free(l->ca_path);
	if ((l->ca_path = strdup(path)) == NULL)
		return parse_fail(p, NULL, "out of memory");
	return 0;
}

static int
parse_listener_limit(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "message-size", "recipients",
	    "sessions", "sessions-per-ip", NULL };

	if (parse_accept(p, "message-size"))
		return parse_size(p, &l->message_max);
	if (parse_accept(p, "recipients"))
		return parse_number(p, 1, 1000, &l->recipients_max, "limit");
	if (parse_accept(p, "sessions"))
		return parse_number(p, 1, 1000000, &l->sessions_max, "limit");
	if (parse_accept(p, "sessions-per-ip"))
		return parse_number(p, 1, 1000000, &l->sessions_per_ip,
		    "limit");
	return parse_unknown(p, words, "the name of a limit of a listener");
}

/* Those that make sense for a Unix socket too.  1: it was none. */
static int
parse_common_option(struct parser *p, struct conf_listener *l)
{
	if (parse_accept(p, "senders")) {
		l->senders = parse_table_ref(p, TABLE_PLAIN);
		return l->senders == NULL ? -1 : 0;
	}
	if (parse_accept(p, "any-header-from")) {
		l->flags |= LISTENER_ANY_FROM;
		return 0;
	}
	if (parse_accept(p, "tag"))
		return parse_name(p, l->tag, sizeof(l->tag), "the tag");
	if (parse_accept(p, "hostname"))
		return parse_value(p, l->hostname, sizeof(l->hostname),
		    "the host name");
	if (parse_accept(p, "limit"))
		return parse_listener_limit(p, l);
	return 1;
}

static int
parse_tls_option(struct parser *p, struct conf_listener *l)
{
	if (parse_accept(p, "pki"))
		return parse_listener_pki(p, l);
	if (parse_accept(p, "tls-protocols"))
		return parse_protocols(p, l);
	if (parse_accept(p, "ciphers"))
		return parse_value(p, l->ciphers, sizeof(l->ciphers),
		    "a list of ciphers");
	if (parse_accept(p, "verify"))
		return parse_verify(p, l);
	if (parse_accept(p, "ca"))
		return parse_ca(p, l);
	if (parse_accept(p, "external"))
		return parse_external(p, l);
	return 1;
}

/* One option; -1 after a complaint. */
static int
parse_listener_option(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "smtps", "submission", "smtp",
	    "port", "auth", "senders", "tag", "hostname", "pki", "limit",
	    "tls-protocols", "ciphers", "verify", "ca", "external",
	    "auth-compat", "mask-source", "proxy-v1", "proxy-v2", "any-header-from", NULL };
	int rc;

	if ((rc = parse_listener_kind(p, l)) != 0)
		return rc == 1 ? 0 : -1;
	if ((rc = parse_common_option(p, l)) != 1 ||
	    (rc = parse_tls_option(p, l)) != 1)
		return rc;
	if (parse_accept(p, "port"))
		return parse_port(p, &l->port);
	if (parse_accept(p, "auth"))
		return parse_auth(p, l);
	if (parse_accept(p, "auth-compat"))
		l->flags |= LISTENER_AUTH_COMPAT;
	else if (parse_accept(p, "mask-source"))
		l->flags |= LISTENER_MASK_SOURCE;
	else if (parse_accept(p, "proxy-v1"))
		return parse_proxy(p, l, LISTENER_PROXY_V1);
	else if (parse_accept(p, "proxy-v2"))
		return parse_proxy(p, l, LISTENER_PROXY_V2);
	else
		return parse_unknown(p, words, "an option of a listener");
	return 0;
}

static int
parse_socket(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "senders", "tag", "hostname",
	    "limit", "any-header-from", NULL };
	int rc;

	l->kind = LISTENER_LOCAL;
	if (parse_value(p, l->path, sizeof(l->path), "the path of the socket")
	    == -1)
		return -1;
	while (!parse_is_end(p)) {
		if ((rc = parse_common_option(p, l)) == -1)
			return -1;
		if (rc == 1)
			return parse_unknown(p, words, "an option of a socket");
	}
	return listener_socket(p, l);
}

static int
parse_inet(struct parser *p, struct conf_listener *l)
{
	static const uint16_t ports[] = { 0, 465, 587, 25 };
	char on[HOSTNAME_SIZE];

	if (parse_value(p, on, sizeof(on), "an address or interface") == -1)
		return -1;
	while (!parse_is_end(p))
		if (parse_listener_option(p, l) == -1)
			return -1;
	if (l->kind == 0)
		return parse_fail(p, "one of: smtps submission smtp",
		    "the listener has no kind");
	if (l->port == 0)
		l->port = ports[l->kind];
	return listener_resolve(p, l, on);
}

int
parse_listen(struct parser *p)
{
	static const char *const words[] = { "on", NULL };
	struct conf_listener *l;
	int rc;

	if (!parse_accept(p, "on"))
		return parse_unknown(p, words, "'on'");
	if ((l = conf_append(&p->conf->listeners, &p->conf->nlisteners,
	    sizeof(*l))) == NULL)
		return parse_fail(p, NULL, "out of memory");
	l->where = p->start;
	l->tls = LISTENER_TLS12 | LISTENER_TLS13;
	rc = parse_accept(p, "socket") ? parse_socket(p, l) : parse_inet(p, l);
	if (rc == -1)
		l->is_broken = 1;
	return rc;
}

/* Static RSA needs the key itself, and CBC is not to come back. */
static void
check_ciphers(const struct conf_listener *l, struct conf_errors *errors)
{
	static const char *const hint =
	    "ECDHE with AES-GCM or ChaCha20, as in "
	    "\"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384\"";
	const SSL_CIPHER *c;
	SSL_CTX *ctx;
	int i, n = 0;

	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    SSL_CTX_set_cipher_list(ctx, l->ciphers) != 1) {
		conf_complain(errors, l->where, hint,
		    "ciphers: '%s' names no cipher", l->ciphers);
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return;
	}
	for (i = 0; (c = sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(ctx), i)) !=
	    NULL; i++) {
		if (SSL_CIPHER_get_kx_nid(c) == NID_kx_any)
			continue;	/* TLS 1.3: always there */
		n++;
		if (SSL_CIPHER_is_aead(c) &&
		    SSL_CIPHER_get_kx_nid(c) == NID_kx_ecdhe &&
		    (SSL_CIPHER_get_auth_nid(c) == NID_auth_rsa ||
		    SSL_CIPHER_get_auth_nid(c) == NID_auth_ecdsa))
			continue;
		conf_complain(errors, l->where, hint,
		    "ciphers: %s is not served", SSL_CIPHER_get_name(c));
		break;
	}
	if (n == 0)
		conf_complain(errors, l->where, hint,
		    "ciphers: '%s' has none for TLS 1.2", l->ciphers);
	SSL_CTX_free(ctx);
}

static void
load_ca(struct conf_listener *l, struct conf_errors *errors)
{
	char err[1024];
	X509 *cert = NULL;
	BIO *bio;

	l->ca_pem = conf_file_read(l->ca_path, FILE_PUBLIC, &l->ca_len, NULL,
	    err, sizeof(err));
	if (l->ca_pem == NULL) {
		conf_complain(errors, l->where, NULL, "ca: %s", err);
		return;
	}
	if ((bio = BIO_new_mem_buf(l->ca_pem, (int)l->ca_len)) != NULL)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (cert == NULL)
		conf_complain(errors, l->where,
		    "it must hold certificates in PEM",
		    "ca: %s holds no certificate", l->ca_path);
	X509_free(cert);
	/* net gets this file whole. */
	if (memmem(l->ca_pem, l->ca_len, "PRIVATE KEY", 11) != NULL)
		conf_complain(errors, l->where, "leave the certificates alone "
		    "in it", "ca: %s holds a private key", l->ca_path);
}

static void
check_verify(const struct conf *conf, struct conf_listener *l,
    struct conf_errors *errors)
{
	if (l->ca_path != NULL && (l->flags & LISTENER_VERIFY) == 0)
		conf_complain(errors, l->where, "add: verify required",
		    "'ca' means nothing without 'verify'");
	if ((l->flags & LISTENER_VERIFY_MUST) && l->ca_path == NULL)
		conf_complain(errors, l->where, "add: ca \"file\"",
		    "'verify required' needs to know by whom");
	if (conf->npkis == 0 && (l->flags & LISTENER_VERIFY ||
	    l->ciphers[0] != '\0'))
		conf_complain(errors, l->where,
		    "add: pki NAME cert \"file\", pki NAME key \"file\"",
		    "options of TLS mean nothing without a certificate");
	if (l->ca_path != NULL)
		load_ca(l, errors);
}

/* The tighter one counts, 0 is not said. */
static uint32_t
tighter(uint32_t own, uint32_t all)
{
	return own == 0 || own > all ? all : own;
}

static void
check_limits(const struct conf *conf, struct conf_listener *l,
    struct conf_errors *errors)
{
	static const char *const hint = "raise the limit for all, or lower "
	    "this one";

	if (l->message_max > conf->message_max)
		conf_complain(errors, l->where, hint, "limit message-size is "
		    "larger than that for all listeners");
	if (l->recipients_max > conf->recipients_max)
		conf_complain(errors, l->where, hint, "limit recipients is "
		    "larger than that for all listeners");
	if (l->sessions_max > conf->sessions_max)
		conf_complain(errors, l->where, hint, "limit sessions is "
		    "larger than that for all listeners");
	if (l->message_max == 0)
		l->message_max = conf->message_max;
	l->recipients_max = tighter(l->recipients_max, conf->recipients_max);
	l->sessions_max = tighter(l->sessions_max, conf->sessions_max);
	/* This one replaces that for all: a proxy is one address. */
	if (l->sessions_per_ip == 0)
		l->sessions_per_ip = conf->sessions_per_ip;
}

static void
check_socket(const struct conf_listener *l, struct conf_errors *errors)
{
	struct sockaddr_un un;

	if (l->path[0] != '/' || strlen(l->path) >= sizeof(un.sun_path) ||
	    strstr(l->path, "/../") != NULL || strstr(l->path, "//") != NULL ||
	    l->path[strlen(l->path) - 1] == '/')
		conf_complain(errors, l->where,
		    "listen on socket \"/run/smtpsd.submit\"",
		    "'%s' cannot be a socket: it must begin with / and be "
		    "shorter than %zu bytes", l->path, sizeof(un.sun_path));
}

void
conf_check_listener(struct conf *conf, struct conf_listener *l,
    struct conf_errors *errors)
{
	char found[128];

	check_limits(conf, l, errors);
	if (l->kind == LISTENER_LOCAL) {
		check_socket(l, errors);
		return;
	}
	if (l->ciphers[0] != '\0')
		check_ciphers(l, errors);
	check_verify(conf, l, errors);
	conf_check_external(l, errors);
	if ((l->flags & LISTENER_AUTH_COMPAT) && !conf_listener_has_auth(l))
		conf_complain(errors, l->where, "add: auth <users>",
		    "'auth-compat' means nothing without 'auth'");
	if (conf_has_bad_net(l->nets, found, sizeof(found)))
		conf_complain(errors, l->where,
		    "as in 192.0.2.0/24 or 2001:db8::/32",
		    "proxy: '%s' is not an address or network", found);
}
