/*
 * When SMTPUTF8 is needed and when it was only asked for.
 */
#include "base/tap.h"
#include "needs.h"

#define U8	"\303\244"

static const struct {
	const char	*name, *sender, *body;
	uint64_t	 more;		/* bytes of body that are not at hand */
	int		 want;
} tests[] = {
	{ "nothing", "a@b", "A: b\r\n\r\nc\r\n", 0, 0 },
	{ "sender", U8 "@b", "A: b\r\n\r\nc\r\n", 0, 1 },
	{ "domain of the sender", "a@" U8 ".b", "A: b\r\n\r\nc\r\n", 0, 0 },
	{ "header", "a@b", "A: " U8 "\r\n\r\nc\r\n", 0, 1 },
	{ "body", "a@b", "A: b\r\n\r\n" U8 "\r\n", 0, 0 },
	{ "null sender", "", "A: b\r\n\r\nc\r\n", 0, 0 },
	{ "header only", "a@b", "A: b\r\n", 0, 0 },
	{ "header that goes on", "a@b", "A: b\r\n", 1, 1 },
	{ "body that goes on", "a@b", "A: b\r\n\r\nc", 9, 0 },
	{ "body that is not known", "a@b", NULL, 9, 1 },
};

int
main(void)
{
	struct message *m = message_new();
	uint32_t flags, want;
	size_t i, size;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		size = tests[i].body == NULL ? 0 : strlen(tests[i].body);
		m->size = size + tests[i].more;
		m->flags = MAIL_SMTPUTF8 | MAIL_8BITMIME;
		strlcpy(m->sender, tests[i].sender, sizeof(m->sender));
		flags = needs_flags(m, tests[i].body, size);
		want = MAIL_8BITMIME | (tests[i].want ? MAIL_SMTPUTF8 : 0);
		tap_ok(flags == want, "%s", tests[i].name);
	}
	message_unref(m);
	return tap_done();
}
