/*
 * What the tests of the store put into it.  Owns no state.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "teststore.h"

struct store *
teststore_open(const char *file, uint64_t prealloc)
{
	struct store *s = store_open(file, prealloc);

	while (s != NULL && store_sweep(s) == 1)
		;
	return s;
}

void
teststore_syscall(const char *name, void *call)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	char large[16];
	const char *const names[] = { name, large };
	size_t i;

	(void)snprintf(large, sizeof(large), "%s64", name);
	for (i = 0; i < 2; i++)
		if (vfs->xGetSystemCall(vfs, names[i]) != NULL &&
		    vfs->xSetSystemCall(vfs, names[i],
		    (sqlite3_syscall_ptr)call) != SQLITE_OK)
			abort();
}

struct message *
teststore_message(uint64_t id, size_t size)
{
	struct message *m = message_new();

	m->id = id;
	m->size = size;
	m->created_s = NOW;
	m->body = malloc(size + 1);
	memset(m->body, 'x', size);
	strlcpy(m->sender, "a@example.org", sizeof(m->sender));
	return m;
}

int
teststore_add(struct store *s, struct message *m, unsigned int n)
{
	struct envelope *e = envelope_new();
	unsigned int i;
	int r;

	strlcpy(e->action, "out", sizeof(e->action));
	strlcpy(e->recipient, "b@example.net", sizeof(e->recipient));
	r = store_add_message(s, m);
	for (i = 1; r == 0 && i <= n; i++) {
		e->id = m->id << 10 | i;
		r = store_add_envelope(s, e, NOW + i);
	}
	envelope_free(e);
	return r;
}

int
teststore_put(struct store *s, uint64_t id, size_t size, unsigned int n)
{
	struct message *m = teststore_message(id, size);
	int r;

	if ((r = store_begin(s, 1)) == 0)
		r = teststore_add(s, m, n);
	if (r == 0)
		r = store_commit(s);
	if (r == -1)
		store_rollback(s);
	message_unref(m);
	return r;
}
