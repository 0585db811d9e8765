/*
 * The list of complaints about a configuration, and the guess which word was
 * meant.  Called by all conf_*.c; a complaint is one line "file:line: text
 * (hint)" in which everything that came from a file is made printable.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_lex.h"

#define COMPLAINT_SIZE	1024
#define KEPT_MAX	500	/* complaints; of more, the number */
#define WORD_MAX	32	/* longer ones are not guessed at */

static void	complain(struct conf_errors *, int, struct conf_where,
		    const char *, const char *, va_list)
		    __attribute__((format(printf, 5, 0)));

static void
complain(struct conf_errors *errors, int is_warning, struct conf_where where,
    const char *hint, const char *fmt, va_list ap)
{
	struct conf_error *list;
	char text[COMPLAINT_SIZE], line[COMPLAINT_SIZE + 512];
	char *out, *s;
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (where.file == NULL)
		n = snprintf(line, sizeof(line), "%s", text);
	else if (where.line == 0)
		n = snprintf(line, sizeof(line), "%s: %s", where.file, text);
	else
		n = snprintf(line, sizeof(line), "%s:%u: %s", where.file,
		    where.line, text);
	if (hint != NULL && n > 0 && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, " (%s)", hint);
	if (!is_warning)
		errors->nerrors++;	/* counts even if it cannot be kept */
	if (errors->n == KEPT_MAX)
		return;
	if (errors->n == KEPT_MAX - 1)
		strlcpy(line, "more complaints follow that are not shown",
		    sizeof(line));
	list = reallocarray(errors->list, errors->n + 1, sizeof(*list));
	if (list == NULL)
		return;
	errors->list = list;
	if ((out = strdup(line)) == NULL)
		return;
	for (s = out; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
	list[errors->n].is_warning = is_warning;
	list[errors->n++].text = out;
}

void
conf_complain(struct conf_errors *errors, struct conf_where where,
    const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(errors, 0, where, hint, fmt, ap);
	va_end(ap);
}

void
conf_caution(struct conf_errors *errors, struct conf_where where,
    const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(errors, 1, where, hint, fmt, ap);
	va_end(ap);
}

void
conf_errors_free(struct conf_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->n; i++)
		free(errors->list[i].text);
	free(errors->list);
	memset(errors, 0, sizeof(*errors));
}

/* Levenshtein distance; both at most WORD_MAX long. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], i, j, diagonal, above, best;
	size_t blen = strlen(b);

	for (j = 0; j <= blen; j++)
		row[j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= blen; j++) {
			above = row[j];
			best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[blen];
}

const char *
conf_closest(const char *word, const char *const *list)
{
	const char *found = NULL;
	size_t best, d, len = strlen(word);

	if (len == 0 || len > WORD_MAX)
		return NULL;
	best = len / 3 + 2;	/* further away than this is no guess */
	for (; *list != NULL; list++) {
		if (strlen(*list) > WORD_MAX)
			continue;
		d = distance(word, *list);
		if (d < best && d < strlen(*list)) {
			best = d;
			found = *list;
		}
	}
	return found;
}
