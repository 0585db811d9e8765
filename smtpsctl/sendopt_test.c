/* Command lines of sendmail and what comes of them. */
#include "sendopt.h"

#include <stdint.h>

#include "base/tap.h"

#define ARGS	8

/* want: flags (t, i, v), mode, sender, name, ret, notify, envid and the
 * recipients, or NULL: EX_USAGE. */
static const struct {
	const char *args[ARGS];
	const char *want;
} lines[] = {
	{ { "root" }, " 0 - - - - - root" },
	{ { "-i", "a", "b" }, "i 0 - - - - - a b" },
	{ { "-t", "-i" }, "ti 0 - - - - -" },
	{ { "-ti", "-f", "a@b.c" }, "ti 0 a@b.c - - - -" },
	{ { "-tifa@b.c" }, "ti 0 a@b.c - - - -" },
	{ { "-f", "", "x" }, " 0  - - - - x" },
	{ { "-f<>", "x" }, " 0 <> - - - - x" },
	{ { "-ra@b.c", "x" }, " 0 a@b.c - - - - x" },
	{ { "-FCron Daemon", "-oi", "-oem", "x" },
	    "i 0 - Cron Daemon - - - x" },
	{ { "-F", "N", "-o", "i", "x" }, "i 0 - N - - - x" },
	{ { "-bs" }, " 1 - - - - -" },
	{ { "-bp" }, " 2 - - - - -" },
	{ { "-bi" }, " 3 - - - - -" },
	{ { "-I" }, " 3 - - - - -" },
	{ { "-q" }, " 4 - - - - -" },
	{ { "-q30m" }, " 4 - - - - -" },
	{ { "-q", "x" }, " 0 - - - - - x" },
	{ { "-bm", "-B8BITMIME", "-Rhdrs", "-Nfailure,delay", "-VID+1", "x" },
	    " 0 - - HDRS FAILURE,DELAY ID+2B1 x" },
	{ { "-N", "NEVER", "-R", "FULL", "-V", "a=b", "x" },
	    " 0 - - FULL NEVER a+3Db x" },
	{ { "-C", "/tmp/evil.cf", "-X/tmp/log", "-OQueueDirectory=/tmp",
	    "-n", "-m", "x" }, " 0 - - - - - x" },
	{ { "-v", "--", "x" }, "v 0 - - - - - x" },
	{ { "-" }, NULL },
	{ { "x", "-f", "y" }, NULL },
	{ { "--", "-x" }, NULL },
	{ { "-bd" }, NULL },
	{ { "-bD" }, NULL },
	{ { "-bt" }, NULL },
	{ { "-b", "" }, NULL },
	{ { "-Z" }, NULL },
	{ { "--help" }, NULL },
	{ { "-f" }, NULL },
	{ { "-Nsometimes", "x" }, NULL },
	{ { "-Nnever,delay", "x" }, NULL },
	{ { "-Ndelay,delay", "x" }, NULL },
	{ { "-N", "", "x" }, NULL },
	{ { "-Rall", "x" }, NULL },
	{ { "-V", "", "x" }, NULL },
	{ { "-V\xc3\xa4", "x" }, NULL },
	{ { "-f", "a\nb", "x" }, NULL },
	{ { "-fa\rRCPT TO:<b>", "x" }, NULL },
	{ { "-F", "a\nBcc: b", "x" }, NULL },
	{ { "x\nDATA" }, NULL },
	{ { "x", "y\x7f" }, NULL },
};

static const char *
text(const char *s)
{
	return s == NULL ? "-" : s;
}

static const char *
filled(const char *s)
{
	return s[0] == '\0' ? "-" : s;
}

static void
test_line(const char *const *args, const char *want)
{
	char *argv[ARGS + 2] = { (char *)(uintptr_t)"sendmail" };
	char got[1024], err[512] = "", name[512] = "";
	struct send_options o;
	int argc = 1, i;

	for (i = 0; i < ARGS && args[i] != NULL; i++) {
		argv[argc++] = (char *)(uintptr_t)args[i];
		strlcat(name, args[i], sizeof(name));
		strlcat(name, " ", sizeof(name));
	}
	name[strcspn(name, "\r\n")] = '\0';
	if (send_options(&o, argc, argv, err, sizeof(err)) != 0) {
		tap_ok(want == NULL && err[0] != '\0', "%s: %s", name,
		    "refused");
		return;
	}
	snprintf(got, sizeof(got), "%s%s%s %d %s %s %s %s %s",
	    o.from_header ? "t" : "", o.ignore_dots ? "i" : "",
	    o.verbose ? "v" : "", (int)o.mode, text(o.sender), text(o.name),
	    text(o.ret), filled(o.notify), filled(o.envid));
	for (i = 0; i < o.argc; i++) {
		strlcat(got, " ", sizeof(got));
		strlcat(got, o.argv[i], sizeof(got));
	}
	tap_is_str(got, want, name);
}

int
main(void)
{
	char *argv[1200], err[64], x[] = "x";
	struct send_options o;
	char big[101 + 1];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		test_line(lines[i].args, lines[i].want);
	memset(big, '+', sizeof(big) - 1);
	big[101] = '\0';
	test_line((const char *[ARGS]){ "-V", big, "x" }, NULL);
	big[100] = '\0';
	for (i = 0; i < 1200; i++)
		argv[i] = x;
	tap_ok(send_options(&o, 1200, argv, err, sizeof(err)) == 0 &&
	    o.argc == 1199, "1199 recipients");
	argv[1] = (char *)(uintptr_t)"-V";
	argv[2] = big;
	tap_ok(send_options(&o, 1200, argv, err, sizeof(err)) == 0 &&
	    strlen(o.envid) == 300, "the longest envelope id");
	tap_ok(send_options(&o, 0, argv, err, sizeof(err)) == 0 &&
	    o.argc <= 0, "no arguments at all");
	return tap_done();
}
