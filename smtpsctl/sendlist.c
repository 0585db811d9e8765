/*
 * Lists of addresses as many programs write them, made what RFC 5322 says:
 * an '@' in a name without quotes, names in bytes that are no UTF-8, ';'
 * between addresses; and names in UTF-8 as RFC 2047 has them.  An address
 * itself is never touched.  What comes out is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "mail/base64.h"

#include "sendlist.h"

#define NAME_BYTES	200
#define WORD_BYTES	45	/* RFC 2047 2: of a word with its frame 75 */
#define WORD_ROOM	80

/* One element of a list: all up to the separator, which is at end. */
struct element {
	const char	*p;
	const char	*end;
	const char	*angle;		/* '<' outside of quotes; NULL */
	int		 has_at;	/* before it, outside of quotes */
	int		 is_odd;	/* of a group, or two '<' */
};

/* Behind a quoted string or a comment that begins at p. */
static const char *
skip_quoted(const char *p, const char *end)
{
	char open = *p, close = open == '(' ? ')' : '"';
	int depth = 1;

	for (p++; p < end && depth > 0; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == close)
			depth--;
		else if (*p == open)
			depth++;
	}
	return p;
}

static void
element_find(struct element *e, const char *p, const char *end)
{
	memset(e, 0, sizeof(*e));
	for (e->p = p; p < end; p++) {
		if (*p == '"' || *p == '(') {
			p = skip_quoted(p, end) - 1;
		} else if (*p == '<') {
			e->is_odd |= e->angle != NULL;
			e->angle = p;
			while (p < end && *p != '>')
				p++;
			if (p == end)
				break;
		} else if (*p == ',' || *p == ';') {
			break;
		} else if (*p == ':') {
			e->is_odd = 1;
		} else if (*p == '@' && e->angle == NULL) {
			e->has_at = 1;
		}
	}
	e->end = p;
}

/* Bytes beyond ASCII that no reader would understand are question marks. */
static char *
copy_text(char *out, const char *p, const char *end, int is_quoted)
{
	char sequence[5];
	size_t n;

	for (; p < end; p += n) {
		n = 1;
		if ((unsigned char)*p >= 0x80) {
			memset(sequence, 0, sizeof(sequence));
			memcpy(sequence, p, end - p < 4 ? (size_t)(end - p) :
			    4);
			if ((n = address_utf8_size(sequence)) == 0) {
				n = 1;
				*out++ = '?';
				continue;
			}
		} else if (is_quoted && (*p == '"' || *p == '\\'))
			*out++ = '\\';
		memcpy(out, p, n);
		out += n;
	}
	return out;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A name before '<'; quoted, if it has an '@'. */
static char *
copy_name(char *out, const struct element *e)
{
	const char *p = e->p, *end = e->angle;

	if (!e->has_at)
		return copy_text(out, p, end, 0);
	while (p < end && is_blank(*p))
		*out++ = *p++;
	while (end > p && is_blank(end[-1]))
		end--;
	*out++ = '"';
	out = copy_text(out, p, end, 1);
	*out++ = '"';
	*out++ = ' ';
	return out;
}

/* An address, and perhaps comments, which are text. */
static char *
copy_address(char *out, const char *p, const char *end)
{
	const char *next;

	for (; p < end; p = next) {
		next = *p == '(' ? skip_quoted(p, end) : p + 1;
		if (*p == '(')
			out = copy_text(out, p, next, 0);
		else
			*out++ = *p;
	}
	return out;
}

char *
list_repair(const char *in, size_t size, size_t *outsize)
{
	const char *end = in + size, *p;
	struct element e;
	char *text, *out;

	/* A group has a ';' of its own; of two addresses none is a name. */
	for (p = in; p < end; p = e.end + 1) {
		element_find(&e, p, end);
		if (e.is_odd)
			return NULL;
	}
	if ((text = out = malloc(2 * size + 8)) == NULL)
		return NULL;
	/* At most two bytes for each and three for a name, which has an '@',
	 * a '<' and what closes it. */
	for (p = in; p < end; p = e.end + 1) {
		element_find(&e, p, end);
		if (e.angle != NULL)
			out = copy_name(out, &e);
		out = copy_address(out, e.angle != NULL ? e.angle : e.p,
		    e.end);
		if (e.end < end)
			*out++ = ',';
	}
	*outsize = (size_t)(out - text);
	return text;
}

/* What a name says, without quotes and folds.  -1: too long, or not simple. */
static int
name_text(const struct element *e, char text[NAME_BYTES], size_t *size)
{
	const char *p = e->p, *end = e->angle;
	int is_quoted;
	size_t n = 0;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	is_quoted = p < end && *p == '"' && skip_quoted(p, end) == end;
	if (is_quoted) {
		p++;
		end--;
	}
	for (; p < end; p++) {
		if (*p == '\r' || *p == '\n')
			continue;
		if (is_quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (!is_quoted && strchr("\"\\()", *p) != NULL)
			return -1;
		if (n == NAME_BYTES)
			return -1;
		text[n++] = *p;
	}
	*size = n;
	return 0;
}

/* As encoded words, no character in two of them; NULL: it cannot be. */
static char *
copy_encoded(char *out, const struct element *e)
{
	char text[NAME_BYTES];
	const char *p;
	size_t left, n;
	int size;

	if (name_text(e, text, &left) == -1)
		return NULL;
	for (p = e->p; p < e->angle && is_blank(*p); p++)
		*out++ = *p;
	for (p = text; left > 0; p += n, left -= n) {
		for (n = left < WORD_BYTES ? left : WORD_BYTES; n < left &&
		    n > WORD_BYTES - 3 && ((unsigned char)p[n] & 0xc0) == 0x80;
		    n--)
			;
		memcpy(out, "=?UTF-8?B?", 10);
		out += 10;
		if ((size = base64_encode(p, n, out, WORD_ROOM)) == -1)
			return NULL;
		out += size;
		memcpy(out, "?= ", 3);
		out += 3;
	}
	return out;
}

static int
is_wide(const char *p, const char *end)
{
	for (; p < end; p++)
		if ((unsigned char)*p >= 0x80)
			return 1;
	return 0;
}

char *
list_encode(const char *in, size_t size, size_t *outsize)
{
	const char *end = in + size, *p;
	struct element e;
	char *text, *out, *next;

	/* A name is two bytes and a '<' or more; its words have 14 more, for
	 * each 42 bytes of it, and a third. */
	if ((text = out = malloc(8 * size + WORD_ROOM)) == NULL)
		return NULL;
	for (p = in; p < end; p = e.end + 1) {
		element_find(&e, p, end);
		if (e.is_odd)
			break;
		if (e.angle != NULL && is_wide(e.p, e.angle)) {
			if ((next = copy_encoded(out, &e)) == NULL)
				break;
			out = next;
			p = e.angle;
		}
		memcpy(out, p, (size_t)(e.end - p));
		out += e.end - p;
		if (e.end < end)
			*out++ = *e.end;
	}
	if (p < end || is_wide(text, out)) {
		free(text);
		return NULL;
	}
	*outsize = (size_t)(out - text);
	return text;
}
