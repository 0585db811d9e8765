/*
 * Other forms of what stands in a table, made once when it is read: of keys,
 * to be found by either, of values, to be compared in one.  What the forms are
 * the caller knows.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/table_impl.h"

int
table_add_forms(struct table *t,
    int (*form)(const char *key, char *out, size_t outsize),
    const char **unused)
{
	char out[512], *p;
	size_t i, n = t->nitems, size = 0;
	int r;

	*unused = NULL;
	if (t->forms != NULL)
		return 0;
	for (i = 0; i < n; i++) {
		if ((r = form(t->items[i].key, out, sizeof(out))) == 0)
			size += strlen(out) + 1;
		else if (r != -1)
			return -1;
	}
	if (size == 0)
		return 0;
	if ((p = t->forms = malloc(size)) == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		r = form(t->items[i].key, out, sizeof(out));
		if (r != 0 && r != -1)
			return -1;
		if (r == -1 || strlen(out) >= (size_t)(t->forms + size - p))
			continue;
		memcpy(p, out, strlen(out) + 1);
		if ((r = table_add_item(t, p, t->items[i].value)) == -1)
			return -1;
		if (r == 1 && *unused == NULL)
			*unused = t->items[i].key;
		p += strlen(out) + 1;
	}
	return 0;
}

int
table_change_values(struct table *t,
    int (*form)(const char *value, char **out))
{
	char **more, *out;
	size_t i;
	int r;

	for (i = 0; i < t->nitems; i++) {
		if ((r = form(t->items[i].value, &out)) == -1)
			continue;
		if (r != 0)
			return -1;
		/* Doubled at powers of two. */
		if ((t->nvalues & (t->nvalues - 1)) == 0) {
			more = reallocarray(t->values, t->nvalues == 0 ? 1 :
			    t->nvalues * 2, sizeof(*more));
			if (more == NULL) {
				free(out);
				return -1;
			}
			t->values = more;
		}
		t->values[t->nvalues++] = out;
		t->items[i].value = out;
	}
	return 0;
}
