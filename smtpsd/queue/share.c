/*
 * The shares of the net processes: one for each that has a transaction open.
 * There are few, so a list will do.  incoming.c is the only caller.
 */
#include <stdlib.h>

#include "share.h"

static TAILQ_HEAD(, share) shares = TAILQ_HEAD_INITIALIZER(shares);

struct share *
share_take(uint32_t peer_id, unsigned int max)
{
	struct share *s;

	TAILQ_FOREACH(s, &shares, entry)
		if (s->peer_id == peer_id)
			break;
	if (s == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return NULL;
		s->peer_id = peer_id;
		TAILQ_INSERT_HEAD(&shares, s, entry);
	}
	if (s->ntx >= max)
		return NULL;
	s->ntx++;
	return s;
}

void
share_drop(struct share *s)
{
	if (--s->ntx > 0)
		return;
	TAILQ_REMOVE(&shares, s, entry);
	free(s);
}
