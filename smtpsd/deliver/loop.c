/*
 * Reads header lines as they stream by.  Called by delivery.c.  A longer
 * line than an address needs is cut, a folded Delivered-To is not ours
 * (maildir.c writes it in one line): neither matters.
 */
#include <string.h>
#include <strings.h>

#include "loop.h"

static const char name[] = "Delivered-To:";

static void
line_take(struct loop *l, void (*found)(void *, const char *), void *arg)
{
	const char *address;

	while (l->used > 0 && strchr(" \t\r", l->line[l->used - 1]) != NULL)
		l->used--;
	l->line[l->used] = '\0';
	if (l->used == 0)
		l->is_over = 1;
	else if (strncasecmp(l->line, name, sizeof(name) - 1) == 0) {
		address = l->line + sizeof(name) - 1;
		found(arg, address + strspn(address, " \t"));
	}
	l->used = 0;
}

void
loop_feed(struct loop *l, const char *data, size_t size,
    void (*found)(void *, const char *), void *arg)
{
	const char *lf;
	size_t n, room;

	while (size > 0 && !l->is_over) {
		lf = memchr(data, '\n', size);
		n = lf == NULL ? size : (size_t)(lf - data);
		room = sizeof(l->line) - 1 - l->used;
		memcpy(l->line + l->used, data, n < room ? n : room);
		l->used += n < room ? n : room;
		if (lf == NULL)
			return;
		line_take(l, found, arg);
		data += n + 1;
		size -= n + 1;
	}
}
