/*
 * Which reply each command has to get, from what the client knows and what
 * policy was asked.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "parameter.h"
#include "proto/net_policy.h"
#include "session_model.h"

#define HELO_MAX	255

/* What is refused whatever the arguments are; 0: nothing is. */
static int
refused(int needs_helo, int no_args, const char *args)
{
	const uint8_t kind = host.listener.kind;

	if (kind == LISTENER_SUBMISSION && !m.has_tls)
		return 530;
	if (needs_helo && !m.has_helo)
		return 503;
	if (host.listener.auth && kind != LISTENER_SMTP && !m.has_user)
		return 530;
	return no_args && *args != '\0' ? 501 : 0;
}

static const char *
path_start(const char *args, const char *verb)
{
	if (strncasecmp(args, verb, strlen(verb)) != 0)
		return NULL;
	args += strlen(verb);
	return args + strspn(args, " ");
}

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s & 0x80)
			return 0;
	return 1;
}

static int
params_flags(int is_utf8)
{
	return (m.has_user || host.listener.kind != LISTENER_SMTP ?
	    PARAMETER_DSN : 0) |
	    (is_utf8 ? PARAMETER_UTF8 : 0);
}

/* The code that MAIL gets before policy is asked, or 0. */
static int
mail_syntax(const char *args, char *sender, size_t size)
{
	struct mail_parameters p;
	unsigned int reply;
	const char *end;

	if ((args = path_start(args, "FROM:")) == NULL ||
	    address_parse_path(args, ADDRESS_NULL | ADDRESS_UTF8, sender,
	    size, &end) == -1)
		return 501;
	if (*end != '\0' && !m.is_esmtp)
		return *end == ' ' ? 555 : 501;
	if ((reply = parameter_mail(end, params_flags(0), &p)) != REPLY_NONE)
		return model_code(reply);
	if (!(p.flags & MAIL_SMTPUTF8) && !is_ascii(sender))
		return 553;
	if ((p.flags & MAIL_REQUIRETLS) && !m.has_tls)
		return host.has_tls ? 530 : 555;
	return p.size > host.listener.message_max ? 552 : 0;
}

static void
do_mail(const char *args, int code)
{
	char sender[328];
	const struct record *r;
	int want = refused(1, 0, args);

	if (want == 0 && (m.has_tx || m.bdat_failed))
		want = 503;
	if (want == 0 && m.nmessages >= host.limits.messages_max)
		want = 452;
	if (want == 0)
		want = mail_syntax(args, sender, sizeof(sender));
	if (want != 0) {
		MUST(code == want);
		return;
	}
	r = model_record(RECORD_MAIL);
	MUST(r != NULL && strcmp(r->text, sender) == 0);
	m.record++;
	want = r->reply == REPLY_NONE ||
	    (r->reply == REPLY_AUTH_REQUIRED && m.has_user) ? 451 :
	    model_code(r->reply);
	MUST(code == want);
	model_drop_tx();
	m.tx_known = 1;
	m.tx = r->tx;
	m.flags = r->flags;
	strlcpy(m.sender, sender, sizeof(m.sender));
	m.nsent = m.naccepted = m.nrcpt = 0;
	m.has_tx = code == 250;
	/* It ends then, behind replies that waited for this one. */
	if (r->reply == REPLY_AUTH_REQUIRED && m.has_user)
		m.may_close = 1;
}

static int
rcpt_syntax(const char *args, char *rcpt, size_t size)
{
	struct rcpt_parameters p;
	int is_utf8 = (m.flags & MAIL_SMTPUTF8) != 0;
	unsigned int reply;
	const char *end;

	rcpt[0] = '\0';
	if ((args = path_start(args, "TO:")) == NULL ||
	    address_parse_path(args, ADDRESS_LOCAL | ADDRESS_UTF8, rcpt,
	    size, &end) == -1)
		return 501;
	if (*end != '\0' && !m.is_esmtp)
		return *end == ' ' ? 555 : 501;
	if ((reply = parameter_rcpt(end, params_flags(is_utf8), &p)) != REPLY_NONE)
		return model_code(reply);
	return !is_utf8 && !is_ascii(rcpt) ? 553 : 0;
}

