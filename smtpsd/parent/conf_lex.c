/*
 * Lexer of the configuration: words, quoted strings, <table> names, braces,
 * comments, continuation lines, macros and included files.  A macro gives
 * one string whatever is in it, so that a value from -D cannot add words to
 * a rule.  Called by conf_parse.c; it knows no keyword.
 */
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_lex.h"
#include "conf_file.h"

#define INCLUDE_MAX	16
#define FILES_MAX	256U	/* read for one configuration */
#define EOT		(-1)

struct source {
	const char	*name;
	char		*data;
	size_t		 size;
	size_t		 at;
	uint32_t	 line;
	int		 is_private;
	int		 ended;
};

struct macro {
	char	*name;
	char	*value;
	int	 is_fixed;	/* from the command line */
	int	 is_used;
	struct conf_where where;
};

struct lexer {
	struct source		 stack[INCLUDE_MAX];
	size_t			 depth;
	struct macro		*macros;
	size_t			 nmacros;
	struct conf		*conf;
	struct conf_errors	*errors;
	enum token_kind		 kind;
	struct conf_where	 where;
	size_t			 len;
	int			 is_cut;
	char			 text[LEX_TEXT_SIZE];
};

static int
push_file(struct lexer *l, const char *path, struct conf_where where)
{
	struct source *s;
	struct stat st;
	char err[512], *name;
	char **files;

	if (l->depth == INCLUDE_MAX) {
		conf_complain(l->errors, where, "does it include itself?",
		    "too many files included in one another");
		return -1;
	}
	/* Each may include two: the depth alone is no bound. */
	if (l->conf->nfiles == FILES_MAX) {
		conf_complain(l->errors, where, "does one include itself?",
		    "more than %u files are included", FILES_MAX);
		return -1;
	}
	files = reallocarray(l->conf->files, l->conf->nfiles + 1,
	    sizeof(*files));
	if (files == NULL || (l->conf->files = files, name = strdup(path)) ==
	    NULL) {
		conf_complain(l->errors, where, NULL, "out of memory");
		return -1;
	}
	files[l->conf->nfiles++] = name;
	s = &l->stack[l->depth];
	memset(s, 0, sizeof(*s));
	s->data = conf_file_read(path, FILE_CONFIG, &s->size, &st, err,
	    sizeof(err));
	if (s->data == NULL) {
		if (where.line == 0)
			where.file = NULL;	/* err names it */
		conf_complain(l->errors, where, NULL, "%s", err);
		return -1;
	}
	s->name = name;
	s->line = 1;
	s->is_private = (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
	l->depth++;
	return 0;
}

struct lexer *
lexer_new(const char *path, const struct conf_macros *macros,
    struct conf *conf, struct conf_errors *errors)
{
	struct conf_where where = { path, 0 };
	struct lexer *l;
	size_t i;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		conf_complain(errors, where, NULL, "out of memory");
		return NULL;
	}
	l->conf = conf;
	l->errors = errors;
	for (i = 0; macros != NULL && i < macros->n; i++) {
		lexer_define(l, macros->list[i].name, macros->list[i].value);
		if (l->nmacros > 0)
			l->macros[l->nmacros - 1].is_fixed = 1;
	}
	if (push_file(l, path, where) == -1) {
		lexer_free(l);
		return NULL;
	}
	return l;
}

static void
pop_file(struct lexer *l)
{
	struct source *s = &l->stack[--l->depth];

	freezero(s->data, s->size);
	s->data = NULL;
}

void
lexer_free(struct lexer *l)
{
	size_t i;

	if (l == NULL)
		return;
	while (l->depth > 0)
		pop_file(l);
	for (i = 0; i < l->nmacros; i++) {
		free(l->macros[i].name);
		freezero(l->macros[i].value, strlen(l->macros[i].value));
	}
	free(l->macros);
	freezero(l, sizeof(*l));
}

