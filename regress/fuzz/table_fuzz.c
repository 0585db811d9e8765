/*
 * Tables: no crash, and every item that the table gives back is found again.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/table.h"

struct seen {
	const struct table	*table;
	size_t			 n;
};

static void
check_item(const char *key, const char *value, void *arg)
{
	struct seen *seen = arg;
	const char *got = table_get(seen->table, key);

	MUST(got != NULL && strcmp(got, value) == 0);
	MUST(strchr(key, '\n') == NULL && strchr(value, '\n') == NULL);
	(void)table_has_domain(seen->table, key);
	(void)table_has_address(seen->table, key);
	(void)table_has_net(seen->table, key);
	seen->n++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = { NULL, 0 };
	struct table *t;
	char err[128] = "";

	t = table_parse((const char *)data, size, err, sizeof(err));
	if (t == NULL) {
		MUST(err[0] != '\0');
		return 0;
	}
	seen.table = t;
	table_each(t, check_item, &seen);
	MUST(seen.n == table_size(t));
	(void)table_has_net(t, "192.0.2.1");
	(void)table_has_net(t, "2001:db8::1");
	(void)table_has_address(t, "a+b@c.example");
	(void)table_has_domain(t, "a.b.c.example");
	table_free(t);
	return 0;
}
