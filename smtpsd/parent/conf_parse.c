/*
 * Recursive descent over the statements of the configuration; one statement
 * is one line.  After a mistake the rest of the line is skipped and parsing
 * goes on, so that all mistakes are reported at once.  Names may be used
 * before they are defined; conf_check.c finds those that never are.
 * listen is in conf_listener.c, action and match are in conf_rules.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"

static int
parse_hostname(struct parser *p)
{
	if (p->conf->hostname[0] != '\0')
		return parse_fail(p, "one 'hostname' is enough",
		    "hostname is set twice");
	return parse_value(p, p->conf->hostname, sizeof(p->conf->hostname),
	    "the host name");
}

static int
parse_include(struct parser *p)
{
	char path[PATHNAME_SIZE];

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "the path of a file");
	strlcpy(path, lexer_text(p->lexer), sizeof(path));
	if (lexer_next(p->lexer) != TOKEN_NEWLINE &&
	    lexer_kind(p->lexer) != TOKEN_EOF)
		return 0;	/* the caller complains */
	/* From here the lexer reads the other file. */
	return lexer_include(p->lexer, path);
}

static int
parse_pki(struct parser *p)
{
	static const char *const words[] = { "cert", "key", "ocsp", NULL };
	char name[NAME_SIZE], path[PATHNAME_SIZE];
	struct conf_pki *pki;
	char **slot;

	if (parse_name(p, name, sizeof(name), "the name of the pki") == -1 ||
	    (pki = conf_pki_get(p, name)) == NULL)
		return -1;
	do {
		if (parse_accept(p, "cert"))
			slot = &pki->cert_path;
		else if (parse_accept(p, "key"))
			slot = &pki->key_path;
		else if (parse_accept(p, "ocsp"))
			slot = &pki->ocsp_path;
		else
			return parse_unknown(p, words,
			    "'cert', 'key' or 'ocsp'");
		if (*slot != NULL)
			return parse_fail(p, "one name, one file",
			    "pki '%s' has this file already", name);
		if (parse_value(p, path, sizeof(path), "the path of a file") ==
		    -1)
			return -1;
		if ((*slot = strdup(path)) == NULL)
			return parse_fail(p, NULL, "out of memory");
		pki->where = p->start;
	} while (!parse_is_end(p));
	return 0;
}

static void
skip_newlines(struct parser *p)
{
	while (lexer_kind(p->lexer) == TOKEN_NEWLINE)
		lexer_next(p->lexer);
}

static int
parse_item(struct parser *p, struct conf_table *t)
{
	char key[LEX_TEXT_SIZE];
	int rc;

	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "an item of the table");
	if (parse_item_ok(p, "an item") == -1)
		return -1;
	strlcpy(key, lexer_text(p->lexer), sizeof(key));
	if (lexer_next(p->lexer) != TOKEN_EQUAL)
		rc = conf_table_add(t, key, NULL);
	else {
		lexer_next(p->lexer);
		if (!parse_is_value(p))
			return parse_unknown(p, NULL, "the value of an item");
		rc = conf_table_add(t, key, lexer_text(p->lexer));
		lexer_next(p->lexer);
	}
	if (rc == -1)
		return parse_fail(p, NULL, "item cannot be stored");
	return 0;
}

static int
parse_items(struct parser *p, struct conf_table *t)
{
	p->in_list = 1;
	lexer_next(p->lexer);
	if (conf_table_add(t, NULL, NULL) == -1)
		return parse_fail(p, NULL, "out of memory");
	for (;;) {
		skip_newlines(p);
		if (lexer_kind(p->lexer) == TOKEN_RIGHT)
			break;
		if (lexer_kind(p->lexer) == TOKEN_EOF)
			return parse_fail(p, "add a } at its end",
			    "table '%s' is not closed", t->name);
		if (parse_item(p, t) == -1)
			return -1;
		skip_newlines(p);
		if (lexer_kind(p->lexer) == TOKEN_COMMA)
			lexer_next(p->lexer);
		else if (lexer_kind(p->lexer) != TOKEN_RIGHT &&
		    lexer_kind(p->lexer) != TOKEN_EOF)
			return parse_unknown(p, NULL, "',' or '}'");
	}
	p->in_list = 0;
	lexer_next(p->lexer);
	return 0;
}

