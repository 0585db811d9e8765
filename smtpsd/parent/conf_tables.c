/*
 * Tables and relay actions of the configuration: reads users, secrets and
 * plain tables, each with the care its content asks for, and gives relay
 * actions their credentials and CA bundles.  Called by conf_check.c.
 */
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/accounts.h"
#include "conf_file.h"
#include "conf_parse.h"
#include "mail/address.h"
#include "mail/command.h"
#include "mail/table.h"
#include "mailroot.h"
#include "userdb.h"

static const char *const ca_paths[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/ssl/cert.pem",
	NULL
};

static void
load_users(struct conf_table *t, struct conf_errors *errors)
{
	char err[1024];

	if (t->path == NULL) {
		conf_complain(errors, t->where,
		    "write: table NAME file \"/etc/smtpsd/users\"",
		    "users <%s> must stand in a file of their own", t->name);
		return;
	}
	t->users = users_load(t->path, err, sizeof(err));
	if (t->users == NULL)
		conf_complain(errors, t->where,
		    "see smtpsctl user add; the file must be root's, mode 0600",
		    "users <%s>: %s", t->name, err);
	else if (users_count(t->users) == 0)
		conf_caution(errors, t->where, "smtpsctl user add NAME",
		    "users <%s>: nobody can log in yet", t->name);
}

static void
load_secrets(struct conf_table *t, struct conf_errors *errors)
{
	char err[1024];

	if (t->path == NULL) {
		if (!t->is_private)
			conf_complain(errors, t->where, "put them into a file "
			    "of mode 0600, or make this one 0600",
			    "secrets <%s> stand in a file that others can "
			    "read", t->name);
		return;
	}
	t->text = conf_file_read(t->path, FILE_SECRET, &t->size, NULL, err,
	    sizeof(err));
	if (t->text == NULL)
		conf_complain(errors, t->where, NULL, "secrets <%s>: %s",
		    t->name, err);
}

static void
load_plain(struct conf_table *t, struct conf_errors *errors)
{
	struct table *parsed;
	struct stat st = { 0 };
	char err[1024];

	if (t->path != NULL) {
		t->text = conf_file_read(t->path, FILE_PUBLIC, &t->size, &st,
		    err, sizeof(err));
		t->is_group = (st.st_mode & S_IWGRP) != 0;
		if (t->text == NULL) {
			conf_complain(errors, t->where, NULL,
			    "table <%s>: %s", t->name, err);
			return;
		}
	}
	parsed = table_parse(t->text, t->size, err, sizeof(err));
	if (parsed == NULL)
		conf_complain(errors, t->where, NULL, "table <%s>: %s%s%s",
		    t->name, t->path == NULL ? "" : t->path,
		    t->path == NULL ? "" : ": ", err);
	table_free(parsed);
}

static void
not_defined(const struct conf *conf, const struct conf_table *t,
    struct conf_errors *errors)
{
	const char **names, *guess = NULL;
	char hint[128];
	size_t i, n = 0;

	if ((names = calloc(conf->ntables + 1, sizeof(*names))) != NULL) {
		for (i = 0; i < conf->ntables; i++)
			if (conf_table_is_defined(conf->tables[i]) &&
			    !conf->tables[i]->is_inline)
				names[n++] = conf->tables[i]->name;
		guess = conf_closest(t->name, names);
	}
	if (guess != NULL)
		snprintf(hint, sizeof(hint), "did you mean <%s>?", guess);
	else
		snprintf(hint, sizeof(hint), "add: table %s file \"...\"",
		    t->name);
	conf_complain(errors, t->where, hint, "table <%s> is not defined",
	    t->name);
	free(names);
}

void
conf_check_tables(struct conf *conf, struct conf_errors *errors)
{
	struct conf_table *t;
	size_t i;

	for (i = 0; i < conf->ntables; i++) {
		t = conf->tables[i];
		if (!conf_table_is_defined(t))
			not_defined(conf, t, errors);
		else if (t->uses == 0)
			conf_caution(errors, t->where, NULL,
			    "table <%s> is not used", t->name);
		else if (t->uses == TABLE_USERS)
			load_users(t, errors);
		else if (t->uses == TABLE_SECRETS)
			load_secrets(t, errors);
		else if (t->uses == TABLE_PLAIN)
			load_plain(t, errors);
		else
			conf_complain(errors, t->where,
			    "make a second table; 'from auth' needs none to "
			    "mean every user",
			    "table <%s> holds passwords and is used for "
			    "something else as well", t->name);
	}
}

