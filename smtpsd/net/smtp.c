/*
 * Commands of RFC 5321 and their order.  A table says for each what must
 * have happened before it; the handlers see only what is allowed.
 *
 * Pipelining (RFC 2920): RCPT never waits; commands marked SYNC begin only
 * when policy has answered all before them, so that what they see is settled.
 * Every reply goes through smtp_answer(), which keeps the order.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "conf.h"
#include "listener.h"
#include "policy.h"
#include "session.h"
#include "smtp.h"

#define OFFER_SIZE	128	/* names of mechanisms */
#define COMMAND_MAX	2048	/* bytes with CRLF, of all but AUTH */
#define NEEDS_SYNC	0x01
#define NEEDS_HELO	0x02
#define NEEDS_TLS	0x04	/* where the listener demands it */
#define NEEDS_AUTH	0x08	/* where the listener demands it */
#define NO_ARGS		0x10
#define HAS_OCTETS	0x20	/* that follow also if it is refused */

struct command {
	const char	*name;
	unsigned int	 flags;
	void		(*run)(struct session *, const char *args);
};

int
smtp_has_tls(const struct session *s)
{
	return s->tio.tls != NULL;
}

/*
 * RFC 3461 promises a stranger that whatever address he gave as the sender is
 * written to: not where anybody may come.  On the others MAIL waits for AUTH,
 * but clients do not say EHLO again behind it.
 */
int
smtp_may_dsn(const struct session *s)
{
	return s->user != NULL ||
	    listener_info(s->listener)->kind != LISTENER_SMTP;
}

/* What ends up in the Received field: no comment, quote or space. */
static int
helo_is_sane(const char *s)
{
	size_t	n;

	for (n = 0; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) &&
		    strchr(".-_:[]", s[n]) == NULL)
			return 0;
	return n > 0 && n < HOSTNAME_SIZE;
}

static int
smtp_helo(struct session *s, const char *args, int is_esmtp)
{
	char	*helo;

	if (!helo_is_sane(args)) {
		smtp_answer(s, REPLY_SYNTAX, NULL);
		return -1;
	}
	if ((helo = strdup(args)) == NULL) {
		session_drop(s, "no memory");
		return -1;
	}
	smtp_reset(s);
	free(s->helo);
	s->helo = helo;
	s->is_esmtp = (uint8_t)is_esmtp;
	return 0;
}

static void
run_helo(struct session *s, const char *args)
{
	char	buf[HOSTNAME_SIZE + 16];
	int	n;

	if (smtp_helo(s, args, 0) == -1)
		return;
	n = snprintf(buf, sizeof(buf), "250 %s\r\n",
	    listener_info(s->listener)->hostname);
	session_send(s, buf, (size_t)n);
}

static int
offer_size(const struct session *s, char *buf, size_t size)
{
	return snprintf(buf, size, " %llu",
	    (unsigned long long)listener_info(s->listener)->message_max);
}

/* RFC 9422; 6 digits are all that it allows. */
static int
offer_limits(const struct session *s, char *buf, size_t size)
{
	const struct parent_net_conf	*c = conf_limits();
	uint32_t			 rcpt_max;
	char				 mail[32] = "", rcpt[32] = "";

	rcpt_max = listener_info(s->listener)->recipients_max;
	if (c->messages_max > 0 && c->messages_max <= 999999)
		snprintf(mail, sizeof(mail), " MAILMAX=%u", c->messages_max);
	if (rcpt_max > 0 && rcpt_max <= 999999)
		snprintf(rcpt, sizeof(rcpt), " RCPTMAX=%u", rcpt_max);
	return snprintf(buf, size, "%s%s", mail, rcpt);
}

static int
offer_auth(const struct session *s, char *buf, size_t size)
{
	smtp_auth_offer(s, buf, size);
	return (int)strlen(buf);
}

static int
offer_auth_compat(const struct session *s, char *buf, size_t size)
{
	char	offer[OFFER_SIZE];

	smtp_auth_offer(s, offer, sizeof(offer));
	return snprintf(buf, size, "=%s", offer + (offer[0] == ' '));
}

static int
may_starttls(const struct session *s)
{
	return !smtp_has_tls(s) && listener_tls(s->listener) != NULL;
}

