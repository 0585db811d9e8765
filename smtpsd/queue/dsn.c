/*
 * Composes delivery status notifications: multipart/report of RFC 6522 with
 * a text for people, a delivery-status part (RFC 3464) and the message or
 * its header, cut at whole lines within 8 KiB.  If an address is not ASCII,
 * the parts are those of RFC 6533.  Called by report.c; owns no state.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "dsn.h"
#include "mail/domain.h"
#include "notify.h"

/* By enum report, in the order in which people should read them. */
static const struct {
	enum report	 report;
	const char	*action;	/* RFC 3464 2.3.3 */
	const char	*subject;
	const char	*text;
} kinds[] = {
	{ REPORT_FAILED, "failed", "Undelivered mail returned to sender",
	    "Your message could not be delivered to the recipients below,\r\n"
	    "and it will not be tried again.\r\n" },
	{ REPORT_DELAYED, "delayed", "Delayed mail, still being tried",
	    "Your message could not be delivered yet to the recipients\r\n"
	    "below.  It is tried again; you need not send it once more.\r\n" },
	{ REPORT_DELIVERED, "delivered", "Successful mail delivery report",
	    "Your message was delivered to the recipients below.\r\n" },
	{ REPORT_RELAYED, "relayed", "Mail relayed to another host",
	    "Your message was handed on for the recipients below to a host\r\n"
	    "that will not tell whether it delivers it.\r\n" },
};
#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

static int
is_ascii(const char *s, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)s[i] > 126)
			return 0;
	return 1;
}

static int
is_ascii_text(const char *s)
{
	return s == NULL || is_ascii(s, strlen(s));
}

static int
needs_utf8(const struct dsn *d)
{
	size_t i;

	if (!is_ascii_text(d->message->sender))
		return 1;
	for (i = 0; i < d->nreported; i++)
		if (!is_ascii_text(d->reported[i]->recipient) ||
		    !is_ascii_text(d->reported[i]->original) ||
		    !is_ascii_text(d->reported[i]->orcpt))
			return 1;
	return 0;
}

/* Bytes of header to quote: whole lines, without the empty one. */
static size_t
excerpt_size(const struct dsn *d)
{
	const char *line = d->body, *end;
	size_t left = d->body_size;

	if (d->body == NULL)
		return 0;
	if (left > DSN_EXCERPT_MAX)
		left = DSN_EXCERPT_MAX;
	while ((end = memchr(line, '\n', left)) != NULL) {
		if (end == line || (end == line + 1 && line[0] == '\r'))
			break;
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	return (size_t)(line - d->body);
}

/* The first of kinds[] that one of the recipients has. */
static size_t
worst_kind(const struct dsn *d)
{
	size_t i, kind;

	for (kind = 0; kind < NKINDS; kind++)
		for (i = 0; i < d->nreported; i++)
			if (d->reported[i]->report == kinds[kind].report)
				return kind;
	return 0;
}

/* RFC 5322 3.3 */
static void
print_date(FILE *out, const char *field, uint64_t when_s)
{
	time_t t = (time_t)when_s;
	struct tm tm;
	char text[64];

	if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof(text),
	    "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		return;
	fprintf(out, "%s: %s\r\n", field, text);
}

static void
print_head(FILE *out, const struct dsn *d, const char *to, int is_8bit)
{
	fprintf(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: %s\r\n",
	    d->hostname, to, kinds[worst_kind(d)].subject);
	print_date(out, "Date", d->now_s);
	fprintf(out, "Message-ID: <%013" PRIx64 "@%s>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n"
	    "This is a MIME-encapsulated message.\r\n",
	    d->id, d->hostname, d->boundary, is_8bit ? "8bit" : "7bit");
}

/* A line end in text from the store would begin a field of ours. */
static void
print_clean(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

/* The same for an address, which may hold UTF-8. */
static void
print_address(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' :
		    *text, out);
}

/* A binary message may have line ends that text must not have. */
static void
print_lines(FILE *out, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n')
			fputc('\r', out);
		if (data[i] != '\r' && data[i] != '\0')
			fputc(data[i], out);
	}
}

static void
print_part(FILE *out, const struct dsn *d, const char *type,
    const char *encoding)
{
	fprintf(out, "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n", d->boundary, type,
	    encoding);
}

/* A host's own words, not what relay says of it. */
static int
is_reply(const struct agent_queue_result *r)
{
	return r->remote[0] != '\0' && strspn(r->text, "0123456789") == 3 &&
	    strchr(" -", r->text[3]) != NULL;
}

static void
print_people_recipient(FILE *out, const struct envelope *e)
{
	const struct agent_queue_result *r = e->result;

	fputs("\r\n<", out);
	print_address(out, e->recipient);
	fputs(">", out);
	if (e->original[0] != '\0' && strcasecmp(e->original,
	    e->recipient) != 0) {
		fputs(" (an address behind <", out);
		print_address(out, e->original);
		fputs(">)", out);
	}
	fputs(":\r\n    ", out);
	if (r == NULL)
		fputs("out of memory", out);
	else {
		if (is_reply(r)) {
			fputs("host ", out);
			print_clean(out, r->remote);
			fputs(" said:\r\n    ", out);
		} else if (r->remote[0] != '\0' &&
		    strstr(r->text, r->remote) == NULL) {
			print_clean(out, r->remote);
			fputs(": ", out);
		}
		print_clean(out, r->text);
	}
	if (e->report == REPORT_FAILED && r != NULL &&
	    r->class != AGENT_PERMFAIL)
		fputs("\r\n    (it was tried until it expired)", out);
	fputs("\r\n", out);
}

