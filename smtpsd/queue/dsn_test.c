/*
 * Notifications byte by byte, taken apart as a reader would, and what may not
 * come through.
 */
#include <stdlib.h>

#include "base/tap.h"
#include "dsn.h"
#include "notify.h"

static const char golden[] =
    "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\r\n"
    "To: <ann@example.org>\r\n"
    "Subject: Undelivered mail returned to sender\r\n"
    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    "Message-ID: <00000000000ff@mx.example.org>\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_b\"\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "This is a MIME-encapsulated message.\r\n"
    "\r\n"
    "--=_b\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "This is the mail system at host mx.example.org.\r\n"
    "\r\n"
    "Your message could not be delivered to the recipients below,\r\n"
    "and it will not be tried again.\r\n"
    "\r\n"
    "<bob@example.net> (an address behind <list@example.org>):\r\n"
    "    host mx.example.net said:\r\n"
    "    550 no such user\r\n"
    "\r\n"
    "Your message's header is attached.\r\n"
    "\r\n"
    "--=_b\r\n"
    "Content-Type: message/delivery-status\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "Reporting-MTA: dns; mx.example.org\r\n"
    "Arrival-Date: Tue, 14 Nov 2023 21:13:20 +0000\r\n"
    "\r\n"
    "Original-Recipient: rfc822; list@example.org\r\n"
    "Final-Recipient: rfc822; bob@example.net\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx.example.net\r\n"
    "Diagnostic-Code: smtp; 550 no such user\r\n"
    "\r\n"
    "--=_b\r\n"
    "Content-Type: text/rfc822-headers\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "From: ann@example.org\r\n"
    "Subject: hello\r\n"
    "\r\n"
    "--=_b--\r\n";

static struct message *message;
static struct envelope *reported[4];

static char *
compose(size_t n, const char *body, size_t size, int is_full, uint32_t *flags)
{
	struct dsn d = { .hostname = "mx.example.org", .boundary = "=_b",
	    .id = 255, .now_s = 1700000000, .expires_s = 1700003600,
	    .message = message, .reported = reported, .nreported = n,
	    .body = body, .body_size = size, .is_full = is_full };
	size_t length;
	char *text = dsn_compose(&d, &length, flags);

	tap_ok(text != NULL && strlen(text) == length, "a text of its size");
	return text;
}

static void
reset(void)
{
	static const char *const names[] = { "bob@example.net",
	    "cat@example.net", "dan@example.net", "eve@example.net" };
	size_t i;

	message_unref(message);
	message = message_new();
	message->created_s = 1700000000 - 3600;
	strlcpy(message->sender, "ann@example.org", sizeof(message->sender));
	for (i = 0; i < 4; i++) {
		envelope_free(reported[i]);
		reported[i] = envelope_new();
		reported[i]->report = REPORT_FAILED;
		strlcpy(reported[i]->recipient, names[i],
		    sizeof(reported[i]->recipient));
		strlcpy(reported[i]->original, names[i],
		    sizeof(reported[i]->original));
		envelope_result(reported[i], AGENT_PERMFAIL, "5.1.1",
		    "mx.example.net", "550 no such user");
	}
}

/* A line end is CRLF everywhere. */
static int
has_only_crlf(const char *s)
{
	char last = '\0';

	for (; *s != '\0'; last = *s++)
		if ((*s == '\n') != (last == '\r'))
			return 0;
	return last == '\n';
}

/*
 * Cut a notification at its boundary: the header and the parts, each without
 * the line end that belongs to the boundary.  How many, 0: no clean end.
 */
static size_t
take_apart(char *text, char **parts, size_t max)
{
	size_t n = 0;
	char *end;

	parts[n++] = text;
	while (n <= max && (end = strstr(parts[n - 1], "\r\n--=_b")) != NULL) {
		*end = '\0';
		end += strlen("\r\n--=_b");
		if (strncmp(end, "--\r\n", 4) == 0)
			return end[4] == '\0' ? n : 0;
		if (strncmp(end, "\r\n", 2) != 0 || n == max)
			return 0;
		parts[n++] = end + 2;
	}
	return 0;
}

static const char *
part_body(const char *part)
{
	const char *body = strstr(part, "\r\n\r\n");

	return body == NULL ? "" : body + 4;
}

/* Whether the group of one recipient (or of the message) has this field. */
static int
has_field(const char *status, const char *group, const char *field)
{
	const char *start = group[0] == '\0' ? status : strstr(status, group);
	const char *end, *found;
	char line[256];

	if (start == NULL)
		return 0;
	while (start > status && strncmp(start - 2, "\r\n\r\n", 4) != 0)
		start--;
	end = strstr(start + 2, "\r\n\r\n");
	snprintf(line, sizeof(line), "%s\r\n", field);
	found = strstr(start, line);
	return found != NULL && (end == NULL || found < end + 2) &&
	    (found == status || found[-1] == '\n');
}

