/*
 * The cache behind users_find(): 2048 sets of 8 names, so that a client
 * which tries names can only push out names of the same random set.  An
 * answer holds for a minute, "no" for ten seconds, because the next thing
 * after a refusal may be that the account is made or gets a home; that nobody
 * knows, for two: an outage may end, but each question in it may keep the
 * parent waiting.  A question without an answer is asked again after ten
 * seconds.
 */
#include <stdint.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/proc.h"
#include "hash.h"
#include "users.h"

#define SETS		2048	/* a power of two */
#define WAYS		8
#define YES_MS		60000
#define NO_MS		10000
#define LATER_MS	2000
#define ASK_MS		10000

enum user_state { USER_NONE, USER_ASKED, USER_KNOWN };

struct user {
	uint64_t	hash;
	uint64_t	until_ms;
	enum user_state	state;
	enum policy_user is;
	char		name[NAME_SIZE];
};

static struct user	cache[SETS][WAYS];
static size_t		count;

/* The entry of name, or the one to be replaced by it. */
static struct user *
find(const char *name, uint64_t hash)
{
	struct user	*set = cache[hash & (SETS - 1)], *worst = set;
	int		 i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].state != USER_NONE && set[i].hash == hash &&
		    strcmp(set[i].name, name) == 0)
			return &set[i];
		if (set[i].until_ms < worst->until_ms)
			worst = &set[i];
	}
	if (worst->state == USER_NONE)
		count++;
	memset(worst, 0, sizeof(*worst));
	worst->hash = hash;
	strlcpy(worst->name, name, sizeof(worst->name));
	return worst;
}

int
users_find(const char *name, void *arg)
{
	struct policy_parent_user	 ask;
	struct user			*u;

	(void)arg;
	u = find(name, hash_bytes(name, strlen(name)));
	if (u->state != USER_NONE && u->until_ms > proc_now_ms()) {
		if (u->state == USER_ASKED)
			return -1;
		return u->is;
	}
	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.name, name, sizeof(ask.name));
	link_send(proc_parent(), MSG_POLICY_PARENT_USER, &ask, sizeof(ask));
	u->state = USER_ASKED;
	u->until_ms = proc_now_ms() + ASK_MS;
	return -1;
}

void
users_answer(const char *name, enum policy_user is)
{
	struct user	*u = find(name, hash_bytes(name, strlen(name)));

	u->state = USER_KNOWN;
	u->is = is;
	u->until_ms = proc_now_ms() + (is == POLICY_USER_HOME ? YES_MS :
	    is == POLICY_USER_LATER ? LATER_MS : NO_MS);
}

size_t
users_count(void)
{
	return count;
}
