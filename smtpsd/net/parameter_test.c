/* Tests of parameter.c. */
#include <string.h>

#include "base/tap.h"
#include "parameter.h"

static const struct {
	const char	*in;
	enum reply_id	 reply;
	uint64_t	 size;
	uint32_t	 flags;
	const char	*envid;
} mails[] = {
	{ "", REPLY_NONE, 0, 0, "" },
	{ " SIZE=10", REPLY_NONE, 10, 0, "" },
	{ " size=0  body=8bitmime", REPLY_NONE, 0, MAIL_8BITMIME, "" },
	{ "SIZE=10", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=18446744073709551616", REPLY_NONE, UINT64_MAX, 0, "" },
	{ " SIZE=18446744073709551615", REPLY_NONE, UINT64_MAX, 0, "" },
	{ " SIZE=100000000000000000000", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=-1", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=+1", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=0x10", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=1e9", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE", REPLY_SYNTAX, 0, 0, "" },
	{ " SIZE=1 SIZE=2", REPLY_SYNTAX, 1, 0, "" },
	{ " SIZE=1 size=1", REPLY_SYNTAX, 1, 0, "" },
	{ " BODY=7BIT", REPLY_NONE, 0, 0, "" },
	{ " BODY=BINARYMIME", REPLY_NONE, 0, MAIL_BINARYMIME, "" },
	{ " BODY=9BIT", REPLY_SYNTAX, 0, 0, "" },
	{ " BODY=7BIT BODY=8BITMIME", REPLY_SYNTAX, 0, 0, "" },
	{ " BODY", REPLY_SYNTAX, 0, 0, "" },
	{ " SMTPUTF8", REPLY_NONE, 0, MAIL_SMTPUTF8, "" },
	{ " SMTPUTF8=1", REPLY_SYNTAX, 0, 0, "" },
	{ " SMTPUTF8=", REPLY_SYNTAX, 0, 0, "" },
	{ " SMTPUTF8 SMTPUTF8", REPLY_SYNTAX, 0, MAIL_SMTPUTF8, "" },
	{ " REQUIRETLS", REPLY_NONE, 0, MAIL_REQUIRETLS, "" },
	{ " REQUIRETLS=yes", REPLY_SYNTAX, 0, 0, "" },
	{ " RET=FULL", REPLY_NONE, 0, MAIL_RET_FULL, "" },
	{ " RET=hdrs ENVID=QQ+3D+20x", REPLY_NONE, 0, MAIL_RET_HDRS, "QQ= x" },
	{ " RET=BOTH", REPLY_SYNTAX, 0, 0, "" },
	{ " RET=FULL RET=HDRS", REPLY_SYNTAX, 0, MAIL_RET_FULL, "" },
	{ " ENVID=", REPLY_SYNTAX, 0, 0, "" },
	{ " ENVID=a+0Ab", REPLY_SYNTAX, 0, 0, NULL },
	{ " ENVID=a+0", REPLY_SYNTAX, 0, 0, NULL },
	{ " ENVID=a=b", REPLY_SYNTAX, 0, 0, NULL },
	{ " AUTH=<>", REPLY_NONE, 0, 0, "" },
	{ " AUTH=a@b", REPLY_NONE, 0, 0, "" },
	{ " AUTH=a+2Bc@b", REPLY_NONE, 0, 0, "" },
	{ " AUTH=x+0Aevil", REPLY_SYNTAX, 0, 0, "" },
	{ " AUTH=\"", REPLY_SYNTAX, 0, 0, "" },
	{ " AUTH==", REPLY_SYNTAX, 0, 0, "" },
	{ " AUTH=", REPLY_SYNTAX, 0, 0, "" },
	{ " AUTH=<", REPLY_SYNTAX, 0, 0, "" },
	{ " AUTH=<a@b>", REPLY_SYNTAX, 0, 0, "" },
	{ " FOO", REPLY_UNKNOWN_PARAMETER, 0, 0, "" },
	{ " FOO=bar", REPLY_UNKNOWN_PARAMETER, 0, 0, "" },
	{ " =bar", REPLY_SYNTAX, 0, 0, "" },
	{ " -FOO=bar", REPLY_SYNTAX, 0, 0, "" },
	{ " F\303\251", REPLY_SYNTAX, 0, 0, "" },
	{ " NOTIFY=NEVER", REPLY_UNKNOWN_PARAMETER, 0, 0, "" },
};

static const struct {
	const char	*in;
	int		 is_utf8;
	enum reply_id	 reply;
	uint32_t	 notify;
	const char	*orcpt;
} rcpts[] = {
	{ "", 0, REPLY_NONE, 0, "" },
	{ " NOTIFY=NEVER", 0, REPLY_NONE, NOTIFY_NEVER, "" },
	{ " notify=success,Failure,DELAY", 0, REPLY_NONE, NOTIFY_SUCCESS |
	    NOTIFY_FAILURE | NOTIFY_DELAY, "" },
	{ " NOTIFY=NEVER,SUCCESS", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=SUCCESS,NEVER", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=DELAY,DELAY", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=SUCCESS,", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=,SUCCESS", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=SUCCES", 0, REPLY_SYNTAX, 0, NULL },
	{ " NOTIFY=DELAY NOTIFY=DELAY", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;a+2Bb@c", 0, REPLY_NONE, 0, "rfc822;a+b@c" },
	{ " ORCPT=rfc822;a@c NOTIFY=DELAY", 0, REPLY_NONE, NOTIFY_DELAY,
	    "rfc822;a@c" },
	{ " ORCPT=a@c", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=;a@c", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;a+0Ab", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;a+0D+0AX:+20y", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;a+ZZ", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=utf-8;\303\251@c", 0, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=utf-8;\303\251@c", 1, REPLY_NONE, 0, "utf-8;\303\251@c" },
	{ " ORCPT=utf-8;\303@c", 1, REPLY_SYNTAX, 0, NULL },
	{ " ORCPT=rfc822;\303\251@c", 1, REPLY_SYNTAX, 0, NULL },
	{ " SIZE=10", 0, REPLY_UNKNOWN_PARAMETER, 0, "" },
};

static void
test_long(void)
{
	struct mail_parameters	m;
	struct rcpt_parameters	r;
	char			line[2100];

	memset(line, 'x', sizeof(line));
	memcpy(line, " ENVID=", 7);
	line[107] = '\0';
	tap_ok(parameter_mail(line, PARAMETER_DSN, &m) == REPLY_NONE &&
	    strlen(m.envid) == 100, "ENVID of 100");
	line[107] = 'x';
	line[108] = '\0';
	tap_ok(parameter_mail(line, PARAMETER_DSN, &m) == REPLY_SYNTAX, "ENVID of 101");
	memset(line, 'x', sizeof(line));
	memcpy(line, " ORCPT=rfc822;", 14);
	line[507] = '\0';
	tap_ok(parameter_rcpt(line, PARAMETER_DSN, &r) == REPLY_NONE &&
	    strlen(r.orcpt) == 500, "ORCPT of 500");
	line[507] = 'x';
	line[508] = '\0';
	tap_ok(parameter_rcpt(line, PARAMETER_DSN, &r) == REPLY_SYNTAX, "ORCPT of 501");
	memset(line, 'x', sizeof(line));
	line[0] = ' ';
	line[2000] = '\0';
	tap_ok(parameter_mail(line, PARAMETER_DSN, &m) == REPLY_SYNTAX, "a word of 2000");
}

/* Those of RFC 3461 from somebody who may not ask for notifications. */
static void
test_no_dsn(void)
{
	static const char *const	mail[] = { " RET=FULL", " SIZE=1 ENVID=a",
	    " RET=SOME", " envid=" };
	static const char *const	rcpt[] = { " NOTIFY=NEVER", " notify=x",
	    " ORCPT=rfc822;a@c" };
	struct mail_parameters		m;
	struct rcpt_parameters		r;
	size_t				i;

	for (i = 0; i < sizeof(mail) / sizeof(mail[0]); i++)
		tap_ok(parameter_mail(mail[i], 0, &m) ==
		    REPLY_UNKNOWN_PARAMETER, "MAIL%s, not known", mail[i]);
	for (i = 0; i < sizeof(rcpt) / sizeof(rcpt[0]); i++)
		tap_ok(parameter_rcpt(rcpt[i], PARAMETER_UTF8, &r) ==
		    REPLY_UNKNOWN_PARAMETER, "RCPT%s, not known", rcpt[i]);
	tap_ok(parameter_mail(" SIZE=7 BODY=8BITMIME AUTH=<>", 0, &m) ==
	    REPLY_NONE && m.size == 7, "the others are");
}

int
main(void)
{
	struct mail_parameters	m;
	struct rcpt_parameters	r;
	enum reply_id		reply;
	size_t			i;

	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		reply = parameter_mail(mails[i].in, PARAMETER_DSN, &m);
		tap_ok(reply == mails[i].reply && (reply != REPLY_NONE ||
		    (m.size == mails[i].size && m.flags == mails[i].flags &&
		    strcmp(m.envid, mails[i].envid) == 0)),
		    "MAIL%s", mails[i].in);
	}
	for (i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++) {
		reply = parameter_rcpt(rcpts[i].in, PARAMETER_DSN |
		    (rcpts[i].is_utf8 ? PARAMETER_UTF8 : 0), &r);
		tap_ok(reply == rcpts[i].reply && (reply != REPLY_NONE ||
		    (r.notify == rcpts[i].notify &&
		    strcmp(r.orcpt, rcpts[i].orcpt) == 0)),
		    "RCPT%s", rcpts[i].in);
	}
	test_long();
	test_no_dsn();
	return tap_done();
}
