/*
 * Unit test of client.c: what it sends for a question, and what it makes of
 * what a sound and an unsound server say.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tap.h"
#include "client.h"

#define HELLO	"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\t" \
		"plaintext\nSPID\t7\nCUID\t1\nCOOKIE\tabcdef\nDONE\n"

static struct backend_parent_result	last;
static int				nverdicts;

static void
on_verdict(const struct backend_parent_result *r)
{
	last = *r;
	nverdicts++;
}

static struct client *
connected(const char *hello)
{
	struct client	*c = client_new(on_verdict);
	const char	*why;
	size_t		 size;

	if (c == NULL)
		exit(2);
	client_start(c, 42);
	(void)client_output(c, &size);
	client_sent(c, size);
	(void)client_input(c, hello, strlen(hello), &why);
	return c;
}

static int
ask(struct client *c, const char *user, const char *password,
    const char *address)
{
	struct parent_backend_check	 check;
	const char			*reason;

	memset(&check, 0, sizeof(check));
	check.request = 1000 + client_pending(c);
	strlcpy(check.user, user, sizeof(check.user));
	strlcpy(check.password, password, sizeof(check.password));
	strlcpy(check.address, address, sizeof(check.address));
	return client_ask(c, &check, 0, &reason);
}

static void
test_lines(void)
{
	static const struct {
		const char	*name, *user, *password, *want;
	} cases[] = {
		{ "plain", "joe", "sesame", "AUTH\t1\tPLAIN\tservice=smtp\t"
		    "secured\tnologin\tno-penalty\trip=192.0.2.1\t"
		    "resp=AGpvZQBzZXNhbWU=\n" },
		{ "tab in a name", "a\tb", "x", "AUTH\t1\tPLAIN\t"
		    "service=smtp\tsecured\tnologin\tno-penalty\t"
		    "rip=192.0.2.1\tresp=AGEJYgB4\n" },
		{ "newline in a password", "a", "x\nAUTH\t2", "AUTH\t1\t"
		    "PLAIN\tservice=smtp\tsecured\tnologin\tno-penalty\t"
		    "rip=192.0.2.1\tresp=AGEAeApBVVRICTI=\n" },
	};
	struct client	*c;
	char		 got[1024];
	const char	*data;
	size_t		 i, size;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = connected(HELLO);
		(void)ask(c, cases[i].user, cases[i].password, "192.0.2.1");
		data = client_output(c, &size);
		snprintf(got, sizeof(got), "%.*s", (int)size, data);
		tap_is_str(got, cases[i].want, cases[i].name);
		client_sent(c, size);
		data = client_output(c, &size);
		tap_ok(size == 0 && memcmp(data, "\0\0\0\0", 4) == 0,
		    "%s: wiped when sent", cases[i].name);
		client_free(c);
	}
	c = connected(HELLO);
	tap_ok(ask(c, "joe", "x", "1.2.3.4\tresp=") == -1,
	    "an address that would break the line");
	tap_ok(client_pending(c) == 0, "is not asked");
	client_free(c);
}

static void
test_answers(void)
{
	static char	long_name[400];
	static const struct {
		const char	*name, *line;
		uint32_t	 verdict;	/* 0: none */
		const char	*text;		/* user or reason */
	} cases[] = {
		{ "ok", "OK\t1\tuser=joe\n", BACKEND_OK, "joe" },
		{ "ok without a name", "OK\t1\n", BACKEND_OK, "Joe" },
		{ "another name", "OK\t1\tx=y\tuser=joe@example.org\n",
		    BACKEND_OK, "joe@example.org" },
		{ "parameter that only begins alike", "OK\t1\tusers=a\n",
		    BACKEND_OK, "Joe" },
		{ "escaped tab", "OK\t1\tuser=a\001tb\n", BACKEND_LATER,
		    "name-not-possible" },
		{ "escaped NUL", "OK\t1\tuser=root\0010x\n", BACKEND_LATER,
		    "name-not-possible" },
		{ "half an escape", "OK\t1\tuser=a\001\n", BACKEND_LATER,
		    "name-not-possible" },
		{ "empty name", "OK\t1\tuser=\n", BACKEND_LATER,
		    "name-not-possible" },
		{ "long name", long_name, BACKEND_LATER,
		    "name-not-possible" },
		{ "fail", "FAIL\t1\tuser=joe\n", BACKEND_BAD, "password" },
		{ "fail, temporary", "FAIL\t1\tuser=joe\ttemp\n",
		    BACKEND_LATER, "dovecot-trouble" },
		{ "fail, temporary by code", "FAIL\t1\tcode=temp_fail\n",
		    BACKEND_LATER, "dovecot-trouble" },
		{ "fail, disabled", "FAIL\t1\tuser_disabled\n", BACKEND_BAD,
		    "account-disabled" },
		{ "fail, expired", "FAIL\t1\tcode=pass_expired\n",
		    BACKEND_BAD, "password-expired" },
		{ "cont", "CONT\t1\tabcd\n", BACKEND_LATER, "asks-for-more" },
		{ "another id", "OK\t2\tuser=joe\n", 0, "" },
		{ "no id", "OK\n", 0, "" },
		{ "id 0", "OK\t0\tuser=joe\n", 0, "" },
		{ "id that wraps", "OK\t4294967297\tuser=joe\n", 0, "" },
		{ "id with a sign", "OK\t-1\tuser=joe\n", 0, "" },
		{ "unknown word", "HELLO\t1\n\n\t\t\nNOTIFY\n", 0, "" },
		{ "in pieces", "FAIL\t1", 0, "" },
	};
	struct client	*c;
	const char	*why;
	size_t		 i;
	int		 rc;

	memset(long_name, 'a', sizeof(long_name) - 2);
	memcpy(long_name, "OK\t1\tuser=", 10);
	long_name[sizeof(long_name) - 2] = '\n';
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = connected(HELLO);
		(void)ask(c, "Joe", "x", "192.0.2.1");
		nverdicts = 0;
		memset(&last, 0, sizeof(last));
		rc = client_input(c, cases[i].line, strlen(cases[i].line),
		    &why);
		tap_ok(rc == 0 && last.verdict == cases[i].verdict &&
		    nverdicts == (cases[i].verdict != 0) &&
		    strcmp(last.verdict == BACKEND_OK ? last.user :
		    last.reason, cases[i].text) == 0, "%s", cases[i].name);
		tap_ok(client_pending(c) == (cases[i].verdict == 0),
		    "%s: pending", cases[i].name);
		client_free(c);
	}
}

