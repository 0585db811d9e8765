/*
 * MAIL and RCPT for servers that can much and for those that can nothing.
 */
#include "base/tap.h"
#include "proto/net_policy.h"

#include "command.h"

#define ALL	0xffffU

static const struct {
	const char	*name;
	uint32_t	 flags, ext;
	const char	*envid, *want;
} mails[] = {
	{ "plain", 0, 0, "", "" },
	{ "size", 0, EXT_SIZE, "", " SIZE=77" },
	{ "8-bit", MAIL_8BITMIME, EXT_8BITMIME, "", " BODY=8BITMIME" },
	{ "8-bit to an old server", MAIL_8BITMIME, EXT_SIZE, "", " SIZE=77" },
	{ "7-bit", 0, EXT_8BITMIME, "", "" },
	{ "binary", MAIL_BINARYMIME | MAIL_8BITMIME, ALL, "",
	    " SIZE=77 BODY=BINARYMIME" },
	{ "UTF-8", MAIL_SMTPUTF8, EXT_SMTPUTF8, "", " SMTPUTF8" },
	{ "REQUIRETLS", MAIL_REQUIRETLS, EXT_REQUIRETLS, "", " REQUIRETLS" },
	{ "RET and ENVID", MAIL_RET_FULL, EXT_DSN, "a+b=c d",
	    " RET=FULL ENVID=a+2Bb+3Dc+20d" },
	{ "RET=HDRS", MAIL_RET_HDRS, EXT_DSN, "", " RET=HDRS" },
	{ "no DSN there", MAIL_RET_HDRS, EXT_SIZE, "x", " SIZE=77" },
};

static const struct {
	const char	*name;
	uint32_t	 notify, ext;
	const char	*orcpt, *want;
} rcpts[] = {
	{ "plain", 0, EXT_DSN, NULL, "" },
	{ "NEVER", NOTIFY_NEVER, EXT_DSN, NULL, " NOTIFY=NEVER" },
	{ "all", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, EXT_DSN, NULL,
	    " NOTIFY=SUCCESS,FAILURE,DELAY" },
	{ "some", NOTIFY_DELAY, EXT_DSN, NULL, " NOTIFY=DELAY" },
	{ "ORCPT", 0, EXT_DSN, "rfc822;a+b@c.example",
	    " ORCPT=rfc822;a+2Bb@c.example" },
	{ "hostile ORCPT", 0, EXT_DSN, "rfc822;a\r\nDATA b=c",
	    " ORCPT=rfc822;a+0D+0ADATA+20b+3Dc" },
	{ "UTF-8 ORCPT", 0, EXT_DSN, "utf-8;\303\274\342\202\254\360\237\230"
	    "\200@x", " ORCPT=utf-8;\\x{FC}\\x{20AC}\\x{1F600}@x" },
	{ "broken UTF-8", 0, EXT_DSN, "utf-8;\303", " ORCPT=utf-8;\\x{C3}" },
	{ "no DSN there", NOTIFY_SUCCESS, 0, "rfc822;a@b", "" },
};

static int
has_utf8(const struct delivery *d, uint32_t ext)
{
	struct capability	can = { .ext = ext };
	char			out[COMMAND_SIZE];

	command_mail(d, &can, out);
	return strstr(out, " SMTPUTF8") != NULL;
}

/* An address needs it, whatever the message is. */
static void
check_utf8(void)
{
	static struct delivery	d;
	static struct rcpt	r[2];

	d.nrcpt = 2;
	d.rcpt = r;
	strlcpy(r[0].recipient, "r@b.example", sizeof(r[0].recipient));
	strlcpy(r[1].recipient, "\303\244@b.example", sizeof(r[1].recipient));
	tap_ok(has_utf8(&d, EXT_SMTPUTF8), "a recipient in UTF-8");
	tap_ok(!has_utf8(&d, 0), "a server that does not offer it");
	r[1].is_done = 1;
	tap_ok(!has_utf8(&d, EXT_SMTPUTF8), "that one is done");
	strlcpy(d.sender, r[1].recipient, sizeof(d.sender));
	tap_ok(has_utf8(&d, EXT_SMTPUTF8), "a sender in UTF-8");
}