/* One line "label user:password"; 1: it was this label. */
static int
take_secret(struct conf_action *a, const char *s, const char *end)
{
	const char *colon, *start;
	size_t len = strlen(a->label);

	while (s < end && isspace((unsigned char)*s))
		s++;
	while (end > s && (end[-1] == '\r' || end[-1] == '\n'))
		end--;
	if ((size_t)(end - s) <= len || strncmp(s, a->label, len) != 0)
		return 0;
	s += len;
	if (*s == ':')
		s++;
	if (s == end || !isspace((unsigned char)*s))
		return 0;
	while (s < end && isspace((unsigned char)*s))
		s++;
	start = s;
	colon = memchr(s, ':', (size_t)(end - s));
	if (colon == NULL || colon == start || colon + 1 == end ||
	    (size_t)(colon - start) >= sizeof(a->login) ||
	    (size_t)(end - colon) > sizeof(a->password))
		return -1;
	memcpy(a->login, start, (size_t)(colon - start));
	memcpy(a->password, colon + 1, (size_t)(end - colon - 1));
	return 1;
}

static void
find_secret(struct conf_action *a, struct conf_errors *errors)
{
	const struct conf_table *t = a->secrets;
	const char *s, *end, *nl;
	uint32_t line = 0;
	int rc;

	if (t->text == NULL)
		return;		/* could not be read: has its complaint */
	end = t->text + t->size;
	for (s = t->text; s < end; s = nl + 1) {
		line++;
		if ((nl = memchr(s, '\n', (size_t)(end - s))) == NULL)
			nl = end;
		if (*s == '#' || (rc = take_secret(a, s, nl)) == 0)
			continue;
		if (rc == -1)
			conf_complain(errors, a->where, "label user:password",
			    "secrets <%s>: line %u is not of the right form",
			    t->name, line);
		return;
	}
	conf_complain(errors, a->where, "label user:password",
	    "secrets <%s> have no label '%s'", t->name, a->label);
}

static void
check_credentials(struct conf_action *a, struct conf_errors *errors)
{
	if (a->label[0] == '\0' && a->secrets == NULL)
		return;
	if (a->secrets == NULL)
		conf_complain(errors, a->where, "add: auth <secrets>",
		    "action '%s' has a label but no table of secrets",
		    a->name);
	else if (a->label[0] == '\0')
		conf_complain(errors, a->where,
		    "write it before the host: smtps://label@host",
		    "action '%s' has secrets but no label", a->name);
	else if (a->tls == RELAY_PLAIN)
		conf_complain(errors, a->where, "use smtps:// or smtp+tls://",
		    "action '%s' would send a password without TLS", a->name);
	else {
		if (!a->verify)
			conf_caution(errors, a->where, "use ca \"file\" "
			    "instead of no-verify", "action '%s' gives its "
			    "password to whoever answers", a->name);
		find_secret(a, errors);
	}
}

static void
load_ca(struct conf *conf, struct conf_action *a, struct conf_errors *errors)
{
	char err[1024];
	size_t i;

	if (a->ca_path != NULL) {
		a->ca_pem = conf_file_read(a->ca_path, FILE_PUBLIC, &a->ca_len,
		    NULL, err, sizeof(err));
		if (a->ca_pem == NULL)
			conf_complain(errors, a->where, NULL, "ca: %s", err);
		else if (strstr(a->ca_pem, "-----BEGIN ") == NULL ||
		    strstr(a->ca_pem, "PRIVATE KEY-----") != NULL)
			conf_complain(errors, a->where,
			    "certificates in PEM, and nothing else",
			    "ca: %s is not a CA bundle", a->ca_path);
		if (!a->verify && a->tls_policy == NULL)
			conf_caution(errors, a->where, NULL,
			    "action '%s' does not verify, 'ca' is useless",
			    a->name);
		return;
	}
	if ((!a->verify && a->tls_policy == NULL) || conf->ca_pem != NULL)
		return;
	for (i = 0; ca_paths[i] != NULL && conf->ca_pem == NULL; i++)
		conf->ca_pem = conf_file_read(ca_paths[i], FILE_PUBLIC,
		    &conf->ca_len, NULL, err, sizeof(err));
	if (conf->ca_pem == NULL)
		conf_complain(errors, a->where,
		    "install ca-certificates, or name a bundle with ca \"file\"",
		    "action '%s' verifies, but the system has no CA bundle",
		    a->name);
}

