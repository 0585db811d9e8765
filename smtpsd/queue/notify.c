/*
 * The wishes of RFC 3461 4.1.  Called by result.c for each envelope whose
 * attempt ended.  A message without NOTIFY is treated as most senders
 * expect: failure and delay are told, success is not.
 */
#include "notify.h"

static enum report
report_of_success(const struct envelope *e)
{
	/* a host that knows NOTIFY does the rest itself: RFC 3461 5.2.2 */
	if (!(e->notify & NOTIFY_SUCCESS) || e->result == NULL)
		return REPORT_NONE;
	switch (e->result->class) {
	case AGENT_OK:
		return REPORT_DELIVERED;
	case AGENT_RELAYED:
		return REPORT_RELAYED;
	default:	/* forwarded: those whom it went to are told of */
		return REPORT_NONE;
	}
}

/* A message without NOTIFY wants to be told of failure and delay. */
static uint32_t
wish_of(const struct envelope *e)
{
	return e->notify == 0 ? NOTIFY_FAILURE | NOTIFY_DELAY : e->notify;
}

static int
wants_warning(const struct envelope *e, uint64_t age_s,
    uint32_t delay_warning_s)
{
	return (wish_of(e) & (NOTIFY_DELAY | NOTIFY_NEVER)) == NOTIFY_DELAY &&
	    !e->is_warned && delay_warning_s != 0 && age_s >= delay_warning_s;
}

enum late
notify_late(const struct envelope *e, uint64_t age_s, uint32_t expire_s,
    uint32_t delay_warning_s)
{
	if (age_s >= expire_s)
		return LATE_EXPIRED;
	return wants_warning(e, age_s, delay_warning_s) ? LATE_WARN : LATE_NOT;
}

enum report
notify_report(const struct envelope *e, uint64_t age_s,
    uint32_t delay_warning_s)
{
	uint32_t wish = wish_of(e);

	if (wish & NOTIFY_NEVER)
		return REPORT_NONE;
	switch (e->outcome) {
	case OUTCOME_DELIVERED:
		return report_of_success(e);
	case OUTCOME_BOUNCED:
		return wish & NOTIFY_FAILURE ? REPORT_FAILED : REPORT_NONE;
	case OUTCOME_DEFERRED:
	case OUTCOME_WAITING:
		return wants_warning(e, age_s, delay_warning_s) ?
		    REPORT_DELAYED : REPORT_NONE;
	default:
		return REPORT_NONE;
	}
}