static int
parse_table(struct parser *p)
{
	static const char *const words[] = { "file", "{", NULL };
	char name[NAME_SIZE], path[PATHNAME_SIZE];
	struct conf_table *t;

	if (parse_name(p, name, sizeof(name), "the name of the table") == -1 ||
	    (t = conf_table_get(p, name)) == NULL)
		return -1;
	if (conf_table_is_defined(t))
		return parse_fail(p, NULL, "table '%s' is defined twice",
		    name);
	t->where = p->start;
	if (lexer_kind(p->lexer) == TOKEN_LEFT) {
		t->is_private = lexer_is_private(p->lexer);
		return parse_items(p, t);
	}
	if (!parse_accept(p, "file"))
		return parse_unknown(p, words, "'file' or '{'");
	if (parse_value(p, path, sizeof(path), "the path of a file") == -1)
		return -1;
	if ((t->path = strdup(path)) == NULL)
		return parse_fail(p, NULL, "out of memory");
	return 0;
}

/* "N per hour" or "N per day"; a line for each. */
static int
parse_quota(struct parser *p, uint32_t *hour, uint32_t *day)
{
	static const char *const words[] = { "hour", "day", NULL };
	uint32_t n;

	if (parse_number(p, 1, 1000000000, &n, "limit") == -1)
		return -1;
	if (!parse_accept(p, "per"))
		return parse_unknown(p, NULL, "'per'");
	if (parse_accept(p, "hour"))
		*hour = n;
	else if (parse_accept(p, "day"))
		*day = n;
	else
		return parse_unknown(p, words, "'hour' or 'day'");
	return 0;
}

/* Of one user, and in time. */
static int
parse_header_size(struct parser *p, uint32_t *bytes)
{
	uint64_t n;

	if (parse_size(p, &n) == -1)
		return -1;
	if (n > HEADER_SIZE_MAX)
		return parse_fail(p, "at most 16M",
		    "a header of that size would be held in memory");
	*bytes = (uint32_t)n;
	return 0;
}

static int
parse_limit_more(struct parser *p, const char *const *words)
{
	struct conf *c = p->conf;

	if (parse_accept(p, "sessions-per-user"))
		return parse_number(p, 1, 1000000, &c->user_sessions,
		    "limit");
	if (parse_accept(p, "user-messages"))
		return parse_quota(p, &c->user_messages_hour,
		    &c->user_messages_day);
	if (parse_accept(p, "user-recipients"))
		return parse_quota(p, &c->user_recipients_hour,
		    &c->user_recipients_day);
	if (parse_accept(p, "command-time"))
		return parse_duration(p, &c->command_s);
	if (parse_accept(p, "transaction-time"))
		return parse_duration(p, &c->transaction_s);
	if (parse_accept(p, "auth-time"))
		return parse_duration(p, &c->auth_s);
	if (parse_accept(p, "header-size"))
		return parse_header_size(p, &c->header_max);
	if (parse_accept(p, "header-fields"))
		return parse_number(p, 1, 100000, &c->fields_max, "limit");
	if (parse_accept(p, "pace"))
		return parse_number(p, 0, 1 << 20, &c->pace, "limit");
	return parse_unknown(p, words, "the name of a limit");
}

static int
parse_limit(struct parser *p)
{
	static const char *const words[] = { "message-size", "recipients",
	    "sessions", "sessions-per-ip", "sessions-per-user", "messages",
	    "user-messages", "user-recipients", "errors", "command-time",
	    "transaction-time", "auth-time", "pace", "header-size",
	    "header-fields", NULL };
	struct conf *c = p->conf;

	if (parse_accept(p, "message-size"))
		return parse_size(p, &c->message_max);
	if (parse_accept(p, "recipients"))
		return parse_number(p, 1, 1000, &c->recipients_max, "limit");
	if (parse_accept(p, "sessions"))
		return parse_number(p, 1, 1000000, &c->sessions_max, "limit");
	if (parse_accept(p, "sessions-per-ip"))
		return parse_number(p, 1, 1000000, &c->sessions_per_ip,
		    "limit");
	if (parse_accept(p, "messages"))
		return parse_number(p, 1, 1000000000, &c->messages_max,
		    "limit");
	if (parse_accept(p, "errors"))
		return parse_number(p, 1, 1000000, &c->errors_max, "limit");
	return parse_limit_more(p, words);
}

