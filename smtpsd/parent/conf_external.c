/*
 * The option "external" of a listener: a table of client certificates and the
 * logins they stand for.  Called by the parser for the option and by
 * conf_check.c when all tables are read.
 */
#include <string.h>

#include "conf_parse.h"
#include "mail/table.h"

#define FINGERPRINT_SIZE	71	/* SHA256: and 64 digits */

struct check {
	const struct conf_listener	*listener;
	struct conf_errors		*errors;
	int				 has_subject;
};

int
parse_external(struct parser *p, struct conf_listener *l)
{
	if (l->external != NULL)
		return parse_fail(p, "put them into one table",
		    "'external' is there already");
	l->external = parse_table_ref(p, TABLE_PLAIN);
	return l->external == NULL ? -1 : 0;
}

static int
is_fingerprint(const char *key)
{
	return strncasecmp(key, "SHA256:", 7) == 0 &&
	    strlen(key) == FINGERPRINT_SIZE &&
	    key[7 + strspn(key + 7, "0123456789abcdefABCDEF")] == '\0';
}

/* "/C=DE/O=Example/CN=alice", as the quotes of the table have it. */
static int
is_subject(const char *key)
{
	size_t n = strlen(key);

	return n > 4 && key[0] == '"' && key[1] == '/' && key[n - 1] == '"';
}

static void
check_item(const char *key, const char *value, void *arg)
{
	struct check *c = arg;
	const struct conf_listener *l = c->listener;

	if (is_subject(key))
		c->has_subject = 1;
	else if (!is_fingerprint(key))
		conf_complain(c->errors, l->where, "SHA256: and 64 digits, or "
		    "the subject in quotes, as in \"/O=Example/CN=alice\"",
		    "external <%s>: '%s' is no certificate", l->external->name,
		    key);
	if (!users_name_ok(value))
		conf_complain(c->errors, l->where,
		    "one login behind each certificate",
		    "external <%s>: '%s' of %s is no login",
		    l->external->name, value, key);
	else if (l->users != NULL && l->users->users != NULL &&
	    users_find_live(l->users->users, value) == NULL)
		conf_caution(c->errors, l->where, "smtpsctl user add NAME",
		    "external <%s>: '%s' of %s is not among the users",
		    l->external->name, value, key);
}

void
conf_check_external(struct conf_listener *l, struct conf_errors *errors)
{
	struct check c = { l, errors, 0 };
	char err[256];

	if (l->external == NULL)
		return;
	if ((l->flags & LISTENER_VERIFY) == 0)
		conf_complain(errors, l->where, "add: verify optional",
		    "'external' means nothing without 'verify'");
	if (l->external->text == NULL)
		return;		/* has its complaint */
	if ((l->certs = table_parse(l->external->text, l->external->size, err,
	    sizeof(err))) == NULL)
		return;		/* the same */
	table_each(l->certs, check_item, &c);
	if (c.has_subject && l->ca_path == NULL)
		conf_complain(errors, l->where, "add: ca \"file\", or name the "
		    "certificates by SHA256:...", "external <%s>: without "
		    "'ca' anybody can make a certificate of any subject",
		    l->external->name);
}