/* What mail exchangers cannot have. */
static void
check_mx(const struct conf_action *a, struct conf_errors *errors)
{
	if (a->secrets != NULL)
		conf_complain(errors, a->where,
		    "name it with host, as smtps://label@host",
		    "action '%s': a password is for one host", a->name);
	if (a->pin[0] != '\0')
		conf_complain(errors, a->where,
		    "in a table for tls-policy, by domain",
		    "action '%s': a pin is for one host", a->name);
}

static void
check_relay_names(const struct conf_action *a, struct conf_errors *errors)
{
	if (a->helo[0] != '\0' && !address_is_hostname(a->helo))
		conf_complain(errors, a->where, NULL,
		    "action '%s': helo '%s' is not a host name", a->name,
		    a->helo);
	if (a->pin[0] != '\0' && (strncmp(a->pin, "SHA256:", 7) != 0 ||
	    strlen(a->pin) != 71 ||
	    a->pin[7 + strspn(a->pin + 7, "0123456789abcdef")] != '\0'))
		conf_complain(errors, a->where, "SHA256: and 64 digits of "
		    "0-9a-f, of the certificate in DER",
		    "action '%s': '%s' is no fingerprint", a->name, a->pin);
	if (a->tls_policy != NULL && a->host[0] != '\0')
		conf_complain(errors, a->where, "the URL says it",
		    "action '%s': tls-policy is for mail exchangers", a->name);
}

static void
check_relay(struct conf *conf, struct conf_action *a,
    struct conf_errors *errors)
{
	if (a->host[0] == '\0')
		check_mx(a, errors);
	else if (!address_is_hostname(a->host) &&
	    a->host[strspn(a->host, "0123456789abcdefABCDEF:.")] != '\0')
		conf_complain(errors, a->where, NULL,
		    "action '%s': '%s' is not a host name or address",
		    a->name, a->host);
	check_relay_names(a, errors);
	check_credentials(a, errors);
	load_ca(conf, a, errors);
}

/* %{...} at s; its length or 0. */
static size_t
format_size(const char *s)
{
	static const char *const known[] = { "%{dest.user}", "%{dest.domain}",
	    "%{user.username}", NULL };
	size_t i;

	for (i = 0; known[i] != NULL; i++)
		if (strncmp(s, known[i], strlen(known[i])) == 0)
			return strlen(known[i]);
	return 0;
}

/* NULL, or what is wrong. */
static const char *
path_fault(const char *path)
{
	char root[PATHNAME_SIZE], rest[PATHNAME_SIZE];
	const char *s = path, *component;
	size_t n;

	if (strncmp(path, "~/", 2) == 0)
		s++;
	else if (*path != '/')
		return "must begin with / or ~/";
	while (*s != '\0') {
		while (*s == '/')
			s++;
		for (component = s; *s != '\0' && *s != '/'; s += n) {
			n = 1;
			if (*s == '%' && (n = format_size(s)) == 0)
				return "has an unknown format; known are "
				    "%{dest.user} %{dest.domain} "
				    "%{user.username}";
		}
		n = (size_t)(s - component);
		if ((n == 1 && component[0] == '.') ||
		    (n == 2 && strncmp(component, "..", 2) == 0))
			return "must not contain . or ..";
	}
	if (mailroot_split(path, "/home", root, sizeof(root), rest,
	    sizeof(rest)) == 0)
		return NULL;
	return path[0] == '~' ? "must name a directory below ~" :
	    "must begin with a fixed directory other than /";
}

/* A shell that is given parts of an address to read runs what they say. */
static int
gives_values_to_shell(const struct command *c, const char *text)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ksh",
	    "zsh", "csh", "tcsh", "fish", "eval", "env", NULL };
	const char *name = strrchr(c->argv[0], '/') + 1;
	size_t i;

	for (i = 0; shells[i] != NULL; i++)
		if (strcmp(name, shells[i]) == 0)
			return c->argc > 1 && strcmp(c->argv[1], "-c") == 0 &&
			    strstr(text, "%{") != NULL;
	return 0;
}

