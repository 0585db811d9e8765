/*
 * Log lines.  A child sends them over descriptor 3 to the parent, which
 * writes them to syslog(3) or standard error; the parent and smtpsctl log
 * themselves.  Everything that came from outside must pass through
 * log_vis() before it becomes part of a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

#define LOG_LINE_SIZE	1024	/* bytes of one line, longer ones are cut */

/* What a child's line starts with on the log link: one byte of level. */
enum log_level {
	LOG_LEVEL_ERROR = '3',
	LOG_LEVEL_WARN = '4',
	LOG_LEVEL_INFO = '6',
	LOG_LEVEL_DEBUG = '7'
};

/* Where lines go: LOG_TO_STDERR, LOG_TO_SYSLOG, or a child's log link fd. */
#define LOG_TO_STDERR	(-1)
#define LOG_TO_SYSLOG	(-2)

void	log_init(const char *progname, int where);
void	log_set_verbose(int on);		/* on: debug lines too */
int	log_is_verbose(void);
void	log_flush(void);	/* sends the lines gathered in this turn */
/* A warning from a signal handler of a child; no errno, no format. */
void	log_signal(const char *line);

/* warn and fatal append strerror(errno); the x forms do not. */
void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	fatal(const char *fmt, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));
void	fatalx(const char *fmt, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));

/* Parent only: write one line that a child sent; name is the child's. */
void	log_relay(const char *name, int level, const char *line);

/*
 * vis(3)-encode s (VIS_CSTYLE|VIS_NL|VIS_TAB|VIS_SP-safe for key=value) into
 * one of eight rotating static buffers, cut at 400 bytes.  NULL gives "-".
 */
const char	*log_vis(const char *s);
/* The same for a text="..." in double quotes: spaces stay. */
const char	*log_text(const char *s);

#endif
