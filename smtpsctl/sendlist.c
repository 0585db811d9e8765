/*
 * Lists of addresses as many programs write them, made what RFC 5322 says:
 * an '@' in a name without quotes, names in bytes that are no UTF-8, ';'
 * between addresses.  An address itself is never touched.  Called for lists
 * that cannot be read as they are; what comes out is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"

#include "sendlist.h"

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
