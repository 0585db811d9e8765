/*
 * The reply parser.  Called by client.c with whatever bytes arrived; keeps
 * one unfinished line.  Bounded in line length, number of lines and kept
 * text, so a server that talks for ever costs nothing.
 */
#include <ctype.h>
#include <string.h>

#include "reply.h"

void
reply_reset(struct smtp_reply *r)
{
	r->code = 0;
	r->enhanced[0] = r->text[0] = '\0';
	r->text_used = r->line_used = 0;
	r->nlines = 0;
}

/* "5.7.1 text": copies the code if its class is that of the reply. */
static const char *
enhanced_take(struct smtp_reply *r, const char *s)
{
	size_t i = 0, n, dots = 0;

	if (s[0] != (char)('0' + r->code / 100) || s[1] != '.')
		return s;
	while (s[i] != '\0' && s[i] != ' ') {
		n = strspn(s + i, "0123456789");
		if (n == 0 || n > 3)
			return s;
		i += n;
		if (s[i] == '.') {
			dots++;
			i++;
		}
	}
	if (dots != 2 || s[i - 1] == '.' || i >= sizeof(r->enhanced))
		return s;
	if (r->enhanced[0] == '\0') {
		memcpy(r->enhanced, s, i);
		r->enhanced[i] = '\0';
	}
	return s[i] == ' ' ? s + i + 1 : s + i;
}

static void
text_add(struct smtp_reply *r, const char *s)
{
	if (r->text_used > 0 && r->text_used < sizeof(r->text) - 1)
		r->text[r->text_used++] = ' ';
	for (; *s != '\0' && r->text_used < sizeof(r->text) - 1; s++)
		r->text[r->text_used++] = (unsigned char)*s < 0x20 ||
		    (unsigned char)*s > 0x7e ? '?' : *s;
	r->text[r->text_used] = '\0';
}

/* 1: that was the last line. */
static int
line_take(struct smtp_reply *r, void (*each_line)(void *, const char *),
    void *arg, const char **why)
{
	char *line = r->line;
	int i, code = 0, last;

	for (i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)line[i])) {
			*why = "reply without a code";
			return -1;
		}
		code = code * 10 + (line[i] - '0');
	}
	if (code < 200 || code > 599 || (line[3] != ' ' && line[3] != '-' &&
	    line[3] != '\0')) {
		*why = "bad reply code";
		return -1;
	}
	if (r->nlines > 0 && code != r->code) {
		*why = "reply changes its code";
		return -1;
	}
	if (++r->nlines > REPLY_LINES_MAX) {
		*why = "reply of too many lines";
		return -1;
	}
	r->code = code;
	last = line[3] != '-';
	line += line[3] == '\0' ? 3 : 4;
	if (each_line != NULL)
		each_line(arg, line);
	text_add(r, enhanced_take(r, line));
	return last;
}

int
reply_feed(struct smtp_reply *r, const char *data, size_t size, size_t *used,
    void (*each_line)(void *, const char *), void *arg, const char **why)
{
	const char *end;
	size_t part;
	int done;

	*used = 0;
	while (*used < size) {
		end = memchr(data + *used, '\n', size - *used);
		part = (end == NULL ? size : (size_t)(end - data) + 1) - *used;
		if (r->line_used + part > REPLY_LINE_MAX) {
			*why = "reply line too long";
			return -1;
		}
		memcpy(r->line + r->line_used, data + *used, part);
		r->line_used += part;
		*used += part;
		if (end == NULL)
			break;
		part = r->line_used - 1;
		if (part > 0 && r->line[part - 1] == '\r')
			part--;
		r->line[part] = '\0';
		r->line_used = 0;
		if (strlen(r->line) != part) {
			*why = "reply with a NUL";
			return -1;
		}
		if ((done = line_take(r, each_line, arg, why)) != 0)
			return done;
	}
	return 0;
}