static int
may_auth(const struct session *s)
{
	char	offer[OFFER_SIZE];

	/* It may be for those with a certificate alone. */
	smtp_auth_offer(s, offer, sizeof(offer));
	return offer[0] != '\0';
}

static int
may_auth_compat(const struct session *s)
{
	return may_auth(s) &&
	    (listener_info(s->listener)->flags & LISTENER_AUTH_COMPAT);
}

/* What EHLO offers, in this order; when, and what stands behind it. */
static const struct extension {
	const char	*keyword;
	int		(*may)(const struct session *);
	int		(*words)(const struct session *, char *, size_t);
} extensions[] = {
	{ "PIPELINING", NULL, NULL },
	{ "SIZE", NULL, offer_size },
	{ "8BITMIME", NULL, NULL },
	{ "ENHANCEDSTATUSCODES", NULL, NULL },
	{ "CHUNKING", NULL, NULL },
	{ "BINARYMIME", NULL, NULL },
	{ "SMTPUTF8", NULL, NULL },
	{ "DSN", smtp_may_dsn, NULL },
	{ "LIMITS", NULL, offer_limits },
	{ "STARTTLS", may_starttls, NULL },
	{ "AUTH", may_auth, offer_auth },
	{ "AUTH", may_auth_compat, offer_auth_compat },
	{ "REQUIRETLS", smtp_has_tls, NULL },
};

static void
run_ehlo(struct session *s, const char *args)
{
	const struct extension	*e;
	char			 buf[HOSTNAME_SIZE + 256], words[200];
	size_t			 i;
	int			 n;

	if (smtp_helo(s, args, 1) == -1)
		return;
	n = snprintf(buf, sizeof(buf), "250-%s\r\n",
	    listener_info(s->listener)->hostname);
	session_send(s, buf, (size_t)n);
	for (i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		e = &extensions[i];
		if (e->may != NULL && !e->may(s))
			continue;
		words[0] = '\0';
		if (e->words != NULL)
			(void)e->words(s, words, sizeof(words));
		n = snprintf(buf, sizeof(buf), "250-%s%s\r\n", e->keyword,
		    words);
		session_send(s, buf, (size_t)n);
	}
	session_send(s, "250 HELP\r\n", 10);
}

static void
run_starttls(struct session *s, const char *args)
{
	(void)args;
	if (smtp_has_tls(s) || listener_tls(s->listener) == NULL) {
		smtp_answer(s, smtp_has_tls(s) ? REPLY_SEQUENCE :
		    REPLY_NOT_IMPLEMENTED, NULL);
		return;
	}
	/* RFC 3207 4.2: nothing learned in the clear counts any more. */
	smtp_reset(s);
	free(s->helo);
	s->helo = NULL;
	/* session.c says 220, or what it thinks of bytes behind this line. */
	s->starts_tls = 1;
}

static void
run_auth(struct session *s, const char *args)
{
	if (!listener_info(s->listener)->auth)
		smtp_answer(s, REPLY_NOT_IMPLEMENTED, NULL);
	else if (!smtp_has_tls(s))
		smtp_answer(s, REPLY_AUTH_NEEDS_TLS, NULL);
	else if (s->user != NULL)
		smtp_answer(s, REPLY_AUTH_DONE_ALREADY, NULL);
	else if (s->tx != NULL)
		smtp_answer(s, REPLY_SEQUENCE, NULL);
	else
		smtp_auth(s, args);
}

static void
run_data(struct session *s, const char *args)
{
	(void)args;
	smtp_data(s);
}

static void
run_rset(struct session *s, const char *args)
{
	(void)args;
	smtp_reset(s);
	smtp_answer(s, REPLY_OK, NULL);
}

static void
run_noop(struct session *s, const char *args)
{
	(void)args;
	smtp_answer(s, REPLY_OK, NULL);
}

static void
run_quit(struct session *s, const char *args)
{
	(void)args;
	session_reply(s, REPLY_BYE, NULL);
	session_finish(s);
}

