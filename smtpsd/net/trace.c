/*
 * Builds the trace field and those that a submission server adds when they
 * are missing.  Everything that comes from the client was checked before
 * (helo by smtp.c, the recipient by address.c), so it holds no line end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static size_t
trace_cut(int n, size_t size)
{
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* RFC 5322 3.3; not strftime's %a and %b, which follow the locale. */
static const char *
trace_time(time_t t)
{
	static const char	 days[7][4] = { "Sun", "Mon", "Tue", "Wed",
				    "Thu", "Fri", "Sat" };
	static const char	 months[12][4] = { "Jan", "Feb", "Mar", "Apr",
				    "May", "Jun", "Jul", "Aug", "Sep", "Oct",
				    "Nov", "Dec" };
	static char		 text[192];
	static time_t		 last = -1;
	struct tm		 tm;
	long			 off;

	if (t == last)
		return text;
	last = t;
	if (localtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	off = tm.tm_gmtoff / 60;
	snprintf(text, sizeof(text), "%s, %d %s %d %02d:%02d:%02d %c%02ld%02ld",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    off < 0 ? '-' : '+', labs(off) / 60, labs(off) % 60);
	return text;
}

/*
 * An address of which only the domain is beyond ASCII may reach hosts without
 * SMTPUTF8, in A-labels; here it would make the header UTF-8, which may not.
 */
static int
is_shown(const char *rcpt)
{
	const char	*at = strrchr(rcpt, '@'), *p;

	for (p = rcpt; *p != '\0' && (unsigned char)*p < 0x80; p++)
		;
	return *p == '\0' || at == NULL || p < at;
}

size_t
trace_received(char *out, size_t size, const struct trace *t, time_t now)
{
	const char	*v6 = strchr(t->address, ':') != NULL ? "IPv6:" : "";
	char		 tls[128] = "", rcpt[400] = "", from[400] = "";

	if (t->tls_version != NULL)
		snprintf(tls, sizeof(tls), "\r\n\t(using %s with cipher %s)",
		    t->tls_version, t->tls_cipher);
	if (t->rcpt != NULL && is_shown(t->rcpt))
		snprintf(rcpt, sizeof(rcpt), "\r\n\tfor <%s>", t->rcpt);
	/* The scope of an address means nothing to others: no place for it. */
	if (!t->is_masked)
		snprintf(from, sizeof(from), "from %s ([%s%.*s])\r\n\t",
		    t->helo, v6, (int)strcspn(t->address, "%"), t->address);
	/* The keywords of RFC 3848, 6531 4.3; without EHLO plain SMTP. */
	return trace_cut(snprintf(out, size,
	    "Received: %sby %s%s with %s%s%s id %013llx%s%s;\r\n\t%s\r\n",
	    from, t->hostname, t->is_masked ? " (smtpsd)" : "",
	    t->is_utf8 ? "UTF8SMTP" : t->is_esmtp ? "ESMTP" : "SMTP",
	    t->is_esmtp && t->tls_version != NULL ? "S" : "",
	    t->is_esmtp && t->is_auth ? "A" : "",
	    (unsigned long long)t->message, tls, rcpt, trace_time(now)), size);
}

size_t
trace_date(char *out, size_t size, time_t now)
{
	return trace_cut(snprintf(out, size, "Date: %s\r\n", trace_time(now)),
	    size);
}

size_t
trace_message_id(char *out, size_t size, uint64_t message,
    const char *hostname)
{
	/* Random beside the id: two hosts of one name may share a clock. */
	return trace_cut(snprintf(out, size,
	    "Message-ID: <%013llx.%08x@%s>\r\n", (unsigned long long)message,
	    arc4random(), hostname), size);
}

void
trace_id(char *out, size_t size, uint64_t message)
{
	snprintf(out, size, "%013llx", (unsigned long long)message);
}