static void
rcpt_asked(const struct record *r, int code)
{
	m.record++;
	m.nsent++;
	if (code == 250) {
		MUST(m.has_tx && r->reply == REPLY_RCPT_OK);
		m.naccepted++;
		m.nrcpt += r->count;
		return;
	}
	/* Behind a MAIL that failed it is lost, whatever policy said. */
	MUST(code == 451 || (r->reply != REPLY_RCPT_OK &&
	    code == model_code(r->reply)));
	MUST(code != 451 || !m.has_tx || r->reply == REPLY_TRY_LATER ||
	    r->reply == REPLY_NONE);
}

static void
do_rcpt(const char *args, int code)
{
	char rcpt[328];
	const struct record *r;
	int want = refused(1, 0, args), syntax;

	if (want != 0) {
		MUST(code == want);
		return;
	}
	syntax = rcpt_syntax(args, rcpt, sizeof(rcpt));
	r = model_record(RECORD_RCPT);
	if (r != NULL && m.tx_known && !m.is_bdat && syntax == 0 &&
	    r->tx == m.tx && strcmp(r->text, rcpt) == 0) {
		MUST(m.naccepted < host.listener.recipients_max);
		rcpt_asked(r, code);
		return;
	}
	if (m.has_tx && code == 451)
		MUST(peers.was_down);
	else if (m.has_tx && m.is_bdat)
		MUST(code == 503);
	else if (m.has_tx && syntax != 0)
		MUST(code == syntax);
	else if (m.has_tx)
		MUST(code == 452 && m.nsent >= host.listener.recipients_max);
	else	/* it may have come before MAIL was refused */
		MUST(code == 503 || code == 451 ||
		    (m.tx_known && code == (syntax != 0 ? syntax : 452)));
}

/* What DATA and BDAT ask for; 0, or the code that says no. */
static int
may_send(int code)
{
	if (!m.has_tx)
		return code == 451 ? 451 : 503;
	if (code == 451 && peers.was_down)
		return 451;
	return m.naccepted == 0 || m.nrcpt == 0 ? 554 : 0;
}

static void
do_data(const char *args, int code)
{
	int want = refused(1, 1, args);

	if (want != 0) {
		MUST(code == want);
		return;
	}
	/* Without a transaction it is only out of order. */
	if (m.has_tx && (m.is_bdat || (m.flags & MAIL_BINARYMIME))) {
		MUST(code == 503);
		model_drop_tx();
		m.bdat_failed = 1;
		return;
	}
	if ((want = may_send(code)) != 0) {
		MUST(code == want);
		if (code == 451)
			model_drop_tx();
		return;
	}
	MUST(code == 354);
	m.mode = DATA;
}

static void
bdat_refused(uint64_t size, int is_last)
{
	if (m.has_tx && !is_last)
		m.bdat_failed = 1;
	model_drop_tx();
	m.skip = size;
}

static void
bdat_taken(uint64_t size, int is_last, int code)
{
	MUST(code == 250 || code >= 400);
	if (code != 250 && !(is_last && model_record(RECORD_END) != NULL)) {
		bdat_refused(size, is_last);
		return;
	}
	MUST(size <= host.nseen - m.at);
	model_text(host.seen + m.at, (size_t)size);
	m.at += (size_t)size;
	m.is_bdat = 1;
	if (is_last)
		model_message_end(code);
}

/* 0: nobody can know how many octets follow. */
int
model_bdat_size(const char *args, uint64_t *size)
{
	size_t n = strspn(args, "0123456789");

	*size = 0;
	if (args[strcspn(args, "0123456789")] == '\0')
		return 1;		/* nothing like a size */
	if (n == 0 || (args[n] != '\0' && args[n] != ' '))
		return 0;
	*size = strtoull(args, NULL, 10);
	return *size <= INT64_MAX;
}