/* RFC 6531 3.7.4.2: VRFY knows the parameter SMTPUTF8 as well. */
static void
run_vrfy(struct session *s, const char *args)
{
	const char	*p, *parameter = strrchr(args, ' ');
	size_t		 n;

	for (p = args; *p != '\0'; p += n) {
		n = 1;
		if ((unsigned char)*p < 0x80)
			continue;
		if ((n = address_utf8_size(p)) == 0)
			break;
		if (parameter == NULL || strcasecmp(parameter + 1,
		    "SMTPUTF8") != 0) {
			smtp_answer(s, REPLY_NEEDS_SMTPUTF8, NULL);
			return;
		}
	}
	smtp_answer(s, p == args || *p != '\0' ? REPLY_SYNTAX : REPLY_VRFY,
	    NULL);
}

static void
run_help(struct session *s, const char *args)
{
	(void)args;
	smtp_answer(s, REPLY_HELP, NULL);
}

static void
run_refused(struct session *s, const char *args)
{
	(void)args;
	smtp_answer(s, REPLY_NOT_IMPLEMENTED, NULL);
}

static const struct command commands[] = {
	{ "RCPT", NEEDS_HELO | NEEDS_TLS | NEEDS_AUTH, smtp_rcpt },
	{ "MAIL", NEEDS_SYNC | NEEDS_HELO | NEEDS_TLS | NEEDS_AUTH,
	    smtp_mail },
	{ "DATA", NEEDS_SYNC | NEEDS_HELO | NEEDS_TLS | NEEDS_AUTH | NO_ARGS,
	    run_data },
	{ "BDAT", NEEDS_SYNC | NEEDS_HELO | NEEDS_TLS | NEEDS_AUTH |
	    HAS_OCTETS, smtp_bdat },
	{ "EHLO", NEEDS_SYNC, run_ehlo },
	{ "HELO", NEEDS_SYNC, run_helo },
	{ "STARTTLS", NEEDS_SYNC | NO_ARGS, run_starttls },
	{ "AUTH", NEEDS_SYNC | NEEDS_HELO, run_auth },
	{ "RSET", NEEDS_SYNC | NO_ARGS, run_rset },
	{ "NOOP", 0, run_noop },
	{ "QUIT", NEEDS_SYNC | NO_ARGS, run_quit },
	{ "VRFY", NEEDS_TLS | NEEDS_AUTH, run_vrfy },
	{ "HELP", 0, run_help },
	{ "EXPN", 0, run_refused },
	{ "ETRN", 0, run_refused },
};

static unsigned int
smtp_check(const struct session *s, const struct command *c, const char *args)
{
	const struct parent_net_listener	*l = listener_info(s->listener);

	if ((c->flags & NEEDS_TLS) && l->kind == LISTENER_SUBMISSION &&
	    !smtp_has_tls(s))
		return REPLY_STARTTLS_FIRST;
	if ((c->flags & NEEDS_HELO) && s->helo == NULL)
		return REPLY_SEQUENCE;
	/* An smtp listener offers it: there the rules decide. */
	if ((c->flags & NEEDS_AUTH) && l->auth && l->kind != LISTENER_SMTP &&
	    s->user == NULL)
		return REPLY_AUTH_REQUIRED;
	if ((c->flags & NO_ARGS) && *args != '\0')
		return REPLY_SYNTAX;
	return REPLY_NONE;
}

static const struct command *
smtp_command(const char *line, size_t size, const char **args)
{
	size_t	i, n = strcspn(line, " ");

	*args = line + n;
	while (**args == ' ')
		(*args)++;
	if (n > size)
		return NULL;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strlen(commands[i].name) == n &&
		    strncasecmp(commands[i].name, line, n) == 0)
			return &commands[i];
	return NULL;
}

/* What some server would take for a BDAT. */
static int
smtp_is_bdat(const char *line, size_t size)
{
	while (size > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		size--;
	}
	return size >= 4 && strncasecmp(line, "BDAT", 4) == 0;
}

/* A line that is no command.  Behind a BDAT come octets that are none either:
 * there it ends. */
static void
smtp_no_command(struct session *s, int is_bdat, unsigned int reply)
{
	smtp_answer(s, reply, NULL);
	if (!is_bdat)
		return;
	s->why = "BDAT of an unknown size";
	session_finish(s);
}