static void
test_hello(void)
{
	static char	long_line[CLIENT_LINE_MAX + 10];
	static const struct {
		const char	*name, *hello;
		size_t		 size;		/* 0: strlen */
		int		 rc, ready, can_ask;
	} cases[] = {
		{ "hello", HELLO, 0, 0, 1, 1 },
		{ "other minor", "VERSION\t1\t99\nMECH\tPLAIN\nDONE\n", 0, 0,
		    1, 1 },
		{ "other major", "VERSION\t2\t0\nDONE\n", 0, -1, 0, 0 },
		{ "no version", "MECH\tPLAIN\nDONE\n", 0, -1, 0, 0 },
		{ "no PLAIN", "VERSION\t1\t2\nMECH\tCRAM-MD5\nDONE\n", 0, 0,
		    1, 0 },
		{ "not done", "VERSION\t1\t2\nMECH\tPLAIN\n", 0, 0, 0, 0 },
		{ "half a line", "VERSION\t1\t2\nMECH\tPLAIN\nDONE", 0, 0, 0,
		    0 },
		{ "long line", long_line, sizeof(long_line), -1, 0, 0 },
		{ "NUL", "VERSION\t1\0\t2\n", 13, -1, 0, 0 },
	};
	struct client	*c;
	const char	*why;
	size_t		 i;
	int		 rc;

	memset(long_line, 'x', sizeof(long_line));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = connected("");
		rc = client_input(c, cases[i].hello, cases[i].size != 0 ?
		    cases[i].size : strlen(cases[i].hello), &why);
		tap_ok(rc == cases[i].rc &&
		    client_is_ready(c) == cases[i].ready, "%s",
		    cases[i].name);
		if (rc == 0)
			tap_ok((ask(c, "joe", "x", "::1") == 0) ==
			    cases[i].can_ask, "%s: asking", cases[i].name);
		client_free(c);
	}
}

static void
test_limits(void)
{
	struct client	*c = connected(HELLO);
	const char	*data;
	size_t		 i, size, before;

	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (ask(c, "joe", "x", "::1") == -1)
			break;
	tap_ok(i == BACKEND_DOVECOT_MAX, "as many as there may be");
	tap_ok(ask(c, "joe", "x", "::1") == -1, "one more is refused");
	nverdicts = 0;
	client_tick(c, 1000);
	tap_ok(nverdicts == 0, "in time");
	(void)client_output(c, &before);
	client_tick(c, 60000);
	data = client_output(c, &size);
	tap_ok(nverdicts == BACKEND_DOVECOT_MAX &&
	    last.verdict == BACKEND_LATER && client_pending(c) == 0,
	    "too late: all are given up");
	tap_ok(size > before && memcmp(data + before, "CANCEL\t1\n", 9) == 0,
	    "and cancelled");
	(void)ask(c, "joe", "x", "::1");
	client_give_up(c, "connection-lost");
	tap_ok(client_pending(c) == 0 && last.verdict == BACKEND_LATER,
	    "a lost connection");
	client_free(c);
}

int
main(void)
{
	log_init("test", LOG_TO_STDERR);
	test_lines();
	test_answers();
	test_hello();
	test_limits();
	return tap_done();
}
