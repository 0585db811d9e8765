/*
 * The statement action of the configuration.  Called by conf_parse.c;
 * whether what it says makes sense is decided in conf_tables.c, where the
 * files that it names are read as well.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "mail/address.h"

#define CONNECTIONS_MAX	64
#define COMMAND_S	300	/* seconds for one message */

static int
url_fail(struct parser *p, const struct conf_action *a, const char *url)
{
	if (a->kind == ACTION_LMTP)
		return parse_fail(p, "lmtp \"localhost:24\" or "
		    "lmtp \"/run/dovecot/lmtp\"",
		    "'%s' does not say where LMTP is spoken", url);
	return parse_fail(p,
	    "smtp://host, smtps://label@host:port, smtp+tls://[::1]:587",
	    "'%s' does not say where to relay to", url);
}

/* host[:port] or [address][:port] */
static int
parse_url_host(struct parser *p, struct conf_action *a, const char *s,
    const char *url)
{
	const char *end, *why;
	size_t len;

	if (*s == '[') {
		s++;
		if ((end = strchr(s, ']')) == NULL)
			return url_fail(p, a, url);
		len = (size_t)(end++ - s);
	} else {
		len = strcspn(s, ":");
		end = s + len;
	}
	if (len == 0 || len >= sizeof(a->host) ||
	    (*end != '\0' && *end != ':'))
		return url_fail(p, a, url);
	memcpy(a->host, s, len);
	a->host[len] = '\0';
	if (*end == ':') {
		a->port = (uint16_t)strtonum(end + 1, 1, 65535, &why);
		if (why != NULL)
			return url_fail(p, a, url);
	}
	return 0;
}

static int
parse_url(struct parser *p, struct conf_action *a)
{
	static const struct {
		const char	*scheme;
		uint8_t		 tls;
		uint8_t		 verify;
		uint16_t	 port;
	} schemes[] = {
		{ "smtp://", RELAY_PLAIN, 0, 25 },
		{ "smtps://", RELAY_SMTPS, 1, 465 },
		{ "smtp+tls://", RELAY_STARTTLS, 1, 25 },
	};
	char url[1024];
	const char *s, *at;
	size_t i, n = sizeof(schemes) / sizeof(schemes[0]);

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "an URL as in smtps://host");
	strlcpy(url, lexer_text(p->lexer), sizeof(url));
	for (i = 0; i < n; i++)
		if (strncmp(url, schemes[i].scheme,
		    strlen(schemes[i].scheme)) == 0)
			break;
	if (i == n)
		return url_fail(p, a, url);
	a->tls = schemes[i].tls;
	a->verify = schemes[i].verify;
	a->port = schemes[i].port;
	s = url + strlen(schemes[i].scheme);
	if ((at = strchr(s, '@')) != NULL) {
		if (at == s || (size_t)(at - s) >= sizeof(a->label) ||
		    memchr(s, ':', (size_t)(at - s)) != NULL)
			return parse_fail(p, "the password stands in the "
			    "table behind 'auth' under this label",
			    "'%.*s' cannot be a label", (int)(at - s), s);
		memcpy(a->label, s, (size_t)(at - s));
		s = at + 1;
	}
	if (parse_url_host(p, a, s, url) == -1)
		return -1;
	lexer_next(p->lexer);
	return 0;
}

/* Which TLS mail exchangers must speak; hosts have it in their URL. */
static int
parse_tls(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "opportunistic", "required",
	    "verify", NULL };

	if (a->host[0] != '\0')
		return parse_fail(p, "write smtp://, smtp+tls:// or smtps://",
		    "action '%s': the URL says how TLS is spoken", a->name);
	a->verify = 0;
	if (parse_accept(p, "opportunistic"))
		a->tls = RELAY_PLAIN;
	else if (parse_accept(p, "required"))
		a->tls = RELAY_STARTTLS;
	else if (parse_accept(p, "verify")) {
		a->tls = RELAY_STARTTLS;
		a->verify = 1;
	} else
		return parse_unknown(p, words, "how TLS is spoken");
	return 0;
}

