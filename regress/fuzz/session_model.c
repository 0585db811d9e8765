/*
 * The client that knows better: it reads what went to the server and what
 * came back side by side and says for each command which reply is right.  It
 * learns what policy and the queue said from the records of their questions,
 * which have to come in the order of the commands, each exactly once.  A
 * reply too many, too few, out of order or of the wrong class ends the run,
 * and so does a question that no command stands behind.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "parameter.h"
#include "proto/net_policy.h"
#include "session_fuzz.h"

#define LINE_MAX_SIZE	8192
#define COMMAND_MAX	2048
#define HELO_MAX	255

enum mode { COMMAND, DIALOGUE, DATA };
enum result {
	WANTS_INPUT,
	WANTS_REPLY,
	WENT_ON,		/* over input that has no reply */
	USED_REPLY
};

static struct {
	enum mode	 mode;
	size_t		 at;		/* of host.seen */
	size_t		 out_at;	/* of host.out */
	size_t		 record;	/* next of peers */
	uint64_t	 skip;		/* octets of a BDAT to come */
	int		 in_bad_line;
	int		 is_over;	/* nothing may follow any more */
	int		 may_421;	/* but this */
	int		 may_close;
	int		 is_greeted;
	int		 has_helo, is_esmtp, has_tls, has_user;
	int		 has_tx;	/* its MAIL was accepted */
	int		 tx_known;	/* policy was asked about it */
	uint32_t	 tx;
	uint32_t	 flags;
	uint32_t	 nsent, naccepted, nrcpt;
	int		 is_bdat;
	int		 bdat_failed;
	uint32_t	 nmessages;
	char		*text;		/* of chunks */
	size_t		 text_size;
} m;

static char	line[LINE_MAX_SIZE + 1];

void
model_begin(void)
{
	free(m.text);
	memset(&m, 0, sizeof(m));
	m.has_tls = host.listener.kind == LISTENER_SMTPS;
}

static int
seen_is(size_t at, size_t size, const char *word)
{
	return size >= strlen(word) &&
	    strncasecmp((const char *)host.seen + at, word,
	    strlen(word)) == 0;
}

