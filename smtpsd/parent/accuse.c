/*
 * Children that accuse each other.
 *
 * Called through rules.c.  State: the budget and the mark of a process that
 * dies, both in its slot.  An accusation names a process, not a slot: one
 * that is gone, that dies already or that never had a link with the accuser
 * is nobody, and costs nothing.  Whoever is killed by a verdict is logged;
 * each process is that once, so the back-off of restarts bounds the lines.
 */
#include <signal.h>

#include "accuse.h"
#include "base/link.h"
#include "base/log.h"
#include "child_impl.h"
#include "kinds.h"
#include "parent.h"

/*
 * The less of the outside it takes in, the more.  A resolver reads what any
 * name server says and control what any local user does: that is less than
 * net and relay do, but too much to have them killed without end.
 */
enum rank { OUTSIDE, BETWEEN, INSIDE };

static enum rank
rank(enum proc_kind kind)
{
	switch (kind) {
	case PROC_POLICY:
	case PROC_QUEUE:
		return INSIDE;
	case PROC_CONTROL:
	case PROC_RESOLVER:
		return BETWEEN;
	default:
		return OUTSIDE;
	}
}

enum accuse_verdict
accuse_judge(enum proc_kind by, enum proc_kind of, struct bucket *budget,
    uint64_t now_ms)
{
	if (!kinds_are_paired(by, of))
		return ACCUSE_NOBODY;
	if ((rank(by) == INSIDE && rank(of) < INSIDE) ||
	    bucket_take(budget, ACCUSE_RATE, ACCUSE_BURST, now_ms))
		return ACCUSE_ACCUSED;
	return rank(by) > rank(of) ? ACCUSE_BOTH : ACCUSE_ACCUSER;
}

/* A process that can have broken a rule of another child; NULL: none. */
static struct child *
find_accused(uint32_t proc_id)
{
	struct child	*c;
	int		 k, i;

	for (k = 0; k < KINDS_MAX; k++)
		for (i = 0; i < KINDS_INSTANCES_MAX; i++)
			if ((c = child_at(k, i)) != NULL && c->id == proc_id &&
			    c->pid != 0 && c->ready && c->link != NULL &&
			    !c->is_condemned)
				return c;
	return NULL;
}

static void
condemn(struct child *c)
{
	c->is_condemned = 1;
	kill(c->pid, SIGKILL);
}

void
on_child_broke(struct link *link, struct link_in *in)
{
	const struct any_parent_broke	*m = in->data;
	struct child			*by = link_arg(link);
	struct child			*of = find_accused(m->peer_id);
	uint64_t			 now_ms = parent_now_ms();
	enum accuse_verdict		 verdict = ACCUSE_NOBODY;

	/* What was on its way when it was condemned. */
	if (by->is_condemned)
		return;
	if (of != NULL && of != by)
		verdict = accuse_judge(by->kind, of->kind, &by->accuse_bucket,
		    now_ms);
	switch (verdict) {
	case ACCUSE_ACCUSED:
		log_warnx("%s broke the rules: so says %s", of->name, by->name);
		condemn(of);
		break;
	case ACCUSE_ACCUSER:
		log_warnx("%s accused others too often, now %s: it is killed "
		    "itself", by->name, of->name);
		condemn(by);
		break;
	case ACCUSE_BOTH:
		log_warnx("%s accused others too often, now %s: both are "
		    "killed", by->name, of->name);
		condemn(by);
		condemn(of);
		break;
	case ACCUSE_NOBODY:
		if (bucket_log_due(&by->accuse_bucket, now_ms))
			log_debug("%s accuses %u, which has no link with it",
			    by->name, m->peer_id);
	}
}