static void
do_bdat(const char *args, int code)
{
	size_t n = strspn(args, "0123456789");
	const char *rest = args + n + strspn(args + n, " ");
	int is_last = n > 0 && strcasecmp(rest, "LAST") == 0, want;
	uint64_t size;

	if (!model_bdat_size(args, &size)) {
		MUST(code >= 400);
		model_over(1);
		return;
	}
	want = refused(1, 0, args);
	if (want == 0 && (n == 0 || (*rest != '\0' && !is_last)))
		want = 501;
	if (want == 0 && (m.bdat_failed || !m.is_esmtp))
		want = code / 100 == 4 && m.bdat_failed ? code : 503;
	if (want == 0 && !(is_last && model_record(RECORD_END) != NULL))
		want = may_send(code);
	if (want == 0) {
		bdat_taken(size, is_last, code);
		return;
	}
	MUST(code == want);
	bdat_refused(size, is_last);
}

static int
helo_ok(const char *args)
{
	size_t n = strspn(args, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
	    "stuvwxyz0123456789.-_:[]");

	return n > 0 && n <= HELO_MAX && args[n] == '\0';
}

static void
do_helo(const char *args, int code, int is_esmtp)
{
	MUST(code == (helo_ok(args) ? 250 : 501));
	if (code != 250)
		return;
	model_drop_tx();
	m.bdat_failed = 0;
	m.has_helo = 1;
	m.is_esmtp = is_esmtp;
}

void
model_auth(const char *args, int code)
{
	int want = 0;

	if (!m.has_helo)
		want = 503;
	else if (!host.listener.auth)
		want = 502;
	else if (!m.has_tls)
		want = 538;
	else if (m.has_user || m.has_tx)
		want = 503;
	else if (*args == '\0')
		want = 501;
	if (want != 0) {
		MUST(code == want);
		return;
	}
	MUST(code == 334 || code == 235 || code == 501 || code == 504 ||
	    code == 535 || code == 454);
	MUST(code != 235 || peers.granted);
	m.has_user = code == 235;
	m.mode = code == 334 ? DIALOGUE : COMMAND;
}

static void
do_starttls(const char *args, int code)
{
	if (*args != '\0') {
		MUST(code == 501);
		return;
	}
	if (m.has_tls || !host.has_tls) {
		MUST(code == (m.has_tls ? 503 : 502));
		return;
	}
	model_drop_tx();
	m.bdat_failed = m.has_helo = 0;
	if (m.at < host.nseen && host.tls_at != m.at) {
		/* The bytes behind it never run. */
		MUST(code == 503);
		model_over(1);
		return;
	}
	MUST(code == 220);
	if (host.tls_at == m.at)
		m.has_tls = 1;
}

static void
simple(int code, int want, const char *args, int no_args)
{
	MUST(code == (no_args && *args != '\0' ? 501 : want));
}

static void
do_vrfy(const char *args, int code)
{
	int want = refused(0, 0, args);

	MUST(want != 0 ? code == want : code == 252 || code == 501 ||
	    code == 553);
}

static void
do_ehlo(const char *args, int code)
{
	do_helo(args, code, 1);
}

static void
do_old_helo(const char *args, int code)
{
	do_helo(args, code, 0);
}

static void
do_rset(const char *args, int code)
{
	simple(code, 250, args, 1);
	if (code != 250)
		return;
	model_drop_tx();
	m.bdat_failed = 0;
}

static void
do_quit(const char *args, int code)
{
	simple(code, 221, args, 1);
	if (code == 221)
		model_over(0);
}

static void
do_noop(const char *args, int code)
{
	simple(code, 250, args, 0);
}

static void
do_help(const char *args, int code)
{
	simple(code, 214, args, 0);
}

static void
do_refused(const char *args, int code)
{
	simple(code, 502, args, 0);
}

int
model_command(const char *name, const char *args, int code)
{
	static const struct {
		const char	*name;
		void		(*run)(const char *, int);
	} commands[] = {
		{ "EHLO", do_ehlo }, { "HELO", do_old_helo },
		{ "MAIL", do_mail }, { "RCPT", do_rcpt },
		{ "DATA", do_data }, { "BDAT", do_bdat },
		{ "STARTTLS", do_starttls }, { "RSET", do_rset },
		{ "QUIT", do_quit }, { "NOOP", do_noop },
		{ "HELP", do_help }, { "VRFY", do_vrfy },
		{ "EXPN", do_refused }, { "ETRN", do_refused },
	};
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcasecmp(name, commands[i].name) == 0) {
			commands[i].run(args, code);
			return 1;
		}
	return 0;
}