/* Between two transactions; policy looks for itself. */
static int
login_has_ended(const struct session *s)
{
	return s->until_ms != 0 && proc_now_ms() >= s->until_ms &&
	    s->tx == NULL && !smtp_is_waiting(s);
}

/* 0: it has to wait, the line stays. */
static int
smtp_line(struct session *s, char *line, size_t size)
{
	const struct command	*c;
	const char		*args;
	unsigned int		 reply;
	char			 saved;
	int			 is_long;

	is_long = size + 2 > COMMAND_MAX;
	while (size > 0 && line[size - 1] == ' ')
		size--;		/* RFC 5321 4.1.1: tolerated */
	saved = line[size];
	line[size] = '\0';
	c = smtp_command(line, size, &args);
	if (c != NULL && (c->flags & NEEDS_SYNC) && smtp_is_waiting(s)) {
		line[size] = saved;
		return 0;
	}
	session_deadline(s, conf_limits()->command_s);
	if (login_has_ended(s)) {
		session_reply(s, REPLY_LOGIN_ENDED, NULL);
		session_finish(s);
		return 1;
	}
	if (is_long && (c == NULL || c->run != run_auth))
		smtp_no_command(s, smtp_is_bdat(line, size),
		    REPLY_LINE_TOO_LONG);
	else if (c == NULL)
		smtp_no_command(s, smtp_is_bdat(line, size),
		    REPLY_UNKNOWN_COMMAND);
	else if ((reply = smtp_check(s, c, args)) == REPLY_NONE)
		c->run(s, args);
	else if (c->flags & HAS_OCTETS)
		smtp_bdat_refuse(s, args, reply);
	else
		smtp_answer(s, reply, NULL);
	return 1;
}

/* One line from buf; the bytes it used. */
static size_t
smtp_one(struct session *s, char *buf, size_t size)
{
	enum line_result	 result;
	size_t			 used, length;
	int			 is_bdat;

	/* Not in the rest of a line that was refused already. */
	is_bdat = !s->line.skip && smtp_is_bdat(buf, size);
	/* It may end the session, so all before it is answered first. */
	if (is_bdat && smtp_is_waiting(s)) {
		s->wait = WAIT_SYNC;
		return 0;
	}
	result = line_next(&s->line, buf, size, &used, &length);
	if (result == LINE_LONG || result == LINE_BAD) {
		smtp_login_free(s);
		s->mode = MODE_COMMAND;
		session_deadline(s, conf_limits()->command_s);
		smtp_no_command(s, is_bdat, result == LINE_LONG ?
		    REPLY_LINE_TOO_LONG : REPLY_BAD_LINE_END);
	}
	if (result != LINE_OK)
		return used;
	if (s->mode == MODE_AUTH) {
		buf[length] = '\0';
		smtp_auth_line(s, buf);
	} else if (!smtp_line(s, buf, length)) {
		s->wait = WAIT_SYNC;
		return 0;
	}
	return used;
}

size_t
smtp_input(struct session *s, char *buf, size_t size)
{
	size_t	used = 0, n;

	while (used < size && !s->is_dead && !s->is_closing && !s->starts_tls &&
	    s->wait == WAIT_NOTHING && !session_is_full(s)) {
		if (proc_is_stopping() && s->mode != MODE_DATA) {
			session_reply(s, REPLY_SHUTDOWN, NULL);
			session_finish(s);
			break;
		}
		if (s->mode == MODE_DATA)
			n = smtp_data_input(s, buf + used, size - used);
		else
			n = smtp_one(s, buf + used, size - used);
		if (n == 0)
			break;
		used += n;
	}
	return used;
}

void
smtp_start(struct session *s)
{
	if (s->refuse != REPLY_NONE) {
		session_reply(s, s->refuse, NULL);
		session_finish(s);
		return;
	}
	session_deadline(s, conf_limits()->command_s);
	if (s->is_greeted)
		return;		/* after STARTTLS the client speaks first */
	s->is_greeted = 1;
	session_reply(s, REPLY_GREETING, listener_info(s->listener)->hostname);
}

void
smtp_end(struct session *s)
{
	smtp_login_free(s);
	smtp_reset(s);
	smtp_slots_free(s);
	if (s->policy_knows)
		policy_end(s->id);
}
