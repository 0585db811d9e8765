/*
 * What a configuration must be as a whole: names that exist, listeners that
 * are safe, a rule set that is no open relay, settings that fit together.
 * All complaints are made, not only the first.  Called by conf.c after the
 * parser; conf_pki.c and conf_tables.c read the files.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/accounts.h"
#include "conf_file.h"
#include "conf_parse.h"
#include "mail/address.h"
#include "mail/table.h"

static struct conf_where
whole(const struct conf *conf)
{
	struct conf_where where = { conf->files[0], 0 };

	return where;
}

/* The line that says it, if one does. */
static struct conf_where
at(const struct conf *conf, const struct conf_where *where)
{
	return where->file != NULL ? *where : whole(conf);
}

static void
check_hostname(struct conf *conf, struct conf_errors *errors)
{
	if (conf->hostname[0] == '\0') {
		if (gethostname(conf->hostname, sizeof(conf->hostname)) == -1)
			conf->hostname[0] = '\0';
		conf->hostname[sizeof(conf->hostname) - 1] = '\0';
		if (strchr(conf->hostname, '.') == NULL)
			conf_caution(errors, whole(conf),
			    "add: hostname mail.example.org",
			    "the host name '%s' has no domain",
			    conf->hostname);
	}
	if (!address_is_hostname(conf->hostname))
		conf_complain(errors, whole(conf),
		    "add: hostname mail.example.org",
		    "'%s' is not a host name", conf->hostname);
}

/* Those named, or else all; the first is what a client without SNI gets. */
static void
choose_pkis(struct conf *conf, struct conf_listener *l,
    struct conf_errors *errors)
{
	struct conf_pki *first;
	size_t i;

	if (l->npki > 0)
		return;
	if (conf->npkis > LISTENER_PKI_MAX) {
		conf_complain(errors, l->where,
		    "name those of this listener: pki NAME pki NAME",
		    "more than %d pki for one listener", LISTENER_PKI_MAX);
		return;
	}
	for (i = 0; i < conf->npkis; i++) {
		l->pki[l->npki++] = conf->pkis[i];
		if (strcasecmp(conf->pkis[i]->name, l->hostname) == 0) {
			first = l->pki[0];
			l->pki[0] = conf->pkis[i];
			l->pki[i] = first;
		}
	}
}

static void
check_listener(struct conf *conf, struct conf_listener *l,
    struct conf_errors *errors)
{
	const char *kind = l->kind == LISTENER_SMTPS ? "smtps" :
	    l->kind == LISTENER_SUBMISSION ? "submission" : "smtp";

	if (l->hostname[0] == '\0')
		strlcpy(l->hostname, conf->hostname, sizeof(l->hostname));
	else if (!address_is_hostname(l->hostname))
		conf_complain(errors, l->where, NULL,
		    "'%s' is not a host name", l->hostname);
	conf_check_listener(conf, l, errors);
	if (l->kind == LISTENER_LOCAL)
		return;
	conf_check_auth(conf, l, errors);
	choose_pkis(conf, l, errors);
	if (l->kind != LISTENER_SMTP && !conf_listener_has_auth(l))
		conf_complain(errors, l->where, "add: auth <users>",
		    "'%s' cannot be without 'auth'", kind);
	if (l->kind != LISTENER_SMTP && conf->npkis == 0)
		conf_complain(errors, l->where,
		    "add: pki NAME cert \"file\", pki NAME key \"file\"",
		    "'%s' cannot be without a certificate", kind);
	if (l->kind == LISTENER_SMTP && conf_listener_has_auth(l) &&
	    conf->npkis == 0)
		conf_complain(errors, l->where,
		    "add: pki NAME cert \"file\", pki NAME key \"file\"",
		    "'auth' cannot be offered without a certificate");
	if (l->senders != NULL && !conf_listener_has_auth(l))
		conf_complain(errors, l->where, "add: auth <users>",
		    "'senders' means nothing without 'auth'");
	if ((l->flags & LISTENER_ANY_FROM) && !conf_listener_has_auth(l))
		conf_complain(errors, l->where, "leave it out",
		    "'any-header-from' means nothing without 'auth'");
}

static int
same_family(const struct listener_addr *a, const struct listener_addr *b)
{
	return a->ss.ss_family == b->ss.ss_family;
}

/* Each socket once; "all" covers every address of its family and port. */
static void
check_twice(const struct conf *conf, size_t i, const struct listener_addr *a,
    struct conf_errors *errors)
{
	const struct conf_listener *other, *l = conf->listeners[i];
	const struct listener_addr *b;
	size_t j, k;

