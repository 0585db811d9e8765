/*
 * Gathers a body that is needed whole before anything is done with it: an
 * mbox is locked as short as possible, a command gets its message as a file.
 * Called by delivery.c, which bounds how much is on its way at once.
 */
#include <stdlib.h>
#include <string.h>

#include "stage.h"

static int
put(struct stage *s, const char *data, size_t size)
{
	size_t room = s->room == 0 ? 8192 : s->room;
	char *grown;

	while (room - s->used < size) {
		if (room > (size_t)-1 / 2)
			return -1;
		room *= 2;
	}
	if (room != s->room) {
		if ((grown = realloc(s->data, room)) == NULL)
			return -1;
		s->data = grown;
		s->room = room;
	}
	memcpy(s->data + s->used, data, size);
	s->used += size;
	return 0;
}

int
stage_add(struct stage *s, const char *data, size_t size)
{
	const char *cr;
	size_t part;

	if (s->raw)
		return put(s, data, size);
	while (size > 0) {
		if (s->has_cr) {
			s->has_cr = 0;
			if (*data != '\n' && put(s, "\r", 1) == -1)
				return -1;
		}
		cr = memchr(data, '\r', size);
		part = cr == NULL ? size : (size_t)(cr - data);
		if (put(s, data, part) == -1)
			return -1;
		data += part;
		size -= part;
		if (cr != NULL) {
			s->has_cr = 1;
			data++;
			size--;
		}
	}
	return 0;
}

int
stage_end(struct stage *s)
{
	if (!s->has_cr)
		return 0;
	s->has_cr = 0;
	return put(s, "\r", 1);
}

void
stage_free(struct stage *s)
{
	free(s->data);
	memset(s, 0, sizeof(*s));
}