/* An address of this host to send from; one of each family. */
static int
parse_source(struct parser *p, struct conf_action *a)
{
	char text[IPADDR_SIZE], *to;
	uint8_t bytes[16];
	size_t size;

	if (parse_value(p, text, sizeof(text), "a numeric address") == -1)
		return -1;
	if (inet_pton(AF_INET, text, bytes) == 1) {
		to = a->source4;
		size = sizeof(a->source4);
	} else if (inet_pton(AF_INET6, text, bytes) == 1) {
		to = a->source6;
		size = sizeof(a->source6);
	} else
		return parse_fail(p, "numeric, as in 192.0.2.1 or 2001:db8::1",
		    "'%s' is not an address to send from", text);
	if (to[0] != '\0')
		return parse_fail(p, "one for IPv4 and one for IPv6",
		    "mail is sent from %s already", to);
	strlcpy(to, text, size);
	return 0;
}

static int
parse_ca(struct parser *p, struct conf_action *a)
{
	char path[PATHNAME_SIZE];

	if (parse_value(p, path, sizeof(path), "the path of a file") == -1)
		return -1;
	free(a->ca_path);
	if ((a->ca_path = strdup(path)) == NULL)
		return parse_fail(p, NULL, "out of memory");
	return 0;
}

static int
parse_relay_option(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "auth", "ca", "no-verify", "tls",
	    "tls-policy", "pin", "helo", "source", "connections", "pace",
	    "allow-loopback", "alias", NULL };

	if (parse_accept(p, "auth"))
		return (a->secrets = parse_table_ref(p, TABLE_SECRETS)) ==
		    NULL ? -1 : 0;
	if (parse_accept(p, "alias"))
		return (a->aliases = parse_table_ref(p, TABLE_PLAIN)) ==
		    NULL ? -1 : 0;
	if (parse_accept(p, "ca"))
		return parse_ca(p, a);
	if (parse_accept(p, "no-verify")) {
		if (a->host[0] == '\0')
			return parse_fail(p, "tls required takes any "
			    "certificate", "action '%s': 'no-verify' is for "
			    "one host", a->name);
		a->verify = 0;
		return 0;
	}
	if (parse_accept(p, "tls"))
		return parse_tls(p, a);
	if (parse_accept(p, "tls-policy"))
		return (a->tls_policy = parse_table_ref(p, TABLE_PLAIN)) ==
		    NULL ? -1 : 0;
	if (parse_accept(p, "pin"))
		return parse_value(p, a->pin, sizeof(a->pin),
		    "a fingerprint as in SHA256:...");
	if (parse_accept(p, "helo"))
		return parse_value(p, a->helo, sizeof(a->helo),
		    "a host name");
	if (parse_accept(p, "source"))
		return parse_source(p, a);
	if (parse_accept(p, "connections"))
		return parse_number(p, 1, CONNECTIONS_MAX, &a->connections,
		    "connections");
	if (parse_accept(p, "pace"))
		return parse_number(p, 1, 1000000, &a->pace, "pace");
	if (parse_accept(p, "allow-loopback")) {
		a->allow_loopback = 1;
		return 0;
	}
	return parse_unknown(p, words, "an option of relay");
}

/* "host:port" or "/path/of/socket" */
static int
parse_lmtp(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "alias", "connections", NULL };
	char where[SOCKET_PATH_SIZE];

	a->kind = ACTION_LMTP;
	a->tls = RELAY_PLAIN;
	if (parse_value(p, where, sizeof(where),
	    "host:port or the path of a socket") == -1)
		return -1;
	if (where[0] == '/') {
		strlcpy(a->path, where, sizeof(a->path));
		strlcpy(a->host, "localhost", sizeof(a->host));
		a->port = 24;	/* not used */
	} else if (parse_url_host(p, a, where, where) == -1)
		return -1;
	else if (a->port == 0)
		return parse_fail(p, "as in lmtp \"localhost:24\"",
		    "action '%s': LMTP has no port of its own", a->name);
	while (!parse_is_end(p)) {
		if (parse_accept(p, "alias")) {
			a->aliases = parse_table_ref(p, TABLE_PLAIN);
			if (a->aliases == NULL)
				return -1;
		} else if (parse_accept(p, "connections")) {
			if (parse_number(p, 1, CONNECTIONS_MAX,
			    &a->connections, "connections") == -1)
				return -1;
		} else
			return parse_unknown(p, words, "an option of lmtp");
	}
	return 0;
}