/* Code of the next reply, 0 if it is not there yet; its size in bytes. */
static int
reply_peek(size_t *size)
{
	const char *p = host.out + m.out_at, *end;
	size_t left = host.nout - m.out_at, n = 0, len, i;

	for (;;) {
		end = memmem(p + n, left - n, "\r\n", 2);
		if (end == NULL)
			return 0;
		len = (size_t)(end - p) - n;
		MUST(len >= 4 && len + 2 <= 512);
		for (i = 0; i < len; i++)
			MUST(p[n + i] >= ' ' && p[n + i] <= '~');
		MUST(isdigit(p[n]) && isdigit(p[n + 1]) && isdigit(p[n + 2]));
		MUST(p[n] >= '2' && p[n] <= '5');
		MUST(p[n + 3] == ' ' || p[n + 3] == '-');
		MUST(memcmp(p, p + n, 3) == 0);
		n += len + 2;
		if (p[n - len + 1] == ' ')
			break;
	}
	*size = n;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

static int
code_of(unsigned int reply)
{
	return reply_get(reply)->code;
}

static void
drop_tx(void)
{
	m.has_tx = m.tx_known = m.is_bdat = 0;
	m.text_size = 0;
}

/* The reply before was the last; but for a 421 if it was one error too many. */
static void
over(int is_error)
{
	m.is_over = m.may_close = 1;
	m.may_421 = is_error;
}

static void
text_add(const void *bytes, size_t size)
{
	if ((m.text = realloc(m.text, m.text_size + size + 2)) == NULL)
		abort();
	memcpy(m.text + m.text_size, bytes, size);
	m.text_size += size;
}

/* The next record, if it is of that kind. */
static const struct record *
record_peek(enum record_kind kind)
{
	if (m.record == peers.nrecords ||
	    peers.record[m.record].kind != kind)
		return NULL;
	return &peers.record[m.record];
}

static int
body_ends(const struct record *r, const char *p, size_t n)
{
	return r->body_size >= n &&
	    memcmp(r->body + r->body_size - n, p, n) == 0;
}

/* What the queue has ends with what the client sent behind its header. */
static void
check_body(const struct record *r)
{
	const char *p, *end;
	size_t n;

	MUST(r->body_size > 10 && memcmp(r->body, "Received: ", 10) == 0);
	p = memmem(m.text, m.text_size, "\r\n\r\n", 4);
	/* Binary ends as it ends; a last line else gets what it lacks. */
	if ((m.flags & MAIL_BINARYMIME) && p != NULL &&
	    body_ends(r, p, (size_t)(m.text + m.text_size - p)))
		return;
	n = p == NULL ? 0 : (size_t)(p - m.text);
	if (m.text_size < 2 || memcmp(m.text + m.text_size - 2, "\r\n", 2) != 0)
		text_add("\r\n", 2);
	if (p == NULL) {
		end = m.text + m.text_size - 2;
		for (n = (size_t)(end - m.text); n > 0 &&
		    m.text[n - 1] != '\n'; n--)
			;
	}
	MUST(body_ends(r, m.text + n, m.text_size - n));
}

static void
message_end(int code)
{
	const struct record *r = record_peek(RECORD_END);

	MUST(code == 250 || code >= 400);
	if (r != NULL) {
		MUST(m.has_tx && r->tx == m.tx && r->count == m.nrcpt);
		MUST(code == (r->reply == REPLY_NONE ? 451 :
		    code_of(r->reply)));
		check_body(r);
		m.record++;
	}
	MUST(code != 250 || r != NULL);
	if (code == 250)
		m.nmessages++;
	drop_tx();
}

/* Everything before the dot, without the dots that were put before lines. */
static enum result
data_run(int code)
{
	const uint8_t *p = host.seen + m.at;
	size_t left = host.nseen - m.at, i, from = 0, size;

	size = 0;
	if (left >= 3 && memcmp(p, ".\r\n", 3) == 0)
		size = 3;
	for (i = 0; size == 0 && i + 5 <= left; i++)
		if (memcmp(p + i, "\r\n.\r\n", 5) == 0)
			size = i + 5;
	if (size == 0)
		return WANTS_INPUT;
	if (code == 0)
		return WANTS_REPLY;
	m.text_size = 0;
	for (i = 0; i < size - 3; i++)
		if (p[i] == '.' && (i == 0 ||
		    (i >= 2 && memcmp(p + i - 2, "\r\n", 2) == 0))) {
			text_add(p + from, i - from);
			from = i + 1;
		}
	text_add(p + from, size - 3 - from);
	m.at += size;
	m.mode = COMMAND;
	message_end(code);
	return USED_REPLY;
}

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
		return code_of(reply);
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
	r = record_peek(RECORD_MAIL);
	MUST(r != NULL && strcmp(r->text, sender) == 0);
	m.record++;
	want = r->reply == REPLY_NONE ||
	    (r->reply == REPLY_AUTH_REQUIRED && m.has_user) ? 451 :
	    code_of(r->reply);
	MUST(code == want);
	drop_tx();
	m.tx_known = 1;
	m.tx = r->tx;
	m.flags = r->flags;
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
		return code_of(reply);
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
	    code == code_of(r->reply)));
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
	r = record_peek(RECORD_RCPT);
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
		drop_tx();
		m.bdat_failed = 1;
		return;
	}
	if ((want = may_send(code)) != 0) {
		MUST(code == want);
		if (code == 451)
			drop_tx();
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
	drop_tx();
	m.skip = size;
}

static void
bdat_taken(uint64_t size, int is_last, int code)
{
	MUST(code == 250 || code >= 400);
	if (code != 250 && !(is_last && record_peek(RECORD_END) != NULL)) {
		bdat_refused(size, is_last);
		return;
	}
	MUST(size <= host.nseen - m.at);
	text_add(host.seen + m.at, (size_t)size);
	m.at += (size_t)size;
	m.is_bdat = 1;
	if (is_last)
		message_end(code);
}