static void
test_golden(void)
{
	static const char body[] =
	    "From: ann@example.org\r\nSubject: hello\r\n\r\nbody\r\n";
	uint32_t flags;
	char *text;

	reset();
	strlcpy(reported[0]->original, "list@example.org",
	    sizeof(reported[0]->original));
	text = compose(1, body, sizeof(body) - 1, 0, &flags);
	tap_is_str(text, golden, "a plain bounce");
	tap_ok(flags == 0, "needs nothing");
	free(text);
}

static void
test_excerpt(void)
{
	static char head[20000];
	uint32_t flags;
	size_t i;
	char *text;

	reset();
	for (i = 0; i + 100 <= sizeof(head); i += 100) {
		memset(head + i, 'h', 98);
		memcpy(head + i + 98, "\r\n", 2);
	}
	text = compose(1, head, sizeof(head), 0, &flags);
	tap_ok(strlen(text) < DSN_EXCERPT_MAX + sizeof(golden),
	    "a long header is cut");
	tap_ok(strstr(text, "hh\r\n\r\n--=_b--\r\n") != NULL,
	    "at the end of a line");
	free(text);
	text = compose(1, "X: \303\244\r\n\r\n", 9, 0, &flags);
	tap_ok(flags == MAIL_8BITMIME, "8-bit header: 8BITMIME");
	free(text);
	text = compose(1, "A: b\n\rC: \0d\r\n\r\n", 15, 0, &flags);
	tap_ok(strstr(text, "\r\nA: b\r\nC: d\r\n\r\n--=_b--") != NULL,
	    "line ends of a binary one become CRLF");
	free(text);
	text = compose(1, NULL, 0, 0, &flags);
	tap_ok(text != NULL, "without a header");
	free(text);
}

/* Four recipients, one of each kind, with all parameters of RFC 3461. */
static void
test_all_kinds(void)
{
	static const char body[] = "Subject: hello\r\n\r\nbody\r\n";
	char *text, *parts[4];
	const char *status;
	uint32_t flags;

	reset();
	strlcpy(message->envid, "order 17+x", sizeof(message->envid));
	reported[0]->orcpt = strdup("rfc822;bob.old@example.com");
	reported[1]->report = REPORT_DELAYED;
	envelope_result(reported[1], AGENT_TEMPFAIL, "4.2.2", "", "full");
	reported[2]->report = REPORT_DELIVERED;
	envelope_result(reported[2], AGENT_OK, "2.0.0", "", "Delivered");
	reported[3]->report = REPORT_RELAYED;
	envelope_result(reported[3], AGENT_RELAYED, "2.6.0", "old.example",
	    "250 ok");
	text = compose(4, body, sizeof(body) - 1, 0, &flags);
	tap_ok(has_only_crlf(text), "lines end with CRLF");
	tap_ok(take_apart(text, parts, 4) == 4, "header and three parts");
	tap_ok(strstr(parts[0], "Subject: Undelivered mail") != NULL,
	    "the worst kind names it");
	tap_ok(strstr(parts[2], "message/delivery-status") != NULL,
	    "the second part is the report");
	status = part_body(parts[2]);
	tap_ok(has_field(status, "", "Original-Envelope-Id: order 17+x") &&
	    has_field(status, "", "Reporting-MTA: dns; mx.example.org"),
	    "fields of the message");
	tap_ok(has_field(status, "bob@", "Action: failed") &&
	    has_field(status, "bob@",
	    "Original-Recipient: rfc822; bob.old@example.com") &&
	    has_field(status, "bob@", "Remote-MTA: dns; mx.example.net") &&
	    has_field(status, "bob@", "Status: 5.1.1") &&
	    has_field(status, "bob@",
	    "Diagnostic-Code: smtp; 550 no such user"), "failed");
	tap_ok(has_field(status, "cat@", "Action: delayed") &&
	    has_field(status, "cat@", "Status: 4.2.2") &&
	    has_field(status, "cat@", "Diagnostic-Code: x-smtpsd; full") &&
	    has_field(status, "cat@",
	    "Will-Retry-Until: Tue, 14 Nov 2023 23:13:20 +0000") &&
	    !has_field(status, "cat@", "Remote-MTA: dns; mx.example.net"),
	    "delayed");
	tap_ok(has_field(status, "dan@", "Action: delivered") &&
	    has_field(status, "dan@", "Status: 2.0.0") &&
	    !has_field(status, "dan@",
	    "Diagnostic-Code: x-smtpsd; Delivered"), "delivered");
	tap_ok(has_field(status, "eve@", "Action: relayed") &&
	    has_field(status, "eve@", "Remote-MTA: dns; old.example"),
	    "relayed");
	tap_ok(strstr(part_body(parts[1]), "<dan@example.net>") != NULL,
	    "people read of it too");
	tap_is_str(part_body(parts[3]), "Subject: hello\r\n",
	    "the header only");
	free(text);
}

