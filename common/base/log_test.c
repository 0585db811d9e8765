/*
 * log_vis(), and what a child's log link carries.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tap.h"

static void
test_vis(void)
{
	static const struct {
		const char	*name, *input, *want;
	} cases[] = {
		{ "plain", "user@example.org", "user@example.org" },
		{ "empty", "", "" },
		{ "null", NULL, "-" },
		{ "line ends", "a\r\nb", "a\\r\\nb" },
		{ "blank and tab", "a b\tc", "a\\sb\\tc" },
		{ "quote", "\"x\"", "\\042x\\042" },
		{ "backslash", "a\\nb", "a\\\\nb" },
		{ "escape sequence", "\033[31m", "\\033[31m" },
		{ "delete", "\177", "\\177" },
		{ "eight bits", "\303\244", "\\303\\244" },
	};
	char		 big[5000];
	const char	*p, *first;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_is_str(log_vis(cases[i].input), cases[i].want,
		    cases[i].name);
	tap_is_str(log_text("a \"b\"\n"), "a \\042b\\042\\n",
	    "log_text() keeps spaces, no quote");
	memset(big, '\001', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	p = log_vis(big);
	tap_ok(strlen(p) == 400, "cut at 400 bytes");
	tap_ok(strlen(p) % 4 == 0, "and not inside an escape");
	first = log_vis("first");
	for (i = 0; i < 7; i++)
		log_vis("other");
	tap_is_str(first, "first", "eight results live at once");
}

static ssize_t
next_datagram(int fd, char *buf, size_t size)
{
	ssize_t	n = recv(fd, buf, size - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static void
test_link(void)
{
	char	buf[65536];
	int	sv[2], i;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sv) == -1)
		exit(2);
	log_init("test", sv[0]);
	log_info("one %d", 1);
	log_debug("not shown");
	log_info("two\nforged");
	tap_ok(next_datagram(sv[1], buf, sizeof(buf)) == -1,
	    "nothing leaves before the end of the turn");
	log_flush();
	next_datagram(sv[1], buf, sizeof(buf));
	tap_is_str(buf, "6one 1\n6two?forged\n", "lines of a turn");
	log_info("before");
	log_warnx("trouble");
	next_datagram(sv[1], buf, sizeof(buf));
	tap_is_str(buf, "6before\n4trouble\n", "a warning leaves at once");
	log_set_verbose(1);
	log_debug("shown");
	log_flush();
	next_datagram(sv[1], buf, sizeof(buf));
	tap_is_str(buf, "7shown\n", "debug when verbose");

	memset(buf, 'x', sizeof(buf));
	for (i = 0; i < 10000; i++)
		log_info("%.900s", buf);
	log_flush();
	while (next_datagram(sv[1], buf, sizeof(buf)) > 0)
		;
	log_info("again");
	log_flush();
	next_datagram(sv[1], buf, sizeof(buf));
	tap_ok(strstr(buf, "log lines lost\n6again\n") != NULL,
	    "a full socket loses lines, counted");
}

int
main(void)
{
	test_vis();
	test_link();
	return tap_done();
}