/* 0: nobody can know how many octets follow. */
static int
bdat_size(const char *args, uint64_t *size)
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

	if (!bdat_size(args, &size)) {
		MUST(code >= 400);
		over(1);
		return;
	}
	want = refused(1, 0, args);
	if (want == 0 && (n == 0 || (*rest != '\0' && !is_last)))
		want = 501;
	if (want == 0 && (m.bdat_failed || !m.is_esmtp))
		want = code / 100 == 4 && m.bdat_failed ? code : 503;
	if (want == 0 && !(is_last && record_peek(RECORD_END) != NULL))
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
	drop_tx();
	m.bdat_failed = 0;
	m.has_helo = 1;
	m.is_esmtp = is_esmtp;
}

static void
do_auth(const char *args, int code)
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
	drop_tx();
	m.bdat_failed = m.has_helo = 0;
	if (m.at < host.nseen && host.tls_at != m.at) {
		/* The bytes behind it never run. */
		MUST(code == 503);
		over(1);
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

static int
is_bdat_line(size_t at, size_t size)
{
	while (size > 0 && (host.seen[at] == ' ' || host.seen[at] == '\t')) {
		at++;
		size--;
	}
	return seen_is(at, size, "BDAT");
}

/* A whole command; its bytes are already gone from what was seen. */
static void
command(size_t start, size_t size, int code)
{
	int is_long = size + 2 > COMMAND_MAX;
	const char *args;
	size_t n;

	while (size > 0 && line[size - 1] == ' ')
		size--;
	line[size] = '\0';
	n = strcspn(line, " ");
	args = line + n + strspn(line + n, " ");
	line[n] = '\0';
	if (strcasecmp(line, "AUTH") == 0) {
		do_auth(args, code);
	} else if (is_long) {
		MUST(code == 500);
		if (is_bdat_line(start, size))
			over(1);
	} else if (strcasecmp(line, "EHLO") == 0) {
		do_helo(args, code, 1);
	} else if (strcasecmp(line, "HELO") == 0) {
		do_helo(args, code, 0);
	} else if (strcasecmp(line, "MAIL") == 0) {
		do_mail(args, code);
	} else if (strcasecmp(line, "RCPT") == 0) {
		do_rcpt(args, code);
	} else if (strcasecmp(line, "DATA") == 0) {
		do_data(args, code);
	} else if (strcasecmp(line, "BDAT") == 0) {
		do_bdat(args, code);
	} else if (strcasecmp(line, "STARTTLS") == 0) {
		do_starttls(args, code);
	} else if (strcasecmp(line, "RSET") == 0) {
		simple(code, 250, args, 1);
		if (code == 250) {
			drop_tx();
			m.bdat_failed = 0;
		}
	} else if (strcasecmp(line, "QUIT") == 0) {
		simple(code, 221, args, 1);
		if (code == 221)
			over(0);
	} else if (strcasecmp(line, "NOOP") == 0) {
		simple(code, 250, args, 0);
	} else if (strcasecmp(line, "HELP") == 0) {
		simple(code, 214, args, 0);
	} else if (strcasecmp(line, "VRFY") == 0) {
		do_vrfy(args, code);
	} else if (strcasecmp(line, "EXPN") == 0 ||
	    strcasecmp(line, "ETRN") == 0) {
		simple(code, 502, args, 0);
	} else {
		MUST(code == 500);
		if (is_bdat_line(start, size))
			over(1);
	}
}

static void
dialogue(int code)
{
	MUST(code == 235 || code == 334 || code == 501 || code == 535 ||
	    code == 454);
	MUST(code != 235 || peers.granted);
	if (code == 235)
		m.has_user = 1;
	if (code != 334)
		m.mode = COMMAND;
}

/* A line that is none: up to and with its LF, or too long to be one. */
static void
bad_line(size_t start, size_t size, int code)
{
	MUST(code == 500);
	m.mode = COMMAND;
	if (!m.in_bad_line && is_bdat_line(start, size))
		over(1);
}

/* The line, or piece of a bad one, at m.at.  0: there is none. */
static size_t
line_find(int *is_bad, int *is_silent)
{
	const uint8_t *p = host.seen + m.at, *nl;
	size_t left = host.nseen - m.at, n = left;

	*is_bad = *is_silent = 0;
	if (!m.in_bad_line && n > LINE_MAX_SIZE)
		n = LINE_MAX_SIZE;
	nl = n == 0 ? NULL : memchr(p, '\n', n);
	if (m.in_bad_line) {
		*is_silent = nl != NULL && nl > p && nl[-1] == '\r';
		*is_bad = !*is_silent;
		return nl == NULL ? 0 : (size_t)(nl - p) + 1;
	}
	if (nl == NULL) {
		*is_bad = n == LINE_MAX_SIZE;
		return !*is_bad ? 0 : p[n - 1] == '\r' ? n - 1 : n;
	}
	n = (size_t)(nl - p) + 1;
	*is_bad = n < 2 || p[n - 2] != '\r' ||
	    memchr(p, '\r', n - 2) != NULL || memchr(p, '\0', n) != NULL;
	return n;
}

/* A BDAT whose octets are still to come need not be answered yet. */
static int
is_open_bdat(size_t start, size_t n)
{
	uint64_t size;
	char buf[64];

	if (m.mode != COMMAND || n < 7 || n >= sizeof(buf) ||
	    !seen_is(start, n, "BDAT "))
		return 0;
	memcpy(buf, host.seen + start + 5, n - 7);
	buf[n - 7] = '\0';
	return bdat_size(buf + strspn(buf, " "), &size) &&
	    size > host.nseen - start - n;
}

static enum result
line_run(int code)
{
	int is_bad, is_silent;
	size_t n = line_find(&is_bad, &is_silent), start = m.at;

	if (n == 0)
		return WANTS_INPUT;
	if (is_silent) {
		m.in_bad_line = 0;
		m.at += n;
		return WENT_ON;
	}
	if (code == 0)
		return !is_bad && is_open_bdat(start, n) ? WANTS_INPUT :
		    WANTS_REPLY;
	m.at += n;
	if (is_bad) {
		bad_line(start, host.nseen - start, code);
		if (host.seen[start + n - 1] != '\n' || n < 2 ||
		    host.seen[start + n - 2] != '\r')
			m.in_bad_line = 1;
		return USED_REPLY;
	}
	n -= 2;
	memcpy(line, host.seen + start, n);
	line[n] = '\0';
	if (m.mode == DIALOGUE)
		dialogue(code);
	else
		command(start, n, code);
	return USED_REPLY;
}

static enum result
greeting(int code)
{
	if (code == 0)
		return WANTS_REPLY;
	MUST(code == 220 || code == 554 || code == 421);
	m.is_greeted = 1;
	if (code != 220)
		over(1);
	if (host.listener.kind == LISTENER_LOCAL && code == 220) {
		MUST(peers.granted);
		m.has_user = 1;
	}
	return USED_REPLY;
}

static enum result
step(int code)
{
	uint64_t left;

	if (!m.is_greeted)
		return greeting(code);
	if (m.skip > 0) {
		left = host.nseen - m.at;
		if (left > m.skip)
			left = m.skip;
		m.at += (size_t)left;
		m.skip -= left;
		return left > 0 ? WENT_ON : WANTS_INPUT;
	}
	return m.mode == DATA ? data_run(code) : line_run(code);
}

int
model_run(void)
{
	enum result result;
	size_t size = 0;
	int code;

	for (;;) {
		code = reply_peek(&size);
		if (m.is_over && !(m.may_421 && code == 421)) {
			MUST(code == 0);
			return 0;
		}
		if (code == 421) {
			/* At any time, and the last that is said. */
			m.out_at += size;
			over(0);
			continue;
		}
		if (host.tls_at == m.at && !m.has_tls)
			m.has_tls = 1;
		result = step(code);
		if (result == USED_REPLY) {
			MUST(code != 0);
			m.out_at += size;
		} else if (result != WENT_ON) {
			/* Else it would be a reply to nothing. */
			MUST(result == WANTS_REPLY || code == 0);
			return result == WANTS_REPLY;
		}
	}
}

void
model_end(int waits)
{
	if (host.is_gone) {
		MUST(m.may_close || host.may_drop);
		return;
	}
	MUST(!waits);
	MUST(m.is_over || m.record == peers.nrecords);
}