/* What relay found out by itself is put into no host's mouth. */
static void
test_own_words(void)
{
	char *text, *parts[4];
	const char *people, *status;
	uint32_t flags;

	reset();
	envelope_result(reported[0], AGENT_PERMFAIL, "5.1.2", "none.example",
	    "the domain does not exist");
	envelope_result(reported[1], AGENT_TEMPFAIL, "4.4.1", "192.0.2.1",
	    "192.0.2.1: Connection refused");
	reported[2]->report = REPORT_DELAYED;
	text = compose(2, NULL, 0, 0, &flags);
	tap_ok(take_apart(text, parts, 4) == 4, "own words: parts");
	people = part_body(parts[1]);
	status = part_body(parts[2]);
	tap_ok(strstr(people, "said") == NULL && strstr(people, ">:\r\n"
	    "    none.example: the domain does not exist\r\n\r\n") != NULL &&
	    strstr(people, "expired") > strstr(people, "<cat@"),
	    "people read whose words they are");
	tap_ok(has_field(status, "bob@", "Diagnostic-Code: x-smtpsd; "
	    "none.example: the domain does not exist") &&
	    has_field(status, "cat@", "Diagnostic-Code: x-smtpsd; "
	    "192.0.2.1: Connection refused") &&
	    strstr(status, "Remote-MTA") == NULL, "and so do programs");
	free(text);
	reported[0]->report = reported[1]->report = REPORT_DELAYED;
	text = compose(3, NULL, 0, 0, &flags);
	tap_ok(strstr(text, "\r\nIt is tried until: Tue, 14 Nov 2023 23:13:20 "
	    "+0000\r\n") != NULL && strstr(text, "expired") == NULL,
	    "delayed: until when");
	free(text);
}

static void
test_full(void)
{
	static const char body[] = "Subject: \303\244\r\n\r\n.body\r\n";
	char *text, *parts[4];
	uint32_t flags;

	reset();
	text = compose(1, body, sizeof(body) - 1, 1, &flags);
	tap_ok(take_apart(text, parts, 4) == 4, "with the message: parts");
	tap_is_str(part_body(parts[3]), body, "all of the message");
	tap_ok(strncmp(parts[3], "Content-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n", 63) == 0 &&
	    flags == MAIL_8BITMIME, "as what it is");
	tap_ok(strstr(part_body(parts[1]), "Your message is attached.") !=
	    NULL, "and said so");
	free(text);
}

static void
test_hostile(void)
{
	uint32_t flags;
	char *text;

	reset();
	envelope_result(reported[0], AGENT_TEMPFAIL, "4.1.1", "",
	    "x\r\nFinal-Recipient: rfc822; evil\r\n\r\n--=_b");
	strlcpy(reported[0]->recipient, "x\r\nAction: delivered@example.net",
	    sizeof(reported[0]->recipient));
	reported[0]->orcpt = strdup("rfc822;a\r\nStatus: 2.0.0");
	strlcpy(message->envid, "a\nAction: relayed", sizeof(message->envid));
	text = compose(1, NULL, 0, 0, &flags);
	tap_ok(strstr(text, "\nFinal-Recipient: rfc822; evil") == NULL &&
	    strstr(text, "\nAction: delivered") == NULL &&
	    strstr(text, "\nAction: relayed") == NULL &&
	    strstr(text, "\nStatus: 2") == NULL,
	    "line ends in values stay in their lines");
	tap_ok(strstr(text, "Status: 4.4.7\r\n") != NULL,
	    "expired: delivery time expired");
	tap_ok(strstr(text, "Remote-MTA") == NULL, "no host, no Remote-MTA");
	free(text);
}

static void
test_utf8(void)
{
	char *text, *parts[4];
	uint32_t flags;

	reset();
	strlcpy(reported[0]->recipient, "b\303\266b@example.net",
	    sizeof(reported[0]->recipient));
	text = compose(2, "A: b\r\n", 6, 0, &flags);
	tap_ok(take_apart(text, parts, 4) == 4, "RFC 6533: parts");
	tap_ok(strstr(parts[2], "message/global-delivery-status") != NULL &&
	    has_field(part_body(parts[2]), "b\303\266b",
	    "Final-Recipient: utf-8; b\303\266b@example.net"),
	    "an address that is not ASCII");
	tap_ok(has_field(part_body(parts[2]), "cat@",
	    "Final-Recipient: rfc822; cat@example.net"), "beside one that is");
	tap_ok(strstr(parts[3], "message/global-headers") != NULL,
	    "and its header");
	tap_ok(flags == MAIL_8BITMIME, "travels as 8BITMIME");
	free(text);
	strlcpy(message->sender, "\303\244nn@example.org",
	    sizeof(message->sender));
	text = compose(1, NULL, 0, 0, &flags);
	tap_ok(flags == (MAIL_8BITMIME | MAIL_SMTPUTF8),
	    "to an address that is not ASCII: SMTPUTF8");
	free(text);
	strlcpy(message->sender, "ann@b\303\274.example",
	    sizeof(message->sender));
	text = compose(1, NULL, 0, 0, &flags);
	tap_ok(flags == MAIL_8BITMIME &&
	    strstr(text, "\r\nTo: <ann@xn--b-eha.example>\r\n") != NULL,
	    "not if only the domain is not");
	free(text);
}

int
main(void)
{
	size_t i;

	test_golden();
	test_excerpt();
	test_all_kinds();
	test_own_words();
	test_full();
	test_hostile();
	test_utf8();
	for (i = 0; i < 4; i++)
		envelope_free(reported[i]);
	message_unref(message);
	return tap_done();
}