int
lexer_include(struct lexer *l, const char *path)
{
	char full[PATHNAME_SIZE];
	const char *from = l->stack[l->depth - 1].name, *slash;
	int n;

	/* A relative name stands beside the file that names it. */
	slash = strrchr(from, '/');
	if (path[0] == '/' || slash == NULL)
		n = snprintf(full, sizeof(full), "%s", path);
	else
		n = snprintf(full, sizeof(full), "%.*s/%s",
		    (int)(slash - from), from, path);
	if (n < 0 || (size_t)n >= sizeof(full)) {
		conf_complain(l->errors, l->where, NULL, "path too long");
		return -1;
	}
	return push_file(l, full, l->where);
}

enum token_kind
lexer_kind(const struct lexer *l)
{
	return l->kind;
}

const char *
lexer_text(const struct lexer *l)
{
	return l->text;
}

struct conf_where
lexer_where(const struct lexer *l)
{
	return l->where;
}

int
lexer_is_private(const struct lexer *l)
{
	return l->stack[l->depth - 1].is_private;
}

static struct macro *
find_macro(struct lexer *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->nmacros; i++)
		if (strcmp(l->macros[i].name, name) == 0)
			return &l->macros[i];
	return NULL;
}

int
lexer_define(struct lexer *l, const char *name, const char *value)
{
	struct macro *m;

	if ((m = find_macro(l, name)) != NULL)
		return m->is_fixed ? 0 : -1;
	m = reallocarray(l->macros, l->nmacros + 1, sizeof(*m));
	if (m == NULL)
		return -1;
	l->macros = m;
	m += l->nmacros;
	m->is_fixed = m->is_used = 0;
	m->where = l->where;
	m->name = strdup(name);
	m->value = strdup(value);
	if (m->name == NULL || m->value == NULL) {
		free(m->name);
		free(m->value);
		return -1;
	}
	l->nmacros++;
	return 0;
}

void
lexer_unused(struct lexer *l)
{
	const struct macro *m;

	for (m = l->macros; m < l->macros + l->nmacros; m++)
		if (!m->is_used && !m->is_fixed)
			conf_caution(l->errors, m->where, "settings are "
			    "written without '='", "macro '%s' is not used",
			    m->name);
}

static int
peek(struct lexer *l, size_t ahead)
{
	struct source *s = &l->stack[l->depth - 1];

	if (s->at + ahead >= s->size)
		return EOT;
	return (unsigned char)s->data[s->at + ahead];
}

static int
get(struct lexer *l)
{
	struct source *s = &l->stack[l->depth - 1];
	int c = peek(l, 0);

	if (c == EOT)
		return EOT;
	s->at++;
	if (c == '\n')
		s->line++;
	return c;
}

static void
add(struct lexer *l, int c)
{
	if (l->len + 1 >= sizeof(l->text)) {
		l->is_cut = 1;
		return;
	}
	l->text[l->len++] = (char)c;
	l->text[l->len] = '\0';
}

static enum token_kind
bad(struct lexer *l, const char *hint, const char *text)
{
	conf_complain(l->errors, l->where, hint, "%s", text);
	return TOKEN_BAD;
}

/* Blanks, comments and continued lines. */
static void
skip_blanks(struct lexer *l)
{
	int c;

	for (;;) {
		c = peek(l, 0);
		if (c == '\\' && peek(l, 1) == '\n') {
			get(l);
			get(l);
		} else if (c == '\\' && peek(l, 1) == '\r' &&
		    peek(l, 2) == '\n') {
			get(l);
			get(l);
			get(l);
		} else if (c == ' ' || c == '\t' || c == '\r')
			get(l);
		else if (c == '#') {
			while (peek(l, 0) != '\n' && peek(l, 0) != EOT)
				get(l);
		} else
			return;
	}
}

