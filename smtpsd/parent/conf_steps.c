/*
 * The small steps of the parser: values, names, numbers, sizes, times and
 * references to tables.  Called by conf_parse.c and conf_rules.c.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"

int
parse_fail(struct parser *p, const char *hint, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_complain(p->errors, lexer_where(p->lexer), hint, "%s", text);
	return -1;
}

/* What may stand there; "" if that is anything. */
static void
hint_words(char *hint, size_t size, const char *const *words)
{
	size_t i;

	hint[0] = '\0';
	for (i = 0; words != NULL && words[i] != NULL; i++) {
		strlcat(hint, i == 0 ? "one of: " : " ", size);
		strlcat(hint, words[i], size);
	}
}

int
parse_unknown(struct parser *p, const char *const *words, const char *what)
{
	const char *guess = NULL, *text = lexer_text(p->lexer);
	char hint[512];

	switch (lexer_kind(p->lexer)) {
	case TOKEN_BAD:
		return -1;	/* has its complaint already */
	case TOKEN_EOF:
	case TOKEN_NEWLINE:
		hint_words(hint, sizeof(hint), words);
		return parse_fail(p, hint[0] == '\0' ? NULL : hint,
		    "the line ends where %s is expected", what);
	case TOKEN_WORD:
	case TOKEN_STRING:
		if (words != NULL)
			guess = conf_closest(text, words);
		if (guess != NULL)
			snprintf(hint, sizeof(hint), "did you mean '%s'?",
			    guess);
		else
			hint_words(hint, sizeof(hint), words);
		return parse_fail(p, hint[0] == '\0' ? NULL : hint,
		    "unknown word '%s' where %s is expected", text, what);
	case TOKEN_TABLE:
		return parse_fail(p, NULL,
		    "table <%s> where %s is expected", text, what);
	default:
		return parse_fail(p, NULL,
		    "unexpected character where %s is expected", what);
	}
}

int
parse_is_end(struct parser *p)
{
	return lexer_kind(p->lexer) == TOKEN_NEWLINE ||
	    lexer_kind(p->lexer) == TOKEN_EOF;
}

int
parse_is_value(struct parser *p)
{
	return lexer_kind(p->lexer) == TOKEN_WORD ||
	    lexer_kind(p->lexer) == TOKEN_STRING;
}

int
parse_accept(struct parser *p, const char *word)
{
	if (lexer_kind(p->lexer) != TOKEN_WORD ||
	    strcmp(lexer_text(p->lexer), word) != 0)
		return 0;
	lexer_next(p->lexer);
	return 1;
}

int
parse_value(struct parser *p, char *out, size_t size, const char *what)
{
	if (!parse_is_value(p))
		return parse_unknown(p, NULL, what);
	if (lexer_text(p->lexer)[0] == '\0')
		return parse_fail(p, NULL, "%s is empty", what);
	if (strlcpy(out, lexer_text(p->lexer), size) >= size)
		return parse_fail(p, NULL, "%s is longer than %zu bytes", what,
		    size - 1);
	lexer_next(p->lexer);
	return 0;
}

/* Names of tables, actions, tags: printable, no space. */
int
parse_name(struct parser *p, char *out, size_t size, const char *what)
{
	const char *s = lexer_text(p->lexer);

	if (parse_is_value(p))
		for (; *s != '\0'; s++)
			if (!isgraph((unsigned char)*s))
				return parse_fail(p, NULL, "%s '%s' must be "
				    "printable and without spaces", what,
				    lexer_text(p->lexer));
	return parse_value(p, out, size, what);
}

int
parse_number(struct parser *p, uint32_t min, uint32_t max, uint32_t *out,
    const char *what)
{
	const char *why;
	long long n;

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, what);
	n = strtonum(lexer_text(p->lexer), min, max, &why);
	if (why != NULL) {
		char hint[64];

		snprintf(hint, sizeof(hint), "a number from %u to %u", min,
		    max);
		return parse_fail(p, hint, "%s '%s' is %s", what,
		    lexer_text(p->lexer), why);
	}
	*out = (uint32_t)n;
	lexer_next(p->lexer);
	return 0;
}

/* Digits and one letter of units; 0 or -1. */
static int
scale(const char *s, const char *units, const uint64_t *factors,
    uint64_t max, uint64_t *out)
{
	const char *unit;
	uint64_t n = 0, factor = 1;

	if (!isdigit((unsigned char)*s))
		return -1;
	for (; isdigit((unsigned char)*s); s++) {
		n = n * 10 + (uint64_t)(*s - '0');
		if (n > max)
			return -1;
	}
	if (*s != '\0') {
		unit = strchr(units, tolower((unsigned char)*s));
		if (unit == NULL || s[1] != '\0')
			return -1;
		factor = factors[unit - units];
	}
	if (n > max / factor)
		return -1;
	*out = n * factor;
	return 0;
}

int
parse_size(struct parser *p, uint64_t *out)
{
	static const uint64_t factors[] = { 1024, 1024 * 1024,
	    1024 * 1024 * 1024 };
	uint64_t n;

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "a size");
	if (scale(lexer_text(p->lexer), "kmg", factors, 4ULL << 30, &n) == -1 ||
	    n < 1024)
		return parse_fail(p, "1K to 4G, as in 50M",
		    "'%s' is not a size", lexer_text(p->lexer));
	*out = n;
	lexer_next(p->lexer);
	return 0;
}

int
parse_duration(struct parser *p, uint32_t *out)
{
	static const uint64_t factors[] = { 1, 60, 3600, 86400, 604800 };
	uint64_t n;

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "a time");
	if (scale(lexer_text(p->lexer), "smhdw", factors, 365 * 86400, &n) ==
	    -1 || n == 0)
		return parse_fail(p, "as in 30s, 5m, 4h, 5d, 1w",
		    "'%s' is not a time", lexer_text(p->lexer));
	*out = (uint32_t)n;
	lexer_next(p->lexer);
	return 0;
}

struct conf_table *
parse_table_ref(struct parser *p, int use)
{
	struct conf_table *t;

	if (lexer_kind(p->lexer) != TOKEN_TABLE) {
		parse_unknown(p, NULL, "a table <name>");
		return NULL;
	}
	if ((t = conf_table_get(p, lexer_text(p->lexer))) == NULL)
		return NULL;
	t->uses |= use;
	lexer_next(p->lexer);
	return t;
}

int
parse_item_ok(struct parser *p, const char *what)
{
	const char *s = lexer_text(p->lexer);

	if (s[0] == '\0')
		return parse_fail(p, NULL, "%s is empty", what);
	if (s[0] == '#')
		return parse_fail(p, NULL, "%s begins with '#'", what);
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s) || *s == ' ')
			return parse_fail(p, "one item for each, with commas",
			    "%s '%s' has a space or control character in it",
			    what, lexer_text(p->lexer));
	return 0;
}

struct conf_table *
parse_table_or_item(struct parser *p, int use, const char *what)
{
	struct conf_table *t;
	char name[NAME_SIZE];

	if (!parse_is_value(p))
		return parse_table_ref(p, use);
	if (parse_item_ok(p, what) == -1)
		return NULL;
	/* A name that <name> cannot spell. */
	snprintf(name, sizeof(name), "item %zu", p->conf->ntables + 1);
	if ((t = conf_table_get(p, name)) == NULL)
		return NULL;
	t->is_inline = 1;
	t->uses |= use;
	if (conf_table_add(t, lexer_text(p->lexer), NULL) == -1) {
		parse_fail(p, NULL, "out of memory");
		return NULL;
	}
	lexer_next(p->lexer);
	return t;
}