	for (j = 0; j < i; j++) {
		other = conf->listeners[j];
		for (k = 0; k < other->naddrs && other->port == l->port; k++) {
			b = &other->addrs[k];
			if (l->kind == LISTENER_LOCAL &&
			    other->kind == LISTENER_LOCAL &&
			    strcmp(l->path, other->path) != 0)
				continue;
			if (same_family(a, b) && (strcmp(a->text, b->text) ==
			    0 || strcmp(a->text, "0.0.0.0") == 0 ||
			    strcmp(b->text, "0.0.0.0") == 0 ||
			    strcmp(a->text, "::") == 0 ||
			    strcmp(b->text, "::") == 0)) {
				conf_complain(errors, l->where, NULL,
				    "address %s port %u is taken by line %u",
				    a->text, l->port, other->where.line);
				return;
			}
		}
	}
	/* Ids are hashes: two may be equal, if hardly ever. */
	for (j = 0; j <= i; j++)
		for (k = 0; k < conf->listeners[j]->naddrs; k++)
			if (&conf->listeners[j]->addrs[k] != a &&
			    conf->listeners[j]->addrs[k].id == a->id)
				conf_complain(errors, l->where,
				    "take another port", "address %s port %u "
				    "cannot be told from line %u", a->text,
				    l->port, conf->listeners[j]->where.line);
}

static void
check_listeners(struct conf *conf, struct conf_errors *errors)
{
	struct conf_listener *l;
	size_t i, j, n = 0;

	if (conf->nlisteners == 0)
		conf_complain(errors, whole(conf),
		    "add: listen on all smtps auth <users>",
		    "there is nothing to listen on");
	for (i = 0; i < conf->nlisteners; i++) {
		l = conf->listeners[i];
		if (l->is_broken)
			continue;
		check_listener(conf, l, errors);
		if (l->kind == LISTENER_LOCAL &&
		    strcmp(l->path, conf->control_path) == 0)
			conf_complain(errors, l->where,
			    "listen on socket \"/run/smtpsd.submit\"",
			    "'%s' is the control socket already", l->path);
		for (j = 0; j < l->naddrs; j++)
			check_twice(conf, i, &l->addrs[j], errors);
		n += l->naddrs;
		if (n > CONF_ADDRS_MAX && n - l->naddrs <= CONF_ADDRS_MAX)
			conf_complain(errors, l->where, "use 'listen on all'",
			    "more than %d addresses to listen on",
			    CONF_ADDRS_MAX);
	}
}

static void
check_queue(const struct conf *conf, struct conf_errors *errors)
{
	if (conf->retry_min_s > conf->retry_max_s)
		conf_complain(errors, at(conf, &conf->times_where),
		    "queue retry 5m to 4h",
		    "the first retry comes later than the longest pause");
	if (conf->retry_max_s > conf->expire_s)
		conf_complain(errors, at(conf, &conf->times_where),
		    "queue expire 5d",
		    "mail expires before the longest pause between retries");
	if (conf->queue_directory[0] != '/' ||
	    conf->queue_directory[1] == '\0' ||
	    strstr(conf->queue_directory, "/../") != NULL)
		conf_complain(errors, at(conf, &conf->directory_where),
		    "queue directory \"/var/spool/smtpsd\"",
		    "'%s' cannot be the queue directory",
		    conf->queue_directory);
}

static void
check_control(struct conf *conf, struct conf_errors *errors)
{
	struct sockaddr_un un;

	if (conf->control_path[0] != '/' ||
	    strlen(conf->control_path) >= sizeof(un.sun_path))
		conf_complain(errors, at(conf, &conf->control_where),
		    "control socket \"/run/smtpsd.sock\"",
		    "'%s' cannot be the control socket: it must begin with / "
		    "and be shorter than %zu bytes", conf->control_path,
		    sizeof(un.sun_path));
	if (conf->control_group[0] == '\0')
		return;
	switch (accounts_group(conf->control_group, &conf->control_gid)) {
	case ACCOUNTS_FOUND:
		break;
	case ACCOUNTS_NONE:
		conf_complain(errors, at(conf, &conf->control_where),
		    "make the group first",
		    "control group: no group '%s'", conf->control_group);
		break;
	default:
		conf_complain(errors, at(conf, &conf->control_where),
		    "see the services of group in nsswitch.conf",
		    "control group: the system cannot say now whether there "
		    "is a group '%s'", conf->control_group);
		break;
	}
}

static int
is_numeric(const char *s, size_t n)
{
	char host[IPADDR_SIZE];
	struct addrinfo hints = { 0 }, *ai;

	if (n == 0 || n >= sizeof(host))
		return 0;
	memcpy(host, s, n);
	host[n] = '\0';
	hints.ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(host, NULL, &hints, &ai) != 0)
		return 0;
	freeaddrinfo(ai);
	return 1;
}

