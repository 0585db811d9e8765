/*
 * Parameters of MAIL and RCPT: whatever the line says, what is taken holds no
 * control character, fits, and is valid to policy as well.
 */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "mail/xtext.h"
#include "parameter.h"

static void
check_mail(const char *line)
{
	struct mail_parameters m;
	size_t n;

	if (parameter_mail(line, PARAMETER_DSN, &m) != REPLY_NONE)
		return;
	n = strlen(m.envid);
	MUST(n == 0 || xtext_envid_is_valid(m.envid, n));
	MUST((m.flags & ~(uint32_t)MAIL_FLAGS) == 0);
	MUST(!(m.flags & MAIL_RET_FULL) || !(m.flags & MAIL_RET_HDRS));
}

static void
check_rcpt(const char *line, int is_utf8)
{
	struct rcpt_parameters r;
	size_t i, n;

	if (parameter_rcpt(line, PARAMETER_DSN | (is_utf8 ? PARAMETER_UTF8 :
	    0), &r) != REPLY_NONE)
		return;
	n = strlen(r.orcpt);
	MUST(n == 0 || xtext_orcpt_is_valid(r.orcpt, n));
	for (i = 0; i < n; i++)
		MUST(is_utf8 || (r.orcpt[i] >= ' ' && r.orcpt[i] < 0x7f) ||
		    strncasecmp(r.orcpt, "utf-8;", 6) == 0);
	MUST(!(r.notify & NOTIFY_NEVER) || r.notify == NOTIFY_NEVER);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[2048];

	if (size >= sizeof(line))
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	check_mail(line);
	check_rcpt(line, 0);
	check_rcpt(line, 1);
	return 0;
}
