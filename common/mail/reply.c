/*
 * The table of replies of reply.h and how one becomes a line on the wire.
 * net formats them; policy and queue only name them by number.  What a
 * client sent may come back in a reply (%s), so it is made harmless here,
 * once, and nowhere else.  No state.
 */
#include "mail/reply.h"

#include <stdio.h>
#include <string.h>

#define REPLY_ENTRY(id, code, enhanced, text) { code, enhanced, text },
static const struct reply replies[REPLY_MAX] = { REPLY_TABLE(REPLY_ENTRY) };
#undef REPLY_ENTRY

const struct reply *
reply_get(unsigned int id)
{
	if (id == REPLY_NONE || id >= REPLY_MAX)
		id = REPLY_TRY_LATER;
	return &replies[id];
}

/* Append n bytes; two are kept free for the CR LF. */
static size_t
put(char *buf, size_t room, size_t at, const char *s, size_t n, int from_outside)
{
	size_t i;

	for (i = 0; i < n && at < room; i++) {
		unsigned char c = (unsigned char)s[i];

		if (from_outside && (c < 0x20 || c > 0x7e))
			c = '?';
		buf[at++] = (char)c;
	}
	return at;
}

size_t
reply_format(char *buf, size_t size, unsigned int id, const char *arg)
{
	const struct reply *r = reply_get(id);
	const char *mark;
	char code[8];
	size_t at, room;

	if (size == 0)
		return 0;
	if (size < 8) {			/* not even "250 \r\n" */
		buf[0] = '\0';
		return 0;
	}
	room = size - 3;		/* CR, LF, NUL */
	snprintf(code, sizeof(code), "%03d ", r->code);
	at = put(buf, room, 0, code, 4, 0);
	if (r->enhanced[0] != '\0') {
		at = put(buf, room, at, r->enhanced, strlen(r->enhanced), 0);
		at = put(buf, room, at, " ", 1, 0);
	}
	mark = strstr(r->text, "%s");
	if (mark == NULL)
		at = put(buf, room, at, r->text, strlen(r->text), 0);
	else {
		at = put(buf, room, at, r->text, (size_t)(mark - r->text), 0);
		if (arg != NULL)
			at = put(buf, room, at, arg, strlen(arg), 1);
		at = put(buf, room, at, mark + 2, strlen(mark + 2), 0);
	}
	buf[at++] = '\r';
	buf[at++] = '\n';
	buf[at] = '\0';
	return at;
}
