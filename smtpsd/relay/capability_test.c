/*
 * EHLO lines, honest and not.
 */
#include "base/tap.h"

#include "capability.h"

static const struct {
	const char	*line;
	uint32_t	 ext;
	uint64_t	 size_max;
	uint32_t	 rcpt_max, mail_max;
} tests[] = {
	{ "PIPELINING", EXT_PIPELINING, 0, 0, 0 },
	{ "8bitMime", EXT_8BITMIME, 0, 0, 0 },
	{ "DSN", EXT_DSN, 0, 0, 0 },
	{ "CHUNKING", EXT_CHUNKING, 0, 0, 0 },
	{ "BINARYMIME", EXT_BINARYMIME, 0, 0, 0 },
	{ "REQUIRETLS", EXT_REQUIRETLS, 0, 0, 0 },
	{ "SMTPUTF8", EXT_SMTPUTF8, 0, 0, 0 },
	{ "STARTTLS", EXT_STARTTLS, 0, 0, 0 },
	{ "SIZE", EXT_SIZE, 0, 0, 0 },
	{ "SIZE 1000", EXT_SIZE, 1000, 0, 0 },
	{ "SIZE 0", EXT_SIZE, 0, 0, 0 },
	{ "SIZE -1", EXT_SIZE, 0, 0, 0 },
	{ "SIZE 1000x", EXT_SIZE, 0, 0, 0 },
	{ "SIZE 0x10", EXT_SIZE, 0, 0, 0 },
	{ "SIZE 99999999999999999999999999", EXT_SIZE, 0, 0, 0 },
	{ "AUTH PLAIN LOGIN", EXT_PLAIN | EXT_LOGIN, 0, 0, 0 },
	{ "AUTH=LOGIN", EXT_LOGIN, 0, 0, 0 },
	{ "AUTH=  PLAIN", EXT_PLAIN, 0, 0, 0 },
	{ "AUTH PLAINX XLOGIN", 0, 0, 0, 0 },
	{ "LIMITS RCPTMAX=20 MAILMAX=7 OTHER=1", 0, 0, 20, 7 },
	{ "limits rcptmax=20", 0, 0, 20, 0 },
	{ "LIMITS RCPTMAX=0 MAILMAX=x", 0, 0, 0, 0 },
	{ "LIMITS RCPTMAX= MAILMAX", 0, 0, 0, 0 },
	{ "LIMITS RCPTMAX=4294967297", 0, 0, 0, 0 },
	{ "LIMITS", 0, 0, 0, 0 },
	{ "DSNX", 0, 0, 0, 0 },
	{ "XDSN", 0, 0, 0, 0 },
	{ " DSN", 0, 0, 0, 0 },
	{ "host.example DSN", 0, 0, 0, 0 },
	{ "", 0, 0, 0, 0 },
};

int
main(void)
{
	struct capability c;
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		capability_reset(&c);
		capability_line(&c, tests[i].line);
		tap_ok(c.ext == tests[i].ext &&
		    c.size_max == tests[i].size_max &&
		    c.rcpt_max == tests[i].rcpt_max &&
		    c.mail_max == tests[i].mail_max, "'%s'", tests[i].line);
	}
	return tap_done();
}
