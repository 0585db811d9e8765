/*
 * Splits the envelopes of a stored message by their senders.  Called by
 * incoming.c only; owns no state.
 */
#include <string.h>

#include "owned.h"

int
owned_set(struct message **owner, const struct policy_queue_owner *o)
{
	message_unref(*owner);
	*owner = NULL;
	if (o->sender[0] == '\0')
		return 0;
	if ((*owner = message_new()) == NULL)
		return -1;
	strlcpy((*owner)->sender, o->sender, sizeof((*owner)->sender));
	(*owner)->bounce = o->bounce;
	return 0;
}

static void
copy_message(struct message *m, const struct message *of)
{
	m->id = of->id;
	m->created_s = of->created_s;
	m->size = of->size;
	m->body_id = of->body_id;
	m->flags = of->flags;
	strlcpy(m->user, of->user, sizeof(m->user));
	message_forget_wishes(m);
}

struct message *
owned_take(struct message *m, struct envelope_list *from,
    struct envelope_list *to)
{
	struct envelope *e = TAILQ_FIRST(from), *next;
	struct message *owner;

	if (e == NULL)
		return NULL;
	if ((owner = e->owner) != NULL)
		message_ref(owner);
	TAILQ_FOREACH_SAFE(e, from, entry, next) {
		if (e->owner != owner)
			continue;
		TAILQ_REMOVE(from, e, entry);
		TAILQ_INSERT_TAIL(to, e, entry);
		message_unref(e->owner);
		e->owner = NULL;
	}
	if (owner == NULL)
		return message_ref(m);
	copy_message(owner, m);
	return owner;
}
