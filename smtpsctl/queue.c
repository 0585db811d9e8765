/*
 * The commands that change the queue, and those that show one message or
 * envelope.  Thirteen hex digits are a message (all its envelopes), and with
 * "/1" behind them one envelope, as in the log; it can be written as sixteen
 * hex digits, too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/sizes.h"

#include "ctl.h"
#include "json.h"

#define MESSAGE_DIGITS	13
#define ENVELOPE_DIGITS	16
#define MESSAGE_ENVELOPES	1023	/* their numbers have ten bits */

static const struct {
	const char	*name;
	uint32_t	 value;
} verbs[] = {
	{ "hold", EDIT_HOLD }, { "release", EDIT_RELEASE },
	{ "schedule", EDIT_SCHEDULE }, { "remove", EDIT_REMOVE },
}, selectors[] = {
	{ "sender", SELECT_SENDER }, { "recipient", SELECT_RECIPIENT },
	{ "domain", SELECT_DOMAIN },
}, pauses[] = {
	{ "mta", PAUSE_MTA }, { "mda", PAUSE_MDA }, { "smtp", PAUSE_SMTP },
};

/* -1: not of that many hex digits. */
static int
id_parse(const char *text, size_t digits, uint64_t *id)
{
	size_t	i;

	if (strlen(text) != digits)
		return -1;
	for (i = 0; i < digits; i++)
		if (!isxdigit((unsigned char)text[i]))
			return -1;
	*id = strtoull(text, NULL, 16);
	return 0;
}

static int
envelope_parse(const char *text, uint64_t *id)
{
	char		 message[MESSAGE_DIGITS + 1];
	const char	*slash = strchr(text, '/');
	const char	*error;
	long long	 n;

	if (slash == NULL)
		return id_parse(text, ENVELOPE_DIGITS, id);
	if (slash - text != MESSAGE_DIGITS || !isdigit((unsigned char)slash[1]))
		return -1;
	memcpy(message, text, MESSAGE_DIGITS);
	message[MESSAGE_DIGITS] = '\0';
	n = strtonum(slash + 1, 1, MESSAGE_ENVELOPES, &error);
	if (error != NULL || id_parse(message, MESSAGE_DIGITS, id) == -1)
		return -1;
	*id = *id << 10 | (uint64_t)n;
	return 0;
}

static int
id_complain(const char *text)
{
	fprintf(stderr, "smtpsctl: '%s' is no id; see `smtpsctl show queue'\n",
	    text);
	return 1;
}

int
queue_message_id(const char *text, uint64_t *id)
{
	if (id_parse(text, MESSAGE_DIGITS, id) == 0)
		return 0;
	id_complain(text);
	return -1;
}

/* "3 envelopes; 1 are being delivered ..." */
static void
edit_json(const char *text)
{
	json_begin();
	json_object();
	json_number("envelopes", strtoull(text, NULL, 10));
	json_string("text", text);
	json_object_end();
	json_end();
}

static const struct ctl_handlers edit_lines = { .text = edit_json };
static int	edit_in_json, is_none;

/* Of an id: nothing found is a mistake. */
static void
edit_one(const char *text)
{
	is_none = strcmp(text, "0 envelopes") == 0;
	if (edit_in_json)
		edit_json(text);
	else if (!is_none)
		printf("%s\n", text);
}

static int
edit_id(uint64_t id, uint32_t edit, int json)
{
	static const struct ctl_handlers handlers = { .text = edit_one };

	edit_in_json = json;
	if (ctl_request(MSG_CTL_CONTROL_EDIT, id, edit, &handlers) == -1)
		return 1;
	if (is_none)
		fputs("smtpsctl: no such message or envelope, or nothing to "
		    "change about it\n", stderr);
	return is_none;
}

