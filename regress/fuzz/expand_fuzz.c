/*
 * What becomes of a recipient in deliver: a path that leads nowhere else and
 * the arguments of a command, of which no value makes more or fewer.
 */
#include <string.h>

#include "expand.h"
#include "fuzz.h"
#include "mail/command.h"

/* Three strings out of the input, parted by NUL. */
static const char *
part(const char **at, const char *end)
{
	const char *s = *at;

	*at = s + strlen(s) < end ? s + strlen(s) + 1 : end;
	return s;
}

/* Parts of a path that the pattern did not have: none may be "..". */
static void
check_path(const char *pattern, const char *out, size_t room)
{
	size_t slashes = 0, wanted = 0;
	const char *p, *end;

	MUST(strlen(out) < room && out[0] != '/');
	for (p = out; *p != '\0'; p++)
		slashes += *p == '/';
	for (p = pattern; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == '{' &&
		    (end = strchr(p, '}')) != NULL)
			p = end;
		else
			wanted += *p == '/';
	}
	MUST(slashes == wanted);
	if (strstr(pattern, "..") == NULL && strstr(pattern, ".%{") == NULL)
		MUST(strstr(out, "/../") == NULL &&
		    strncmp(out, "../", 3) != 0);
}

static void
check_command(const char *text, const struct command_values *values)
{
	static const struct command_values plain = { "s", "r@d", "u" };
	static struct command a, b;
	int i;

	if (command_expand(&a, text, values) != NULL)
		return;
	MUST(a.argc > 0 && a.argc <= COMMAND_ARGS_MAX);
	MUST(a.argv[a.argc] == NULL && a.argv[0][0] == '/');
	for (i = 0; i < a.argc; i++)
		MUST(a.argv[i] >= a.room && a.argv[i] + strlen(a.argv[i]) <
		    a.room + sizeof(a.room));
	if (command_expand(&b, text, &plain) == NULL)
		MUST(a.argc == b.argc);
	/* What the parent let pass runs the program that is written there. */
	if (command_fault(text) == NULL)
		MUST(strcmp(a.argv[0], b.argv[0]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command_values values;
	char *text, *out;
	const char *pattern, *at;
	size_t room;

	if (size < 1 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	at = text;
	pattern = part(&at, text + size - 1);
	values.recipient = part(&at, text + size - 1);
	values.user = part(&at, text + size - 1);
	values.sender = part(&at, text + size - 1);
	room = data[0] & 1 ? data[0] : 1024;
	if ((out = malloc(room)) == NULL)
		abort();
	if (expand_path(pattern, values.recipient, values.user, out,
	    room) == 0)
		check_path(pattern, out, room);
	free(out);
	check_command(pattern, &values);
	free(text);
	return 0;
}
