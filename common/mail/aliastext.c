/*
 * Reads the targets of an alias, one after the other.  Quotes hold white
 * space and commas together, as in "|command -x" or |"command -x", and belong
 * to the target only as part of a local part ("a b"@example.org).  Used by policy, which
 * expands them, and by the parent, which checks them before.
 */
#include "mail/aliastext.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "proto/sizes.h"

#define SEPARATORS	", \t\r\n"

static const char include[] = ":include:";

/* Separators and comments in front of a target. */
static const char *
skip(const char *p)
{
	for (;;) {
		p += strspn(p, SEPARATORS);
		if (*p != '#')
			return p;
		p += strcspn(p, "\n");
	}
}

/* Where the target at p ends. */
static const char *
find_end(const char *p)
{
	int in_quotes = 0;

	for (; *p != '\0' && (in_quotes || strchr(SEPARATORS, *p) == NULL);
	    p++) {
		/* A quote that is left open ends with its line. */
		if (*p == '\n')
			break;
		if (*p == '"')
			in_quotes = !in_quotes;
		else if (in_quotes && *p == '\\' && p[1] != '\0' &&
		    p[1] != '\n')
			p++;
	}
	return p;
}

static enum alias_kind
set(struct alias_target *t, enum alias_kind kind, const char *s, size_t n)
{
	if (n >= sizeof(t->text))
		return ALIAS_BAD;
	memcpy(t->text, s, n);
	t->text[n] = '\0';
	return kind;
}

/*
 * Without the quotes around it, from which \" and \\ come as they are; inner
 * quotes are the command's.
 */
static enum alias_kind
parse_command(const char *s, size_t n, int is_quoted, struct alias_target *t)
{
	size_t i, used = 0;

	if (n >= sizeof(t->text))
		return ALIAS_BAD;
	if (!is_quoted && n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		is_quoted = 1;
		s++;
		n -= 2;
	}
	for (i = 0; i < n; i++) {
		if (is_quoted && s[i] == '\\' && i + 1 < n &&
		    (s[i + 1] == '"' || s[i + 1] == '\\'))
			i++;
		t->text[used++] = s[i];
	}
	t->text[used] = '\0';
	return used == 0 ? ALIAS_BAD : ALIAS_COMMAND;
}

/* "@domain", by way of an address there. */
static enum alias_kind
parse_domain(const char *s, size_t n, struct alias_target *t)
{
	char buf[MAILADDR_SIZE], out[MAILADDR_SIZE];
	int size;

	size = snprintf(buf, sizeof(buf), "x%.*s", (int)n, s);
	if (size < 0 || (size_t)size >= sizeof(buf) ||
	    address_parse(buf, ADDRESS_UTF8, out, sizeof(out)) == -1)
		return ALIAS_BAD;
	return set(t, ALIAS_DOMAIN, out + 1, strlen(out + 1));
}

static enum alias_kind
parse_address(const char *s, size_t n, struct alias_target *t)
{
	char buf[MAILADDR_SIZE], out[MAILADDR_SIZE];
	int is_name = memrchr(s, '@', n) == NULL;
	int size;

	size = snprintf(buf, sizeof(buf), "%.*s%s", (int)n, s,
	    is_name ? "@x" : "");
	if (size < 0 || (size_t)size >= sizeof(buf) ||
	    address_parse(buf, ADDRESS_UTF8, out, sizeof(out)) == -1)
		return ALIAS_BAD;
	return set(t, is_name ? ALIAS_NAME : ALIAS_ADDRESS, out,
	    strlen(out) - (is_name ? 2 : 0));
}

static enum alias_kind
parse(const char *s, size_t n, struct alias_target *t)
{
	const size_t prefix = sizeof(include) - 1;
	int is_quoted = 0;

	if (n > 1 && s[0] == '\\') {
		t->is_final = 1;
		s++;
		n--;
	}
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		is_quoted = 1;
		s++;
		n -= 2;
	}
	if (n == 0 || n >= ALIASTEXT_SIZE)
		return ALIAS_BAD;
	if (s[0] == '|')
		return parse_command(s + 1, n - 1, is_quoted, t);
	if (s[0] == '/')
		return set(t, ALIAS_FILE, s, n);
	if (n > prefix && strncasecmp(s, include, prefix) == 0)
		return s[prefix] == '/' ? set(t, ALIAS_INCLUDE, s + prefix,
		    n - prefix) : ALIAS_BAD;
	if (s[0] == ':' || n >= MAILADDR_SIZE)
		return ALIAS_BAD;
	return s[0] == '@' ? parse_domain(s, n, t) : parse_address(s, n, t);
}

int
aliastext_next(const char **list, struct alias_target *t)
{
	const char *s = skip(*list), *end = find_end(s);
	size_t n = (size_t)(end - s);

	*list = end;
	if (n == 0)
		return 0;
	t->is_final = 0;
	t->kind = parse(s, n, t);
	if (t->kind == ALIAS_BAD)
		set(t, ALIAS_BAD, s, n < 300 ? n : 300);
	return 1;
}
