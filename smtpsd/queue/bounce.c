/*
 * Composes bounces: multipart/report of RFC 6522 with a text for people, a
 * delivery-status part (RFC 3464) and the header of the failed message, cut
 * at whole lines within 8 KiB.  If an address is not ASCII, the parts are
 * those of RFC 6533.  Called by result.c; owns no state.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounce.h"
#include "proto/net_policy.h"

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
needs_utf8(const struct bounce *b)
{
	size_t i;

	if (!is_ascii(b->message->sender, strlen(b->message->sender)))
		return 1;
	for (i = 0; i < b->nfailed; i++)
		if (!is_ascii(b->failed[i]->recipient,
		    strlen(b->failed[i]->recipient)) ||
		    !is_ascii(b->failed[i]->original,
		    strlen(b->failed[i]->original)))
			return 1;
	return 0;
}

/* Bytes of header to quote: whole lines, without the empty one. */
static size_t
excerpt_size(const struct bounce *b)
{
	const char *line = b->head, *end;
	size_t left = b->head_size;

	if (b->head == NULL)
		return 0;
	if (left > BOUNCE_EXCERPT_MAX)
		left = BOUNCE_EXCERPT_MAX;
	while ((end = memchr(line, '\n', left)) != NULL) {
		if (end == line || (end == line + 1 && line[0] == '\r'))
			break;
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	return (size_t)(line - b->head);
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
print_head(FILE *out, const struct bounce *b, int is_8bit)
{
	fprintf(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: Undelivered mail returned to sender\r\n",
	    b->hostname, b->message->sender);
	print_date(out, "Date", b->now_s);
	fprintf(out, "Message-ID: <%013" PRIx64 "@%s>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n"
	    "This is a MIME-encapsulated message.\r\n",
	    b->id, b->hostname, b->boundary, is_8bit ? "8bit" : "7bit");
}

/* A line end in text from the store would begin a field of ours. */
static void
print_clean(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

static void
print_part(FILE *out, const struct bounce *b, const char *type,
    const char *encoding)
{
	fprintf(out, "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n", b->boundary, type,
	    encoding);
}

static void
print_text(FILE *out, const struct bounce *b)
{
	const struct agent_queue_result *r;
	size_t i;

	fprintf(out, "This is the mail system at host %s.\r\n\r\n"
	    "Your message could not be delivered to the recipients below,\r\n"
	    "and it will not be tried again.  Its header is attached.\r\n",
	    b->hostname);
	for (i = 0; i < b->nfailed; i++) {
		r = b->failed[i]->result;
		fprintf(out, "\r\n<%s>:\r\n    ", b->failed[i]->recipient);
		if (r->remote[0] != '\0') {
			fputs("host ", out);
			print_clean(out, r->remote);
			fputs(" said:\r\n    ", out);
		}
		print_clean(out, r->text);
		fputs("\r\n", out);
	}
}

static void
print_recipient(FILE *out, const struct envelope *e, const char *type)
{
	const struct agent_queue_result *r = e->result;

	if (e->original[0] != '\0' && strcmp(e->original, e->recipient) != 0)
		fprintf(out, "\r\nOriginal-Recipient: %s; %s", type,
		    e->original);
	fprintf(out, "\r\nFinal-Recipient: %s; %s\r\nAction: failed\r\n"
	    "Status: ", type, e->recipient);
	/* a temporary failure that lasted too long: RFC 3463 4.4.7 */
	print_clean(out, r->class == AGENT_PERMFAIL ? r->status : "4.4.7");
	if (r->remote[0] != '\0') {
		fputs("\r\nRemote-MTA: dns; ", out);
		print_clean(out, r->remote);
	}
	if (r->text[0] != '\0') {
		fprintf(out, "\r\nDiagnostic-Code: %s; ",
		    r->remote[0] != '\0' ? "smtp" : "x-smtpsd");
		print_clean(out, r->text);
	}
	fputs("\r\n", out);
}

static void
print_status(FILE *out, const struct bounce *b, int is_utf8)
{
	size_t i;

	fprintf(out, "Reporting-MTA: dns; %s\r\n", b->hostname);
	print_date(out, "Arrival-Date", b->message->created_s);
	for (i = 0; i < b->nfailed; i++)
		print_recipient(out, b->failed[i],
		    is_utf8 ? "utf-8" : "rfc822");
}

char *
bounce_compose(const struct bounce *b, size_t *size, uint32_t *flags)
{
	int is_utf8 = needs_utf8(b);
	size_t head_size = excerpt_size(b);
	int is_8bit = is_utf8 || !is_ascii(b->head, head_size);
	const char *encoding = is_utf8 ? "8bit" : "7bit";
	char *text = NULL;
	FILE *out;

	if ((out = open_memstream(&text, size)) == NULL)
		return NULL;
	print_head(out, b, is_8bit);
	print_part(out, b, is_utf8 ? "text/plain; charset=utf-8" :
	    "text/plain; charset=us-ascii", encoding);
	print_text(out, b);
	print_part(out, b, is_utf8 ? "message/global-delivery-status" :
	    "message/delivery-status", encoding);
	print_status(out, b, is_utf8);
	print_part(out, b, is_utf8 ? "message/global-headers" :
	    "text/rfc822-headers", is_8bit ? "8bit" : "7bit");
	if (head_size > 0)
		fwrite(b->head, 1, head_size, out);
	fprintf(out, "\r\n--%s--\r\n", b->boundary);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	*flags = (is_8bit ? MAIL_8BITMIME : 0) | (is_utf8 ? MAIL_SMTPUTF8 : 0);
	return text;
}