static int
parse_relay(struct parser *p, struct conf_action *a)
{
	a->kind = ACTION_RELAY;
	a->tls = RELAY_PLAIN;
	a->port = 25;
	if (parse_accept(p, "host") && parse_url(p, a) == -1)
		return -1;
	while (!parse_is_end(p))
		if (parse_relay_option(p, a) == -1)
			return -1;
	return 0;
}

/* alias <table> [as user]; the user is for the commands and files in it. */
static int
parse_alias(struct parser *p, struct conf_action *a)
{
	if ((a->aliases = parse_table_ref(p, TABLE_PLAIN)) == NULL)
		return -1;
	if (!parse_accept(p, "as"))
		return 0;
	return parse_name(p, a->target_user, sizeof(a->target_user),
	    "the name of a user");
}

static int
parse_local_option(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "alias", "user", "time",
	    "forward", NULL };

	if (parse_accept(p, "alias"))
		return parse_alias(p, a);
	if (parse_accept(p, "user"))
		return parse_name(p, a->user, sizeof(a->user),
		    "the name of a user");
	if (a->kind != ACTION_MDA && parse_accept(p, "forward")) {
		a->forward = 1;
		return 0;
	}
	if (a->kind == ACTION_MDA && parse_accept(p, "time"))
		return parse_duration(p, &a->command_s);
	return parse_unknown(p, words, "an option of a local action");
}

static int
parse_local_options(struct parser *p, struct conf_action *a)
{
	while (!parse_is_end(p))
		if (parse_local_option(p, a) == -1)
			return -1;
	return 0;
}

static int
parse_mailbox(struct parser *p, struct conf_action *a, enum action_kind kind)
{
	a->kind = kind;
	strlcpy(a->path, kind == ACTION_MBOX ? "/var/mail/%{user.username}" :
	    "~/Maildir", sizeof(a->path));
	if (lexer_kind(p->lexer) == TOKEN_STRING ||
	    (lexer_kind(p->lexer) == TOKEN_WORD &&
	    strchr("~/", lexer_text(p->lexer)[0]) != NULL))
		if (parse_value(p, a->path, sizeof(a->path),
		    "the path of the mailbox") == -1)
			return -1;
	return parse_local_options(p, a);
}

static int
parse_mda(struct parser *p, struct conf_action *a)
{
	a->kind = ACTION_MDA;
	a->command_s = COMMAND_S;
	if (parse_value(p, a->command, sizeof(a->command),
	    "a command, as in \"/usr/bin/procmail -a %{dest.extension}\"") ==
	    -1)
		return -1;
	return parse_local_options(p, a);
}

/* Nothing is delivered here: every recipient stands for others. */
static int
parse_expand_only(struct parser *p, struct conf_action *a)
{
	static const char *const words[] = { "alias", NULL };

	a->kind = ACTION_EXPAND;
	if (!parse_accept(p, "alias"))
		return parse_unknown(p, words, "'alias'");
	return parse_alias(p, a);
}

int
parse_action(struct parser *p)
{
	static const char *const words[] = { "maildir", "mbox", "mda",
	    "relay", "lmtp", "expand-only", NULL };
	char name[NAME_SIZE];
	struct conf_action *a;
	int rc;

	if (parse_name(p, name, sizeof(name), "the name of the action") ==
	    -1 || (a = conf_action_get(p, name)) == NULL)
		return -1;
	if (a->kind != ACTION_UNDEFINED)
		return parse_fail(p, NULL, "action '%s' is defined twice",
		    name);
	a->where = p->start;
	/* Defined whatever follows: one mistake, one complaint. */
	a->kind = ACTION_MAILDIR;
	if (parse_accept(p, "maildir"))
		rc = parse_mailbox(p, a, ACTION_MAILDIR);
	else if (parse_accept(p, "mbox"))
		rc = parse_mailbox(p, a, ACTION_MBOX);
	else if (parse_accept(p, "mda"))
		rc = parse_mda(p, a);
	else if (parse_accept(p, "relay"))
		rc = parse_relay(p, a);
	else if (parse_accept(p, "lmtp"))
		rc = parse_lmtp(p, a);
	else if (parse_accept(p, "expand-only"))
		rc = parse_expand_only(p, a);
	else
		rc = parse_unknown(p, words,
		    "maildir, mbox, mda, relay, lmtp or expand-only");
	if (rc == -1)
		a->is_broken = 1;
	return rc;
}
