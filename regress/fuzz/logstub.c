/*
 * Log lines of what is fuzzed: their formats and arguments are read, what
 * comes out is dropped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define STUB(name)							\
void									\
name(const char *fmt, ...)						\
{									\
	char	line[LOG_LINE_SIZE];					\
	va_list	ap;							\
									\
	va_start(ap, fmt);						\
	(void)vsnprintf(line, sizeof(line), fmt, ap);			\
	va_end(ap);							\
}
STUB(log_debug)
STUB(log_info)
STUB(log_warn)
STUB(log_warnx)

/* Nothing from outside may be able to end a process. */
#define FATAL(name)							\
void									\
name(const char *fmt, ...)						\
{									\
	(void)fmt;							\
	abort();							\
}
FATAL(fatal)
FATAL(fatalx)

void
log_init(const char *progname, int where)
{
	(void)progname;
	(void)where;
}

void
log_flush(void)
{
}

const char *
log_vis(const char *s)
{
	/* Every byte is touched. */
	return s == NULL || strlen(s) == 0 ? "-" : s;
}

const char *
log_text(const char *s)
{
	return log_vis(s);
}