static int
parse_queue(struct parser *p)
{
	static const char *const words[] = { "expire", "retry",
	    "delay-warning", "directory", NULL };
	static const char *const to[] = { "to", NULL };
	struct conf *c = p->conf;
	uint32_t min;

	if (parse_accept(p, "expire")) {
		c->times_where = p->start;
		return parse_duration(p, &c->expire_s);
	}
	if (parse_accept(p, "delay-warning")) {
		if (parse_accept(p, "0")) {
			c->delay_warning_s = 0;
			return 0;
		}
		return parse_duration(p, &c->delay_warning_s);
	}
	if (parse_accept(p, "directory")) {
		c->directory_where = p->start;
		return parse_value(p, c->queue_directory,
		    sizeof(c->queue_directory), "the path of a directory");
	}
	if (!parse_accept(p, "retry"))
		return parse_unknown(p, words, "a setting of the queue");
	if (parse_duration(p, &min) == -1)
		return -1;
	if (!parse_accept(p, "to"))
		return parse_unknown(p, to, "'to'");
	if (parse_duration(p, &c->retry_max_s) == -1)
		return -1;
	c->retry_min_s = min;
	c->times_where = p->start;
	return 0;
}

static int
parse_resolver(struct parser *p)
{
	static const char *const words[] = { "forward", "recursive", "anchors",
	    NULL };
	struct conf *c = p->conf;
	char *all;

	c->resolver_where = p->start;
	if (parse_accept(p, "recursive")) {
		c->is_recursive = 1;
		return 0;
	}
	if (parse_accept(p, "anchors"))
		return parse_value(p, c->anchors_path,
		    sizeof(c->anchors_path), "a file of trust anchors");
	if (!parse_accept(p, "forward"))
		return parse_unknown(p, words, "a setting of the resolver");
	do {
		if (!parse_is_value(p))
			return parse_unknown(p, NULL, "an address[@port]");
		if (asprintf(&all, "%s%s\n", c->forwarders == NULL ? "" :
		    c->forwarders, lexer_text(p->lexer)) == -1)
			return parse_fail(p, NULL, "out of memory");
		free(c->forwarders);
		c->forwarders = all;
	} while (lexer_next(p->lexer) == TOKEN_COMMA &&
	    (lexer_next(p->lexer), 1));
	return 0;
}

static int
parse_control(struct parser *p)
{
	static const char *const words[] = { "socket", "group", NULL };
	struct conf *c = p->conf;

	c->control_where = p->start;
	do {
		if (parse_accept(p, "socket")) {
			if (parse_value(p, c->control_path,
			    sizeof(c->control_path), "the path of the socket")
			    == -1)
				return -1;
		} else if (parse_accept(p, "group")) {
			if (parse_name(p, c->control_group,
			    sizeof(c->control_group), "the group") == -1)
				return -1;
		} else
			return parse_unknown(p, words, "'socket' or 'group'");
	} while (!parse_is_end(p));
	return 0;
}

static int
parse_processes(struct parser *p)
{
	static const char *const words[] = { "net", "auth", "relay", NULL };
	struct conf *c = p->conf;
	uint16_t *slot;
	uint32_t n;

	do {
		if (parse_accept(p, "net"))
			slot = &c->net_procs;
		else if (parse_accept(p, "auth"))
			slot = &c->auth_procs;
		else if (parse_accept(p, "relay"))
			slot = &c->relay_procs;
		else
			return parse_unknown(p, words,
			    "the kind of a process");
		if (parse_number(p, 1, CONF_PROCS_MAX, &n,
		    "the number of processes") == -1)
			return -1;
		*slot = (uint16_t)n;
	} while (!parse_is_end(p));
	return 0;
}

