/*
 * Words of a command.  Called by the parent, which checks what the
 * configuration says, and by deliver, which runs it.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "mail/command.h"

static const char no_room[] = "is too long";
const char command_no_option[] = "would take an address that begins with '-' "
    "for an option";

struct writer {
	struct command	*command;
	size_t		 used;
	size_t		 start;		/* of this argument */
};

static int
put(struct writer *w, const char *s, size_t n)
{
	if (n >= sizeof(w->command->room) - w->used)
		return -1;
	memcpy(w->command->room + w->used, s, n);
	w->used += n;
	return 0;
}

/* -1: no such word. */
static int
value_of(const char *key, size_t n, const struct command_values *v,
    char *out, size_t outsize)
{
	static const char *const keys[] = { "sender", "rcpt", "dest.user",
	    "dest.domain", "dest.extension", "user.username" };
	const char *s = NULL;
	char local[512];
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i]) == n && memcmp(key, keys[i], n) == 0)
			break;
	if (address_local(v->recipient, local, sizeof(local)) == -1)
		local[0] = '\0';
	switch (i) {
	case 0:
		s = v->sender;
		break;
	case 1:
		s = v->recipient;
		break;
	case 2:
		s = local;
		break;
	case 3:
		s = address_domain(v->recipient);
		break;
	case 4:
		if ((s = strchr(local, '+')) != NULL)
			s++;
		break;
	case 5:
		s = v->user;
		break;
	default:
		return -1;
	}
	strlcpy(out, s == NULL ? "" : s, outsize);
	return 0;
}

/* %{...} at s; where it ends, or NULL and why. */
static const char *
put_value(struct writer *w, const char *s, const struct command_values *v,
    const char **why)
{
	const char *end = strchr(s, '}');
	char value[512];

	if (end == NULL || value_of(s + 2, (size_t)(end - s - 2), v, value,
	    sizeof(value)) == -1) {
		*why = "has an unknown format; known are %{sender} %{rcpt} "
		    "%{dest.user} %{dest.domain} %{dest.extension} "
		    "%{user.username}";
		return NULL;
	}
	if (w->used == w->start && value[0] == '-') {
		*why = command_no_option;
		return NULL;
	}
	if (put(w, value, strlen(value)) == -1) {
		*why = no_room;
		return NULL;
	}
	return end + 1;
}

/* One argument; where it ends, or NULL and why. */
static const char *
put_argument(struct writer *w, const char *s, const struct command_values *v,
    const char **why)
{
	int is_quoted = 0;

	while (*s != '\0' && (is_quoted || (*s != ' ' && *s != '\t'))) {
		if (s[0] == '%' && s[1] == '{') {
			if ((s = put_value(w, s, v, why)) == NULL)
				return NULL;
			continue;
		}
		if (*s == '"') {
			is_quoted = !is_quoted;
			s++;
			continue;
		}
		if (is_quoted && s[0] == '\\' && (s[1] == '"' ||
		    s[1] == '\\'))
			s++;
		if (put(w, s++, 1) == -1) {
			*why = no_room;
			return NULL;
		}
	}
	if (is_quoted) {
		*why = "has a \" that is not closed";
		return NULL;
	}
	if (put(w, "", 1) == -1) {
		*why = no_room;
		return NULL;
	}
	return s;
}

const char *
command_expand(struct command *command, const char *text,
    const struct command_values *values)
{
	struct writer w = { command, 0, 0 };
	const char *why = NULL, *s = text;

	command->argc = 0;
	for (;;) {
		s += strspn(s, " \t");
		if (*s == '\0')
			break;
		if (command->argc == COMMAND_ARGS_MAX)
			return "has too many arguments";
		w.start = w.used;
		command->argv[command->argc++] = command->room + w.used;
		if ((s = put_argument(&w, s, values, &why)) == NULL)
			return why;
	}
	command->argv[command->argc] = NULL;
	if (command->argc == 0)
		return "is empty";
	/* Which program it is, nobody else decides. */
	if (command->argv[0][0] != '/')
		return "must begin with the absolute path of a program";
	return NULL;
}

const char *
command_fault(const char *text)
{
	/* Nothing of the one is like the other. */
	static const struct command_values values = { "s@example.org",
	    "r@example.org", "user" }, others = { "", "a+b@example.net", "x" };
	struct command *c[2];
	const char *why = "finds no memory";

	c[0] = malloc(sizeof(*c[0]));
	c[1] = malloc(sizeof(*c[1]));
	if (c[0] != NULL && c[1] != NULL &&
	    (why = command_expand(c[0], text, &values)) == NULL &&
	    (why = command_expand(c[1], text, &others)) == NULL &&
	    strcmp(c[0]->argv[0], c[1]->argv[0]) != 0)
		why = "must name its program without %{...}";
	free(c[0]);
	free(c[1]);
	return why;
}