/* "address[@port]" */
static int
forwarder_ok(const char *s, size_t n)
{
	const char *at, *why;
	char port[8];
	size_t left;

	if ((at = memchr(s, '@', n)) == NULL)
		return is_numeric(s, n);
	left = n - (size_t)(at + 1 - s);
	if (left == 0 || left >= sizeof(port))
		return 0;
	memcpy(port, at + 1, left);
	port[left] = '\0';
	strtonum(port, 1, 65535, &why);
	return why == NULL && is_numeric(s, (size_t)(at - s));
}

/* The name servers of the system, one a line. */
static char *
system_forwarders(void)
{
	char err[512], *data, *out = NULL, *line, *next, *all;
	size_t size, n;

	if ((data = conf_file_read("/etc/resolv.conf", FILE_PUBLIC, &size,
	    NULL, err, sizeof(err))) == NULL)
		return NULL;
	for (next = data; (line = strsep(&next, "\n")) != NULL;) {
		if (strncmp(line, "nameserver", 10) != 0 ||
		    !isspace((unsigned char)line[10]))
			continue;
		line += 10;
		line += strspn(line, " \t");
		n = strcspn(line, " \t\r#;");
		if (!is_numeric(line, n) || asprintf(&all, "%s%.*s\n",
		    out == NULL ? "" : out, (int)n, line) == -1)
			continue;
		free(out);
		out = all;
	}
	free(data);
	return out;
}

/* The keys of the root zone as IANA publishes them (root-anchors.xml). */
static const char root_anchors[] =
    ". IN DS 20326 8 2 "
    "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". IN DS 38696 8 2 "
    "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

static void
check_anchors(struct conf *conf, struct conf_errors *errors)
{
	char err[512];
	size_t n;

	if (conf->anchors_path[0] == '\0') {
		conf->anchors = strdup(root_anchors);
		return;
	}
	conf->anchors = conf_file_read(conf->anchors_path, FILE_PUBLIC, &n,
	    NULL, err, sizeof(err));
	if (conf->anchors == NULL)
		conf_complain(errors, at(conf, &conf->resolver_where),
		    "a file of DS or DNSKEY records",
		    "resolver anchors: %s", err);
}

static void
check_resolver(struct conf *conf, struct conf_errors *errors)
{
	char err[512];
	const char *s;
	size_t n;

	for (s = conf->forwarders; s != NULL && *s != '\0'; s += n + 1) {
		n = strcspn(s, "\n");
		if (!forwarder_ok(s, n))
			conf_complain(errors, at(conf, &conf->resolver_where),
			    "numeric, as in 127.0.0.1@53",
			    "resolver: '%.*s' is not an address", (int)n, s);
	}
	if (conf->is_recursive && conf->forwarders != NULL)
		conf_complain(errors, at(conf, &conf->resolver_where),
		    "one or the other",
		    "resolver: 'recursive' and 'forward'");
	if (conf->forwarders == NULL && !conf->is_recursive)
		conf->forwarders = system_forwarders();
	check_anchors(conf, errors);
	conf->hosts = conf_file_read("/etc/hosts", FILE_PUBLIC, &n, NULL, err,
	    sizeof(err));
	/* It crosses as a text: what is behind a NUL is not seen. */
}

/* policy gets them all at once, and as much as a link takes. */
static void
check_amount(const struct conf *conf, struct conf_errors *errors)
{
	const struct conf_table *t;
	size_t i, sum = 0;

	for (i = 0; i < conf->ntables; i++) {
		t = conf->tables[i];
		if (!conf_table_is_sent(t))
			continue;
		sum += t->size;
		if (sum <= CONF_TABLES_MAX)
			continue;
		conf_complain(errors, t->where, "make it shorter, for example "
		    "by aliases for whole domains", "table '%s': the tables "
		    "together are larger than %u MiB", t->name,
		    CONF_TABLES_MAX >> 20);
		return;
	}
}

/*
 * Everything that is named is there from here on, or had a complaint: read
 * tables before actions, which look their secrets up in them.
 */
void
conf_check(struct conf *conf, struct conf_errors *errors)
{
	check_hostname(conf, errors);
	conf_check_tables(conf, errors);
	conf_check_pkis(conf, errors);
	conf_check_tokens(conf, errors);
	check_listeners(conf, errors);
	conf_check_actions(conf, errors);
	conf_check_aliases(conf, errors);
	check_amount(conf, errors);
	conf_check_items(conf, errors);
	conf_check_rules(conf, errors);
	check_queue(conf, errors);
	check_control(conf, errors);
	check_resolver(conf, errors);
}
