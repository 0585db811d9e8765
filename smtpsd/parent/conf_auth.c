/*
 * What stands behind "auth" of a listener: a users table, the system's
 * passwords or Dovecot, and tokens.  Called by the parser for the option and by
 * conf_check.c when all lines are read.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <string.h>
#include <unistd.h>

#include "compat/config.h"
#include "conf_parse.h"

_Static_assert(DOVECOT_PATH_SIZE >= sizeof(((struct sockaddr_un *)0)->sun_path),
    "a path that fits into an address");

static int
has_passwords(const struct conf_listener *l)
{
	return l->users != NULL || l->auth_system || l->dovecot != 0;
}

int
conf_listener_has_auth(const struct conf_listener *l)
{
	return has_passwords(l) || l->external != NULL || l->token != NULL;
}

/* Listeners that name one socket share it. */
static int
parse_dovecot(struct parser *p, struct conf_listener *l)
{
	struct conf *conf = p->conf;
	char path[PATHNAME_SIZE];
	struct sockaddr_un un;
	uint16_t i;

	if (parse_value(p, path, sizeof(path), "the path of Dovecot's socket")
	    == -1)
		return -1;
	if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
		return parse_fail(p, "auth dovecot \"/run/dovecot/auth-client\"",
		    "'%s' cannot be Dovecot's socket: it must begin with / and "
		    "be shorter than %zu bytes", path, sizeof(un.sun_path));
	for (i = 0; i < conf->ndovecots; i++)
		if (strcmp(conf->dovecots[i], path) == 0)
			break;
	if (i == DOVECOTS_MAX)
		return parse_fail(p, NULL, "more than %d sockets of Dovecot",
		    DOVECOTS_MAX);
	if (i == conf->ndovecots) {
		strlcpy(conf->dovecots[i], path, sizeof(conf->dovecots[i]));
		conf->ndovecots++;
	}
	l->dovecot = i + 1;
	return 0;
}

static int
parse_passwords(struct parser *p, struct conf_listener *l)
{
	static const char *const words[] = { "<users>", "system", "dovecot",
	    "token", NULL };

	if (has_passwords(l))
		return parse_fail(p, "one 'auth' for each listener, or two "
		    "listeners", "'auth' is there already");
	if (parse_accept(p, "system")) {
		l->auth_system = 1;
		p->conf->has_system = 1;
		return 0;
	}
	if (parse_accept(p, "dovecot"))
		return parse_dovecot(p, l);
	if (lexer_kind(p->lexer) != TOKEN_TABLE)
		return parse_unknown(p, words, "what 'auth' asks");
	l->users = parse_table_ref(p, TABLE_USERS);
	return l->users == NULL ? -1 : 0;
}

/* Passwords, tokens, or both: old clients and new ones. */
int
parse_auth(struct parser *p, struct conf_listener *l)
{
	if (parse_accept(p, "token"))
		return parse_token_ref(p, l);
	if (parse_passwords(p, l) == -1)
		return -1;
	return parse_accept(p, "token") ? parse_token_ref(p, l) : 0;
}

#ifdef HAVE_PAM
/* Without it PAM takes the service "other", which may let anybody in. */
static void
check_pam_service(const struct conf_listener *l, struct conf_errors *errors)
{
	static const char *const paths[] = { "/etc/pam.d/smtpsd",
	    "/usr/lib/pam.d/smtpsd", "/usr/local/etc/pam.d/smtpsd" };
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], R_OK) == 0)
			return;
	conf_complain(errors, l->where, "install -m 644 " PREFIX
	    "/share/examples/smtpsd/smtpsd.pam /etc/pam.d/smtpsd",
	    "'auth system' needs the PAM service %s", paths[0]);
}
#endif

static void
check_system(const struct conf_listener *l, struct conf_errors *errors)
{
#if defined(HAVE_PAM)
	check_pam_service(l, errors);
#elif !defined(HAVE_BSD_AUTH)
	conf_complain(errors, l->where,
	    "install the headers of PAM (Debian: libpam0g-dev) and build "
	    "smtpsd again", "'auth system' is not in this smtpsd");
#endif
	(void)l;
	(void)errors;
}

/* Dovecot may be started after smtpsd: no more than a warning. */
static void
check_dovecot(const struct conf *conf, const struct conf_listener *l,
    struct conf_errors *errors)
{
	const char *path = conf->dovecots[l->dovecot - 1];
	struct stat sb;

	if (stat(path, &sb) == -1 || !S_ISSOCK(sb.st_mode))
		conf_caution(errors, l->where,
		    "logins are answered with 454 until Dovecot makes it",
		    "there is no socket %s", path);
}

void
conf_check_auth(const struct conf *conf, const struct conf_listener *l,
    struct conf_errors *errors)
{
	if (l->auth_system)
		check_system(l, errors);
	if (l->dovecot != 0)
		check_dovecot(conf, l, errors);
}