static int
edit_selected(uint32_t what, const char *word, const char *text, int json)
{
	char	bare[MAILADDR_SIZE];	/* the log has <address> */
	size_t	i, size;

	for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		if (strcmp(word, selectors[i].name) == 0)
			break;
	if (i == sizeof(selectors) / sizeof(selectors[0])) {
		fprintf(stderr, "smtpsctl: '%s' is not sender, recipient or "
		    "domain\n", word);
		return 1;
	}
	if ((size = strlen(text)) == 0) {
		fprintf(stderr, "smtpsctl: %s: empty; the null sender is "
		    "'<>'\n", word);
		return 1;
	}
	if (size >= sizeof(bare)) {
		fputs("smtpsctl: address too long\n", stderr);
		return 1;
	}
	if (size >= 2 && text[0] == '<' && text[size - 1] == '>') {
		strlcpy(bare, text + 1, size - 1);
		text = bare;
	}
	return ctl_request_text(MSG_CTL_CONTROL_EDIT, 0,
	    QUEUE_EDIT(what, selectors[i].value), text,
	    json ? &edit_lines : NULL) == -1;
}

int
queue_edit(const char *verb, int argc, char **argv, int json)
{
	uint64_t	id = 0;
	uint32_t	what = 0, which;
	size_t		i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			what = verbs[i].value;
	if (argc == 2)
		return edit_selected(what, argv[0], argv[1], json);
	if (strcmp(argv[0], "all") == 0)
		return ctl_request(MSG_CTL_CONTROL_EDIT, 0, QUEUE_EDIT(what,
		    SELECT_ALL), json ? &edit_lines : NULL) == -1;
	if (envelope_parse(argv[0], &id) == 0)
		which = SELECT_ENVELOPE;
	else if (id_parse(argv[0], MESSAGE_DIGITS, &id) == 0)
		which = SELECT_MESSAGE;
	else
		return id_complain(argv[0]);
	return edit_id(id, QUEUE_EDIT(what, which), json);
}

int
queue_pause(const char *what, int is_pause)
{
	size_t	i;

	for (i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++)
		if (strcmp(what, pauses[i].name) == 0)
			return ctl_request(MSG_CTL_CONTROL_PAUSE,
			    pauses[i].value, (uint32_t)is_pause, NULL) == -1;
	fprintf(stderr, "smtpsctl: '%s' is not mta, mda or smtp\n", what);
	return 1;
}

static int	to_terminal;

/* What a message holds must not steer a terminal. */
static void
body_print(const char *data, size_t size)
{
	size_t	i;

	if (!to_terminal) {
		fwrite(data, 1, size, stdout);
		return;
	}
	for (i = 0; i < size; i++)
		if (data[i] == '\n' || data[i] == '\t' ||
		    (data[i] >= ' ' && data[i] <= '~'))
			putchar(data[i]);
		else if (data[i] != '\r')
			putchar('?');
}

int
show_queue_part(int argc, char **argv, int json)
{
	uint64_t	above = 0;

	if (argc == 2 && strcmp(argv[0], "above") == 0 &&
	    envelope_parse(argv[1], &above) == -1)
		return id_complain(argv[1]);
	return show_queue(above, argc == 1, json);
}

int
show_message(const char *id)
{
	static const struct ctl_handlers handlers = { .body = body_print };
	struct message_part	part;
	uint64_t	message;
	int		r;

	if (id_parse(id, MESSAGE_DIGITS, &message) == -1)
		return id_complain(id);
	to_terminal = isatty(STDOUT_FILENO);
	memset(&part, 0, sizeof(part));
	while ((r = ctl_request_part(message, &part, &handlers)) == 1)
		;
	return r == -1;
}

static uint64_t	wanted;
static int	is_found, in_json;

static void
item_print(const struct queue_item *item)
{
	if (item->envelope != wanted)
		return;
	is_found = 1;
	if (in_json)
		queue_item_json(item);
	else
		queue_item_table(item);
}

int
show_envelope(const char *id, int json)
{
	static const struct ctl_handlers handlers = { .item = item_print };
	int	error;

	if (envelope_parse(id, &wanted) == -1 || wanted == 0)
		return id_complain(id);
	in_json = json;
	if (json)
		json_begin();
	error = ctl_request(MSG_CTL_CONTROL_QUEUE, wanted - 1, 1, &handlers);
	if (json)
		json_end();
	if (error == 0 && !is_found)
		fprintf(stderr, "smtpsctl: no such envelope\n");
	return error == -1 || !is_found;
}
