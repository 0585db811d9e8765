/*
 * Log lines: gathered in a child and sent to the parent once in a turn,
 * written at once everywhere else.
 *
 * State: where lines go, the lines of this turn and a count of those that
 * did not fit into the socket.  A child never waits for its log: what does
 * not fit is counted and the count is logged when there is room again.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"

#define GATHER_SIZE	(32 * 1024)
#define VIS_MAX		400	/* bytes of one log_vis() result */
#define VIS_BUFFERS	8

static const char	*log_name = "smtpsd";
static int		 log_where = LOG_TO_STDERR;
static int		 log_verbose;
static char		 gathered[GATHER_SIZE];
static size_t		 gathered_size;
static unsigned int	 gathered_lines;
static unsigned int	 lost_lines;

void
log_init(const char *progname, int where)
{
	log_name = progname;
	log_where = where;
	if (where == LOG_TO_SYSLOG)
		openlog(progname, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_set_verbose(int on)
{
	log_verbose = on;
}

int
log_is_verbose(void)
{
	return log_verbose;
}

void
log_flush(void)
{
	ssize_t	n;

	if (gathered_size == 0)
		return;
	do {
		n = write(log_where, gathered, gathered_size);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		lost_lines += gathered_lines;
	gathered_size = 0;
	gathered_lines = 0;
}

static void
gather(int level, const char *line, size_t len)
{
	char	lost[64];
	int	n;

	if (gathered_size + len + sizeof(lost) + 2 > GATHER_SIZE)
		log_flush();
	if (lost_lines != 0) {
		n = snprintf(lost, sizeof(lost), "%c%u log lines lost\n",
		    LOG_LEVEL_WARN, lost_lines);
		memcpy(gathered + gathered_size, lost, (size_t)n);
		gathered_size += (size_t)n;
		gathered_lines += lost_lines;
		lost_lines = 0;
	}
	gathered[gathered_size++] = (char)level;
	memcpy(gathered + gathered_size, line, len);
	gathered_size += len;
	gathered[gathered_size++] = '\n';
	gathered_lines++;
	if (level <= LOG_LEVEL_WARN)
		log_flush();
}

/* One line, whatever it holds: control characters would forge others. */
static void
put(int level, const char *line)
{
	char	 clean[LOG_LINE_SIZE];
	size_t	 i;

	for (i = 0; line[i] != '\0' && i < sizeof(clean) - 1; i++)
		clean[i] = (unsigned char)line[i] < 0x20 || line[i] == 0x7f ?
		    '?' : line[i];
	clean[i] = '\0';
	if (log_where == LOG_TO_STDERR)
		fprintf(stderr, "%s: %s\n", log_name, clean);
	else if (log_where == LOG_TO_SYSLOG)
		syslog(level - '0', "%s", clean);
	else
		gather(level, clean, i);
}

static void
vput(int level, int with_errno, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
vput(int level, int with_errno, const char *fmt, va_list ap)
{
	char	line[LOG_LINE_SIZE];
	int	saved_errno = errno, n;

	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0)
		n = 0;
	if (with_errno && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, ": %s",
		    strerror(saved_errno));
	put(level, line);
	errno = saved_errno;
}

void
log_debug(const char *fmt, ...)
{
	va_list	ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	vput(LOG_LEVEL_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vput(LOG_LEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vput(LOG_LEVEL_WARN, 1, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vput(LOG_LEVEL_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_signal(const char *line)
{
	char	whole[128];
	size_t	len = 0;
	int	saved_errno = errno;
	ssize_t	n;

	whole[len++] = LOG_LEVEL_WARN;
	while (*line != '\0' && len < sizeof(whole) - 1)
		whole[len++] = *line++;
	whole[len++] = '\n';
	/* Nobody waits for a log, a signal handler least of all. */
	n = write(log_where >= 0 ? log_where : 2, whole, len);
	(void)n;
	errno = saved_errno;
}

/* A sandboxed child may not be able to run what libraries left for exit. */
static void __attribute__((noreturn))
leave(void)
{
	if (log_where >= 0)
		_exit(1);
	exit(1);
}

void
fatal(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vput(LOG_LEVEL_ERROR, 1, fmt, ap);
	va_end(ap);
	leave();
}

void
fatalx(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vput(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
	leave();
}

void
log_relay(const char *name, int level, const char *line)
{
	char	whole[LOG_LINE_SIZE];

	if (level != LOG_LEVEL_ERROR && level != LOG_LEVEL_WARN &&
	    level != LOG_LEVEL_INFO && level != LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_WARN;
	if (level == LOG_LEVEL_DEBUG && !log_verbose)
		return;
	snprintf(whole, sizeof(whole), "%s: %s", name, line);
	put(level, whole);
}

/* As vis(3) writes it; own code because libbsd and OpenBSD differ in the
 * order of strnvis(3)'s arguments. */
static size_t
vis_char(char *dst, unsigned char c)
{
	static const char	from[] = "\a\b\f\n\r\t\v ";
	static const char	to[] = "abfnrtvs";
	const char		*p;

	if (c != '\0' && (p = strchr(from, c)) != NULL) {
		dst[0] = '\\';
		dst[1] = to[p - from];
		return 2;
	}
	if (c == '\\') {
		dst[0] = dst[1] = '\\';
		return 2;
	}
	if (c > 0x20 && c < 0x7f && c != '"') {
		dst[0] = (char)c;
		return 1;
	}
	dst[0] = '\\';
	dst[1] = (char)('0' + (c >> 6));
	dst[2] = (char)('0' + ((c >> 3) & 7));
	dst[3] = (char)('0' + (c & 7));
	return 4;
}

static const char *
vis(const char *s, int has_spaces)
{
	static char	 buffers[VIS_BUFFERS][VIS_MAX + 8];
	static unsigned	 next;
	char		*buf;
	size_t		 n = 0;

	if (s == NULL)
		return "-";
	buf = buffers[next++ % VIS_BUFFERS];
	for (; *s != '\0' && n + 4 <= VIS_MAX; s++) {
		if (*s == ' ' && has_spaces)
			buf[n++] = ' ';
		else
			n += vis_char(buf + n, (unsigned char)*s);
	}
	buf[n] = '\0';
	return buf;
}

const char *
log_vis(const char *s)
{
	return vis(s, 0);
}

const char *
log_text(const char *s)
{
	return vis(s, 1);
}