static enum token_kind
lex_string(struct lexer *l)
{
	int c;

	for (;;) {
		c = get(l);
		if (c == EOT || c == '\n') {
			/* Leave the newline: the statement ends with it. */
			if (c == '\n') {
				l->stack[l->depth - 1].at--;
				l->stack[l->depth - 1].line--;
			}
			return bad(l, "add a \" at its end",
			    "string is not closed on its line");
		}
		if (c == '"')
			return TOKEN_STRING;
		if (c == '\\' && (peek(l, 0) == '"' || peek(l, 0) == '\\'))
			c = get(l);
		if (c < 0x20 && c != '\t')
			return bad(l, NULL, "control character in a string");
		add(l, c);
	}
}

static enum token_kind
lex_table(struct lexer *l)
{
	int c;

	while ((c = peek(l, 0)) != '>') {
		if (c == EOT || c == '\n' || isspace(c))
			return bad(l, "tables are written <name>",
			    "'<' without '>'");
		add(l, get(l));
	}
	get(l);
	if (l->len == 0)
		return bad(l, "tables are written <name>",
		    "a table without a name");
	return TOKEN_TABLE;
}

static int
is_word(int c)
{
	return c != EOT && c > ' ' && c != 0x7f &&
	    strchr("{}<>,=\"#", c) == NULL;
}

/* $name; -1 if it is not known. */
static int
lex_macro(struct lexer *l)
{
	char name[NAME_SIZE];
	const char *p;
	struct macro *m;
	size_t n = 0;
	int c;

	while ((c = peek(l, 0)) != EOT && (isalnum(c) || c == '_')) {
		get(l);
		if (n + 1 < sizeof(name))
			name[n++] = (char)c;
	}
	name[n] = '\0';
	if ((m = find_macro(l, name)) == NULL) {
		conf_complain(l->errors, l->where,
		    "define it above, or with -D name=value",
		    "macro '%s' is not defined", name);
		return -1;
	}
	m->is_used = 1;
	for (p = m->value; *p != '\0'; p++)
		add(l, (unsigned char)*p);
	return 0;
}

static enum token_kind
lex_word(struct lexer *l)
{
	enum token_kind kind = TOKEN_WORD;
	int c, failed = 0;

	while (is_word(c = peek(l, 0))) {
		if (c == '\\' && (peek(l, 1) == '\n' || peek(l, 1) == '\r'))
			break;
		get(l);
		if (c == '$') {
			kind = TOKEN_STRING;
			if (lex_macro(l) == -1)
				failed = 1;
			continue;
		}
		add(l, c);
	}
	return failed ? TOKEN_BAD : kind;
}

static enum token_kind
lex_token(struct lexer *l)
{
	int c = peek(l, 0);

	switch (c) {
	case EOT:
		return TOKEN_EOF;
	case '\n':
		get(l);
		return TOKEN_NEWLINE;
	case '{':
		get(l);
		return TOKEN_LEFT;
	case '}':
		get(l);
		return TOKEN_RIGHT;
	case ',':
		get(l);
		return TOKEN_COMMA;
	case '=':
		get(l);
		return TOKEN_EQUAL;
	case '<':
		get(l);
		return lex_table(l);
	case '"':
		get(l);
		return lex_string(l);
	default:
		if (is_word(c))
			return lex_word(l);
		get(l);
		return bad(l, NULL, c == '>' ? "'>' without '<'" :
		    "character that does not belong here");
	}
}

enum token_kind
lexer_next(struct lexer *l)
{
	struct source *s;

	skip_blanks(l);
	s = &l->stack[l->depth - 1];
	l->where.file = s->name;
	l->where.line = s->line;
	l->len = 0;
	l->is_cut = 0;
	l->text[0] = '\0';
	l->kind = lex_token(l);
	if (l->is_cut && l->kind != TOKEN_BAD)
		l->kind = bad(l, NULL, "word or string is too long");
	if (l->kind == TOKEN_EOF && l->depth > 1) {
		pop_file(l);
		l->kind = TOKEN_NEWLINE;
	} else if (l->kind == TOKEN_EOF && !s->ended) {
		/* So that an include can be the last line without a newline. */
		s->ended = 1;
		l->kind = TOKEN_NEWLINE;
	}
	return l->kind;
}
