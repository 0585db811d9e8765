/* Tests of trace.c and perip.c. */
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "base/tap.h"
#include "perip.h"
#include "trace.h"

static void
test_trace(void)
{
	struct trace	t = { .helo = "client", .address = "192.0.2.1",
			    .hostname = "mx.example.org", .message = 0xabc };
	char		buf[TRACE_MAX];
	size_t		n;

	n = trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(n == strlen(buf), "length");
	tap_is_str(buf, "Received: from client ([192.0.2.1])\r\n"
	    "\tby mx.example.org with SMTP id 0000000000abc;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "HELO");
	t.address = "2001:db8::1";
	t.is_esmtp = t.is_auth = 1;
	t.tls_version = "TLSv1.3";
	t.tls_cipher = "AES";
	t.rcpt = "a@b";
	trace_received(buf, sizeof(buf), &t, 1700000000);
	tap_is_str(buf, "Received: from client ([IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.org with ESMTPSA id 0000000000abc\r\n"
	    "\t(using TLSv1.3 with cipher AES)\r\n\tfor <a@b>;\r\n"
	    "\tTue, 14 Nov 2023 22:13:20 +0000\r\n", "ESMTPSA");
	t.address = "fe80::1%em0";
	trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(strstr(buf, "([IPv6:fe80::1])") != NULL, "no scope");
	t.is_utf8 = 1;
	trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(strstr(buf, " with UTF8SMTPSA id ") != NULL, "UTF8SMTPSA");
	t.rcpt = "\303\274@b\303\274.c";
	trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(strstr(buf, "for <\303\274@b") != NULL, "UTF-8 in for");
	t.rcpt = "a@b\303\274.c";
	trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(strstr(buf, "for <") == NULL, "not for a domain alone");
	t.rcpt = "a@b";
	t.is_auth = 0;
	t.tls_version = NULL;
	trace_received(buf, sizeof(buf), &t, 0);
	tap_ok(strstr(buf, " with UTF8SMTP id ") != NULL, "UTF8SMTP");
	trace_date(buf, sizeof(buf), 86399);
	tap_is_str(buf, "Date: Thu, 1 Jan 1970 23:59:59 +0000\r\n", "Date");
	n = trace_message_id(buf, sizeof(buf), 0xabc, "h");
	tap_ok(strncmp(buf, "Message-ID: <0000000000abc.", 27) == 0 &&
	    strcmp(buf + n - 5, "@h>\r\n") == 0, "Message-ID");
}

static struct perip *
take(const char *address)
{
	struct sockaddr_in6	s6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in	s4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, address, &s4.sin_addr) == 1)
		return perip_take((struct sockaddr *)&s4);
	inet_pton(AF_INET6, address, &s6.sin6_addr);
	return perip_take((struct sockaddr *)&s6);
}

static void
test_perip(void)
{
	struct perip	*a, *b, *c, *d;

	a = take("192.0.2.1");
	b = take("::ffff:192.0.2.1");
	tap_ok(a == b && perip_count(a) == 2, "a mapped address is IPv4");
	c = take("192.0.2.2");
	tap_ok(c != a && perip_count(c) == 1, "another address");
	perip_drop(c);
	c = take("2001:db8::1");
	d = take("2001:db8::ffff:1");
	tap_ok(c == d, "one /64 is one client");
	perip_drop(d);
	d = take("2001:db8:0:1::1");
	tap_ok(c != d, "another /64");
	perip_drop(a);
	tap_ok(perip_count(b) == 1, "drop");
	perip_drop(b);
	perip_drop(c);
	perip_drop(d);
	a = perip_take_user("alice");
	b = perip_take_user("alicf");
	c = perip_take_user("alice");
	tap_ok(a == c && perip_count(a) == 2 && perip_count(b) == 1,
	    "each user has a count");
	perip_drop(a);
	perip_drop(b);
	perip_drop(c);
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	test_trace();
	test_perip();
	return tap_done();
}
