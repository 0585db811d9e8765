/*
 * The commands that change the queue, and those that show one message or
 * envelope.  An id is what show queue prints: sixteen hex digits are an
 * envelope, thirteen a message (all its envelopes).
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
id_complain(const char *text)
{
	fprintf(stderr, "smtpsctl: '%s' is no id; see `smtpsctl show queue'\n",
	    text);
	return 1;
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

static int
edit_selected(uint32_t what, const char *word, const char *text, int json)
{
	size_t	i;

	for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		if (strcmp(word, selectors[i].name) == 0)
			break;
	if (i == sizeof(selectors) / sizeof(selectors[0])) {
		fprintf(stderr, "smtpsctl: '%s' is not sender, recipient or "
		    "domain\n", word);
		return 1;
	}
	if (strcmp(text, "<>") == 0)
		text = "";
	if (strlen(text) >= MAILADDR_SIZE) {
		fputs("smtpsctl: address too long\n", stderr);
		return 1;
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
		which = SELECT_ALL;
	else if (id_parse(argv[0], ENVELOPE_DIGITS, &id) == 0)
		which = SELECT_ENVELOPE;
	else if (id_parse(argv[0], MESSAGE_DIGITS, &id) == 0)
		which = SELECT_MESSAGE;
	else
		return id_complain(argv[0]);
	return ctl_request(MSG_CTL_CONTROL_EDIT, id, QUEUE_EDIT(what, which),
	    json ? &edit_lines : NULL) == -1;
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
	    id_parse(argv[1], ENVELOPE_DIGITS, &above) == -1)
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

	if (id_parse(id, ENVELOPE_DIGITS, &wanted) == -1 || wanted == 0)
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
