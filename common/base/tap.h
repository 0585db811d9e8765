/*
 * TAP output of a unit test.  Include it once, in the test's .c file.
 */
#ifndef BASE_TAP_H
#define BASE_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int	tap_count, tap_failed;

static inline int tap_ok(int, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static inline int
tap_ok(int cond, const char *fmt, ...)
{
	va_list	ap;

	if (!cond)
		tap_failed++;
	printf("%s %d - ", cond ? "ok" : "not ok", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return cond;
}

static inline int
tap_is_str(const char *got, const char *want, const char *name)
{
	int	same;

	same = got == want ||
	    (got != NULL && want != NULL && strcmp(got, want) == 0);
	tap_ok(same, "%s", name);
	if (!same)
		printf("# got  \"%s\"\n# want \"%s\"\n",
		    got == NULL ? "(null)" : got,
		    want == NULL ? "(null)" : want);
	return same;
}

/* Prints the plan; exit status. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
