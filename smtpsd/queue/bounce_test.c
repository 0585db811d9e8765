/*
 * Bounces byte by byte, and what may not come through.
 */
#include <stdlib.h>

#include "base/tap.h"
#include "bounce.h"
#include "proto/net_policy.h"

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
    "and it will not be tried again.  Its header is attached.\r\n"
    "\r\n"
    "<bob@example.net>:\r\n"
    "    host mx.example.net said:\r\n"
    "    550 no such user\r\n"
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
static struct envelope *failed[1];

static char *
compose(const char *head, size_t head_size, uint32_t *flags)
{
	struct bounce b = { .hostname = "mx.example.org", .boundary = "=_b",
	    .id = 255, .now_s = 1700000000, .message = message,
	    .failed = failed, .nfailed = 1, .head = head,
	    .head_size = head_size };
	size_t size;

	return bounce_compose(&b, &size, flags);
}

static void
test_golden(void)
{
	static const char body[] =
	    "From: ann@example.org\r\nSubject: hello\r\n\r\nbody\r\n";
	uint32_t flags;
	char *text = compose(body, sizeof(body) - 1, &flags);

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

	for (i = 0; i + 100 <= sizeof(head); i += 100) {
		memset(head + i, 'h', 98);
		memcpy(head + i + 98, "\r\n", 2);
	}
	text = compose(head, sizeof(head), &flags);
	tap_ok(strlen(text) < 8192 + sizeof(golden), "a long header is cut");
	tap_ok(strstr(text, "hh\r\n\r\n--=_b--\r\n") != NULL,
	    "at the end of a line");
	free(text);
	text = compose("X: \303\244\r\n\r\n", 9, &flags);
	tap_ok(flags == MAIL_8BITMIME, "8-bit header: 8BITMIME");
	free(text);
	text = compose(NULL, 0, &flags);
	tap_ok(text != NULL, "without a header");
	free(text);
}

static void
test_hostile(void)
{
	uint32_t flags;
	char *text;

	envelope_result(failed[0], AGENT_TEMPFAIL, "4.1.1", "",
	    "x\r\nFinal-Recipient: rfc822; evil\r\n\r\n--=_b");
	text = compose(NULL, 0, &flags);
	tap_ok(strstr(text, "\nFinal-Recipient: rfc822; evil") == NULL,
	    "line ends in a text stay in its line");
	tap_ok(strstr(text, "Status: 4.4.7\r\n") != NULL,
	    "expired: delivery time expired");
	tap_ok(strstr(text, "Remote-MTA") == NULL, "no host, no Remote-MTA");
	free(text);
	strlcpy(failed[0]->recipient, "b\303\266b@example.net",
	    sizeof(failed[0]->recipient));
	text = compose(NULL, 0, &flags);
	tap_ok(strstr(text, "message/global-delivery-status") != NULL &&
	    strstr(text, "Final-Recipient: utf-8; b") != NULL &&
	    (flags & MAIL_SMTPUTF8), "an address that is not ASCII");
	free(text);
}

int
main(void)
{
	message = message_new();
	failed[0] = envelope_new();
	message->created_s = 1700000000 - 3600;
	strlcpy(message->sender, "ann@example.org", sizeof(message->sender));
	strlcpy(failed[0]->recipient, "bob@example.net",
	    sizeof(failed[0]->recipient));
	strlcpy(failed[0]->original, "list@example.org",
	    sizeof(failed[0]->original));
	envelope_result(failed[0], AGENT_PERMFAIL, "5.1.1", "mx.example.net",
	    "550 no such user");
	test_golden();
	test_excerpt();
	test_hostile();
	envelope_free(failed[0]);
	message_unref(message);
	return tap_done();
}
