/*
 * Logins are not lost because the chunks of a body are being stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"
#include "login.h"
#include "proto/parent_queue.h"
#include "store.h"

static void
login(uint64_t used_s)
{
	struct parent_queue_login m = { .used_s = used_s, .login = "alice" };
	struct link_in in;

	memset(&in, 0, sizeof(in));
	in.data = &m;
	in.size = sizeof(m);
	on_parent_login(NULL, &in);
}

static void
each(const struct login_info *info, void *arg)
{
	*(uint64_t *)arg = info->used_s;
}

static uint64_t
used(struct store *s)
{
	uint64_t used_s = 0;

	store_list_logins(s, "", 10, each, &used_s);
	return used_s;
}

int
main(void)
{
	char dir[] = "/tmp/smtpsd-login.XXXXXX", path[64], command[128];
	struct store *s;
	int i;

	log_init("login_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((s = store_open(path, 0)) == NULL)
		return 1;
	login_init(s);
	login(100);
	login_store();
	tap_ok(used(s) == 100, "stored");
	login(200);
	store_begin(s, 0);
	store_add_chunk(s, store_new_body_id(s), 0, "x", 1);
	login_store();
	tap_ok(!store_is_idle(s) && store_commit(s) == 0,
	    "the chunks are left alone");
	login_store();
	tap_ok(used(s) == 200, "stored behind them");
	store_begin(s, 0);
	for (i = 0; i < 3000; i++)
		login(300);
	store_rollback(s);
	login_store();
	tap_ok(used(s) == 300, "however many came meanwhile");
	store_close(s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "cleaned up");
	return tap_done();
}
