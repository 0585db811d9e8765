/*
 * Who is told what (RFC 3461): the decision, without the text and without
 * the store.  Pure.
 */
#ifndef QUEUE_NOTIFY_H
#define QUEUE_NOTIFY_H

#include <stdint.h>

#include "message.h"

enum outcome { OUTCOME_DELIVERED = 1, OUTCOME_DEFERRED, OUTCOME_BOUNCED,
	OUTCOME_QUARANTINED, OUTCOME_AGAIN, OUTCOME_WAITING };

enum report {
	REPORT_NONE, REPORT_FAILED, REPORT_DELAYED, REPORT_DELIVERED,
	REPORT_RELAYED
};

/*
 * What a sender wants to hear of this attempt, by the envelope's outcome,
 * result and NOTIFY.  age_s is the age of the message; a delay is reported
 * once, after delay_warning_s (0: never).
 */
enum report	notify_report(const struct envelope *, uint64_t age_s,
		    uint32_t delay_warning_s);

/* What has become of one that waits for its turn, not for a pause to end. */
enum late { LATE_NOT, LATE_WARN, LATE_EXPIRED };
enum late	notify_late(const struct envelope *, uint64_t age_s,
		    uint32_t expire_s, uint32_t delay_warning_s);

#endif