static const struct {
	const char	*address, *want;	/* without SMTPUTF8 */
	int		 needs;
} forms[] = {
	{ "a@b.example", "a@b.example", 0 },
	{ "a@m\303\274nchen.example", "a@xn--mnchen-3ya.example", 0 },
	{ "\303\274@m\303\274nchen.example",
	    "\303\274@xn--mnchen-3ya.example", 1 },
	{ "\303\274@b.example", "\303\274@b.example", 1 },
	{ "a@\360\237\230\200.example", "a@\360\237\230\200.example", 1 },
	{ "", "", 0 },
};

static void
check_forms(void)
{
	static struct delivery	d;
	static struct rcpt	r;
	struct capability	can;
	char			out[COMMAND_SIZE], want[COMMAND_SIZE];
	size_t			i;

	capability_reset(&can);
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		strlcpy(d.sender, forms[i].address, sizeof(d.sender));
		strlcpy(r.recipient, forms[i].address, sizeof(r.recipient));
		can.ext = 0;
		command_mail(&d, &can, out);
		snprintf(want, sizeof(want), "MAIL FROM:<%s>", forms[i].want);
		tap_is_str(out, want, "sender, no SMTPUTF8");
		command_rcpt(&r, &can, out);
		snprintf(want, sizeof(want), "RCPT TO:<%s>", forms[i].want);
		tap_is_str(out, want, "recipient, no SMTPUTF8");
		can.ext = EXT_SMTPUTF8;
		command_rcpt(&r, &can, out);
		snprintf(want, sizeof(want), "RCPT TO:<%s>",
		    forms[i].address);
		tap_is_str(out, want, "recipient as it came");
		tap_ok(command_needs_utf8(forms[i].address) ==
		    forms[i].needs, "needs SMTPUTF8: %d", forms[i].needs);
	}
}

int
main(void)
{
	static struct delivery d;
	struct capability can;
	struct rcpt r;
	char out[COMMAND_SIZE], want[COMMAND_SIZE], orcpt[512];
	size_t i;

	capability_reset(&can);
	d.size = 77;
	strlcpy(d.sender, "s@a.example", sizeof(d.sender));
	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		d.flags = mails[i].flags;
		strlcpy(d.envid, mails[i].envid, sizeof(d.envid));
		can.ext = mails[i].ext;
		snprintf(want, sizeof(want), "MAIL FROM:<s@a.example>%s",
		    mails[i].want);
		command_mail(&d, &can, out);
		tap_is_str(out, want, mails[i].name);
	}
	check_utf8();
	check_forms();
	memset(&r, 0, sizeof(r));
	strlcpy(r.recipient, "r@b.example", sizeof(r.recipient));
	for (i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++) {
		r.notify = rcpts[i].notify;
		if (rcpts[i].orcpt != NULL)
			strlcpy(orcpt, rcpts[i].orcpt, sizeof(orcpt));
		r.orcpt = rcpts[i].orcpt != NULL ? orcpt : NULL;
		can.ext = rcpts[i].ext;
		snprintf(want, sizeof(want), "RCPT TO:<r@b.example>%s",
		    rcpts[i].want);
		command_rcpt(&r, &can, out);
		tap_is_str(out, want, rcpts[i].name);
	}
	/* the longest of everything */
	memset(r.recipient, 'r', sizeof(r.recipient) - 1);
	memset(orcpt, '+', ORCPT_MAX);
	memcpy(orcpt, "rfc822;", 7);
	orcpt[ORCPT_MAX] = '\0';
	r.notify = NOTIFY_FLAGS & ~NOTIFY_NEVER;
	r.orcpt = orcpt;
	can.ext = ALL;
	command_rcpt(&r, &can, out);
	tap_ok(strlen(out) < sizeof(out) - 1 &&
	    strcmp(out + strlen(out) - 3, "+2B") == 0, "all of it fits");
	return tap_done();
}
