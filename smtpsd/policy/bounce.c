/*
 * Finds the way of a bounce by the rules and aliases.  Called by recipient.c
 * and route.c before anything is handed over.  No state.
 */
#include <string.h>

#include "alias.h"
#include "bounce.h"
#include "conf.h"

enum reply_id
bounce_find(struct alias_expansion *x, const char *sender,
    struct bounce_route *out)
{
	const struct alias_result	*r;
	enum reply_id			 reply;
	size_t				 i;

	memset(out, 0, sizeof(*out));
	if (sender[0] == '\0')
		return REPLY_OK;
	x->request.sender = "";
	x->request.tag = "";
	x->request.is_own = 1;
	x->is_bounce = 1;
	reply = alias_expand(x, sender);
	if (reply == REPLY_NONE || x->is_unsure)
		return reply;
	if (reply != REPLY_OK || x->nresults == 0)
		return REPLY_OK;
	for (i = 0; i < x->nresults - 1; i++)
		if (x->results[i].action->is.is_local)
			break;
	r = &x->results[x->results[i].action->is.is_local ? i : 0];
	strlcpy(out->action, r->action->is.name, sizeof(out->action));
	strlcpy(out->user, r->user, sizeof(out->user));
	strlcpy(out->recipient, r->recipient, sizeof(out->recipient));
	return REPLY_OK;
}