static void
print_people(FILE *out, const struct dsn *d, int has_message)
{
	size_t i, kind;
	int has_title;

	fprintf(out, "This is the mail system at host %s.\r\n", d->hostname);
	for (kind = 0; kind < NKINDS; kind++) {
		has_title = 0;
		for (i = 0; i < d->nreported; i++) {
			if (d->reported[i]->report != kinds[kind].report)
				continue;
			if (!has_title)
				fprintf(out, "\r\n%s", kinds[kind].text);
			has_title = 1;
			print_people_recipient(out, d->reported[i]);
		}
	}
	if (kinds[worst_kind(d)].report == REPORT_DELAYED) {
		fputs("\r\n", out);
		print_date(out, "It is tried until", d->expires_s);
	}
	fprintf(out, "\r\nYour %s is attached.\r\n", has_message ? "message" :
	    "message's header");
}

static void
print_typed(FILE *out, const char *field, const char *address)
{
	fprintf(out, "%s: %s; ", field, is_ascii_text(address) ? "rfc822" :
	    "utf-8");
	print_address(out, address);
	fputs("\r\n", out);
}

/* RFC 3461 4.2: as the sender wrote it, else what was in RCPT. */
static void
print_original(FILE *out, const struct envelope *e)
{
	const char *address;

	if (e->orcpt != NULL && (address = strchr(e->orcpt, ';')) != NULL) {
		fprintf(out, "Original-Recipient: %.*s; ",
		    (int)(address - e->orcpt), e->orcpt);
		print_address(out, address + 1);
		fputs("\r\n", out);
	} else if (e->original[0] != '\0' &&
	    strcmp(e->original, e->recipient) != 0)
		print_typed(out, "Original-Recipient", e->original);
}

static void
print_status(FILE *out, const struct envelope *e)
{
	const struct agent_queue_result *r = e->result;
	const char *status = r == NULL ? "4.3.0" : r->status;

	/* a temporary failure that lasted too long: RFC 3463 4.4.7 */
	if (e->report == REPORT_FAILED &&
	    (r == NULL || r->class != AGENT_PERMFAIL))
		status = "4.4.7";
	fputs("Status: ", out);
	print_clean(out, status);
	fputs("\r\n", out);
}

static void
print_recipient(FILE *out, const struct dsn *d, const struct envelope *e)
{
	const struct agent_queue_result *r = e->result;
	size_t kind = 0;

	while (kind + 1 < NKINDS && kinds[kind].report != e->report)
		kind++;
	fputs("\r\n", out);
	print_original(out, e);
	print_typed(out, "Final-Recipient", e->recipient);
	fprintf(out, "Action: %s\r\n", kinds[kind].action);
	print_status(out, e);
	if (r != NULL && is_reply(r)) {
		fputs("Remote-MTA: dns; ", out);
		print_clean(out, r->remote);
		fputs("\r\n", out);
	}
	if (r != NULL && r->text[0] != '\0' && (e->report == REPORT_FAILED ||
	    e->report == REPORT_DELAYED)) {
		fprintf(out, "Diagnostic-Code: %s; ",
		    is_reply(r) ? "smtp" : "x-smtpsd");
		if (!is_reply(r) && r->remote[0] != '\0' &&
		    strstr(r->text, r->remote) == NULL) {
			print_clean(out, r->remote);
			fputs(": ", out);
		}
		print_clean(out, r->text);
		fputs("\r\n", out);
	}
	if (e->report == REPORT_DELAYED)
		print_date(out, "Will-Retry-Until", d->expires_s);
}

static void
print_report(FILE *out, const struct dsn *d)
{
	size_t i;

	if (d->message->envid[0] != '\0') {
		fputs("Original-Envelope-Id: ", out);
		print_clean(out, d->message->envid);
		fputs("\r\n", out);
	}
	fprintf(out, "Reporting-MTA: dns; %s\r\n", d->hostname);
	print_date(out, "Arrival-Date", d->message->created_s);
	for (i = 0; i < d->nreported; i++)
		print_recipient(out, d, d->reported[i]);
}

static const char *
attached_type(const struct dsn *d, int is_utf8)
{
	if (d->is_full)
		return is_utf8 ? "message/global" : "message/rfc822";
	return is_utf8 ? "message/global-headers" : "text/rfc822-headers";
}

char *
dsn_compose(const struct dsn *d, size_t *size, uint32_t *flags)
{
	int is_utf8 = needs_utf8(d);
	size_t attached = d->is_full ? d->body_size : excerpt_size(d);
	int is_8bit = !is_ascii(d->body, attached);
	char room[MAILADDR_SIZE];
	const char *to = domain_canonical(d->message->sender, room,
	    sizeof(room));
	const char *encoding = is_utf8 ? "8bit" : "7bit";
	char *text = NULL;
	FILE *out;

	if ((out = open_memstream(&text, size)) == NULL)
		return NULL;
	print_head(out, d, to, is_8bit || is_utf8);
	print_part(out, d, is_utf8 ? "text/plain; charset=utf-8" :
	    "text/plain; charset=us-ascii", encoding);
	print_people(out, d, d->is_full);
	print_part(out, d, is_utf8 ? "message/global-delivery-status" :
	    "message/delivery-status", encoding);
	print_report(out, d);
	print_part(out, d, attached_type(d, is_utf8),
	    is_8bit || is_utf8 ? "8bit" : "7bit");
	if (attached > 0)
		print_lines(out, d->body, attached);
	fprintf(out, "\r\n--%s--\r\n", d->boundary);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	/* Only our own header decides about SMTPUTF8: To is in it, and whoever
	 * has but a domain beyond ASCII may be at a host without. */
	*flags = (is_8bit || is_utf8 ? MAIL_8BITMIME : 0) |
	    (is_ascii_text(to) ? 0 : MAIL_SMTPUTF8);
	return text;
}
