/*
 * Every outcome against every wish.
 */
#include "base/tap.h"
#include "notify.h"

#define HOUR	3600

static const struct {
	const char	*name;
	uint8_t		 outcome;
	uint32_t	 class, notify;
	uint8_t		 is_warned;
	uint64_t	 age_s;
	uint32_t	 delay_warning_s;
	enum report	 want;
} tests[] = {
	{ "failed, no wish", OUTCOME_BOUNCED, AGENT_PERMFAIL, 0, 0, 0, HOUR,
	    REPORT_FAILED },
	{ "expired, no wish", OUTCOME_BOUNCED, AGENT_TEMPFAIL, 0, 1, HOUR,
	    HOUR, REPORT_FAILED },
	{ "failed, NEVER", OUTCOME_BOUNCED, AGENT_PERMFAIL, NOTIFY_NEVER, 0, 0,
	    HOUR, REPORT_NONE },
	{ "failed, SUCCESS", OUTCOME_BOUNCED, AGENT_PERMFAIL, NOTIFY_SUCCESS,
	    0, 0, HOUR, REPORT_NONE },
	{ "failed, DELAY", OUTCOME_BOUNCED, AGENT_PERMFAIL, NOTIFY_DELAY, 0, 0,
	    HOUR, REPORT_NONE },
	{ "failed, SUCCESS,FAILURE", OUTCOME_BOUNCED, AGENT_PERMFAIL,
	    NOTIFY_SUCCESS | NOTIFY_FAILURE, 0, 0, HOUR, REPORT_FAILED },
	{ "delivered, no wish", OUTCOME_DELIVERED, AGENT_OK, 0, 0, 0, HOUR,
	    REPORT_NONE },
	{ "delivered, SUCCESS", OUTCOME_DELIVERED, AGENT_OK, NOTIFY_SUCCESS, 0,
	    0, HOUR, REPORT_DELIVERED },
	{ "delivered, NEVER", OUTCOME_DELIVERED, AGENT_OK, NOTIFY_NEVER, 0, 0,
	    HOUR, REPORT_NONE },
	{ "NEVER beside SUCCESS", OUTCOME_DELIVERED, AGENT_OK,
	    NOTIFY_NEVER | NOTIFY_SUCCESS, 0, 0, HOUR, REPORT_NONE },
	{ "relayed, no wish", OUTCOME_DELIVERED, AGENT_RELAYED, 0, 0, 0, HOUR,
	    REPORT_NONE },
	{ "relayed, SUCCESS", OUTCOME_DELIVERED, AGENT_RELAYED, NOTIFY_SUCCESS,
	    0, 0, HOUR, REPORT_RELAYED },
	{ "relayed with its wish", OUTCOME_DELIVERED, AGENT_RELAYED_DSN,
	    NOTIFY_SUCCESS, 0, 0, HOUR, REPORT_NONE },
	{ "forwarded, SUCCESS", OUTCOME_DELIVERED, AGENT_FORWARDED,
	    NOTIFY_SUCCESS, 0, 0, HOUR, REPORT_NONE },
	{ "deferred, young", OUTCOME_DEFERRED, AGENT_TEMPFAIL, 0, 0, HOUR - 1,
	    HOUR, REPORT_NONE },
	{ "deferred, old", OUTCOME_DEFERRED, AGENT_TEMPFAIL, 0, 0, HOUR, HOUR,
	    REPORT_DELAYED },
	{ "deferred, told already", OUTCOME_DEFERRED, AGENT_TEMPFAIL, 0, 1,
	    2 * HOUR, HOUR, REPORT_NONE },
	{ "deferred, switched off", OUTCOME_DEFERRED, AGENT_TEMPFAIL,
	    NOTIFY_DELAY, 0, 2 * HOUR, 0, REPORT_NONE },
	{ "deferred, DELAY", OUTCOME_DEFERRED, AGENT_TEMPFAIL, NOTIFY_DELAY, 0,
	    HOUR, HOUR, REPORT_DELAYED },
	{ "deferred, FAILURE", OUTCOME_DEFERRED, AGENT_TEMPFAIL,
	    NOTIFY_FAILURE, 0, HOUR, HOUR, REPORT_NONE },
	{ "deferred, NEVER", OUTCOME_DEFERRED, AGENT_TEMPFAIL, NOTIFY_NEVER, 0,
	    HOUR, HOUR, REPORT_NONE },
};

/* What waits: age, warned already, NOTIFY. */
static void
check_late(void)
{
	static const struct {
		uint64_t	 age_s;
		uint8_t		 is_warned;
		uint32_t	 notify, delay_warning_s;
		enum late	 want;
	} late[] = {
		{ HOUR - 1, 0, 0, HOUR, LATE_NOT },
		{ HOUR, 0, 0, HOUR, LATE_WARN },
		{ HOUR, 1, 0, HOUR, LATE_NOT },
		{ HOUR, 0, 0, 0, LATE_NOT },
		{ HOUR, 0, NOTIFY_FAILURE, HOUR, LATE_NOT },
		{ HOUR, 0, NOTIFY_NEVER, HOUR, LATE_NOT },
		{ 5 * HOUR, 1, NOTIFY_NEVER, HOUR, LATE_EXPIRED },
	};
	struct envelope *e = envelope_new();
	size_t i;

	for (i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		e->is_warned = late[i].is_warned;
		e->notify = late[i].notify;
		tap_ok(notify_late(e, late[i].age_s, 5 * HOUR,
		    late[i].delay_warning_s) == late[i].want, "late %zu", i);
		e->outcome = OUTCOME_WAITING;
		if (late[i].want != LATE_EXPIRED)
			tap_ok((notify_report(e, late[i].age_s,
			    late[i].delay_warning_s) == REPORT_DELAYED) ==
			    (late[i].want == LATE_WARN), "told %zu", i);
	}
	envelope_free(e);
}

int
main(void)
{
	struct envelope *e;
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		e = envelope_new();
		envelope_result(e, tests[i].class, "", "", "");
		e->outcome = tests[i].outcome;
		e->notify = tests[i].notify;
		e->is_warned = tests[i].is_warned;
		tap_ok(notify_report(e, tests[i].age_s,
		    tests[i].delay_warning_s) == tests[i].want, "%s",
		    tests[i].name);
		envelope_free(e);
	}
	check_late();
	return tap_done();
}