static void
check_command(struct conf_action *a, struct conf_errors *errors)
{
	static const struct command_values values = { "s@example.org",
	    "r@example.org", "user" };
	struct command *c;
	const char *fault;

	if ((fault = command_fault(a->command)) != NULL) {
		conf_complain(errors, a->where, "as in \"/usr/bin/procmail "
		    "-a %{dest.extension}\"", "action '%s': the command '%s' "
		    "%s", a->name, a->command, fault);
		return;
	}
	if ((c = malloc(sizeof(*c))) == NULL ||
	    command_expand(c, a->command, &values) != NULL)
		conf_complain(errors, a->where, NULL, "out of memory");
	else if (access(c->argv[0], X_OK) == -1)
		conf_complain(errors, a->where, NULL,
		    "action '%s': %s: %s", a->name, c->argv[0],
		    strerror(errno));
	else if (gives_values_to_shell(c, a->command))
		conf_complain(errors, a->where, "give the values to a script "
		    "as arguments of its own", "action '%s': a shell would "
		    "run what senders write into an address", a->name);
	free(c);
}

static void
check_user(const struct conf_action *a, const char *user,
    struct conf_errors *errors)
{
	const struct passwd *pw;

	if (user[0] == '\0')
		return;
	switch (accounts_user(user, &pw)) {
	case ACCOUNTS_UNSURE:
		conf_caution(errors, a->where, "see the services of passwd in "
		    "nsswitch.conf", "action '%s': the system cannot say now "
		    "whether there is a user '%s'", a->name, user);
		return;
	case ACCOUNTS_NONE:
		conf_complain(errors, a->where, "make the user first",
		    "action '%s': no user '%s'", a->name, user);
		return;
	default:
		break;
	}
	if (pw->pw_uid == 0)
		conf_complain(errors, a->where, "name an unprivileged user",
		    "action '%s': mail is not delivered as root", a->name);
}

static void
check_local(struct conf_action *a, struct conf_errors *errors)
{
	const char *fault;
	struct account who;

	if (a->kind == ACTION_MDA)
		check_command(a, errors);
	else if ((fault = path_fault(a->path)) != NULL)
		conf_complain(errors, a->where, NULL,
		    "action '%s': the path '%s' %s", a->name, a->path, fault);
	check_user(a, a->user, errors);
	if (a->user[0] != '\0' && action_needs_home(a) &&
	    userdb_find(a->user, &who) == USERDB_FOUND && !mailroot_is_home(who.home))
		conf_complain(errors, a->where, "name a path that begins with "
		    "'/'", "action '%s': user '%s' has no home directory",
		    a->name, a->user);
	if (a->forward && a->user[0] != '\0')
		conf_complain(errors, a->where, "drop one of them",
		    "action '%s': one user for all has one .forward for all",
		    a->name);
}

void
conf_check_actions(struct conf *conf, struct conf_errors *errors)
{
	const char **names;
	const char *guess;
	char hint[128];
	struct conf_action *a;
	size_t i, n = 0;

	if (conf->nactions > CONF_ACTIONS_MAX)
		conf_complain(errors, conf->actions[CONF_ACTIONS_MAX]->where,
		    NULL, "more than %d actions", CONF_ACTIONS_MAX);
	names = calloc(conf->nactions + 1, sizeof(*names));
	for (i = 0; i < conf->nactions && names != NULL; i++)
		if (conf->actions[i]->kind != ACTION_UNDEFINED)
			names[n++] = conf->actions[i]->name;
	for (i = 0; i < conf->nactions; i++) {
		a = conf->actions[i];
		a->ca_id = a->ca_path == NULL ? 0 : (uint32_t)i + 1;
		if (a->is_broken)
			continue;
		if (a->kind == ACTION_UNDEFINED) {
			guess = names == NULL ? NULL :
			    conf_closest(a->name, names);
			if (guess == NULL)
				strlcpy(hint, "add: action \"name\" ...",
				    sizeof(hint));
			else
				snprintf(hint, sizeof(hint),
				    "did you mean \"%s\"?", guess);
			conf_complain(errors, a->where, hint,
			    "action '%s' is not defined", a->name);
			continue;
		}
		if (!a->is_used)
			conf_caution(errors, a->where, NULL,
			    "action '%s' is not used by any rule", a->name);
		check_user(a, a->target_user, errors);
		if (action_is_local(a))
			check_local(a, errors);
		else if (a->kind != ACTION_EXPAND)
			check_relay(conf, a, errors);
	}
	free(names);
}