static int
parse_sandbox(struct parser *p)
{
	static const char *const words[] = { "weak", NULL };

	if (!parse_accept(p, "weak"))
		return parse_unknown(p, words, "'weak'");
	p->conf->sandbox_weak = 1;
	return 0;
}

static const struct statement {
	const char	*word;
	int		(*parse)(struct parser *);
} statements[] = {
	{ "hostname", parse_hostname },
	{ "include", parse_include },
	{ "pki", parse_pki },
	{ "table", parse_table },
	{ "token", parse_token },
	{ "listen", parse_listen },
	{ "action", parse_action },
	{ "match", parse_match },
	{ "limit", parse_limit },
	{ "queue", parse_queue },
	{ "resolver", parse_resolver },
	{ "control", parse_control },
	{ "processes", parse_processes },
	{ "sandbox", parse_sandbox },
};
#define NSTATEMENTS	(sizeof(statements) / sizeof(statements[0]))

static int
parse_macro(struct parser *p, const char *name)
{
	const char *s;

	for (s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return parse_fail(p, "letters, digits and _",
			    "'%s' cannot be the name of a macro", name);
	lexer_next(p->lexer);
	if (!parse_is_value(p))
		return parse_unknown(p, NULL, "the value of the macro");
	if (lexer_define(p->lexer, name, lexer_text(p->lexer)) == -1)
		return parse_fail(p, NULL, "macro '%s' is defined twice",
		    name);
	lexer_next(p->lexer);
	return 0;
}

static int
parse_statement(struct parser *p)
{
	const char *words[NSTATEMENTS + 1];
	char word[LEX_TEXT_SIZE], hint[64];
	const char *guess;
	size_t i;

	if (lexer_kind(p->lexer) != TOKEN_WORD)
		return parse_unknown(p, NULL, "the first word of a statement");
	strlcpy(word, lexer_text(p->lexer), sizeof(word));
	if (lexer_next(p->lexer) == TOKEN_EQUAL)
		return parse_macro(p, word);
	for (i = 0; i < NSTATEMENTS; i++) {
		if (strcmp(word, statements[i].word) == 0)
			return statements[i].parse(p);
		words[i] = statements[i].word;
	}
	words[i] = NULL;
	if ((guess = conf_closest(word, words)) != NULL)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", guess);
	conf_complain(p->errors, p->start, guess == NULL ? NULL : hint,
	    "unknown word '%s' at the start of a line", word);
	return -1;
}

/* To the end of the line, of a braced list that begins on it too. */
static void
skip_line(struct parser *p)
{
	int depth = p->in_list;

	p->in_list = 0;
	for (; lexer_kind(p->lexer) != TOKEN_EOF; lexer_next(p->lexer)) {
		if (lexer_kind(p->lexer) == TOKEN_LEFT)
			depth++;
		else if (lexer_kind(p->lexer) == TOKEN_RIGHT && depth > 0)
			depth--;
		else if (lexer_kind(p->lexer) == TOKEN_NEWLINE && depth == 0)
			return;
	}
}

void
conf_parse(struct conf *conf, const char *path,
    const struct conf_macros *macros, struct conf_errors *errors)
{
	struct parser p = { NULL, conf, errors, { path, 0 }, 0 };

	if ((p.lexer = lexer_new(path, macros, conf, errors)) == NULL)
		return;
	lexer_next(p.lexer);
	for (;;) {
		skip_newlines(&p);
		if (lexer_kind(p.lexer) == TOKEN_EOF)
			break;
		p.start = lexer_where(p.lexer);
		if (parse_statement(&p) == -1) {
			skip_line(&p);
			continue;
		}
		if (!parse_is_end(&p)) {
			parse_unknown(&p, NULL, "the end of the line");
			skip_line(&p);
		}
	}
	if (errors->nerrors == 0)	/* else a line that did may be skipped */
		lexer_unused(p.lexer);
	lexer_free(p.lexer);
}
