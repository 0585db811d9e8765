/*
 * Makes notifications of results that are being stored, one for each message
 * whatever number of its recipients ended in this turn.  For result.c only.
 */
#ifndef QUEUE_REPORT_H
#define QUEUE_REPORT_H

#include <stdint.h>

#include "job.h"

struct store;

/*
 * In the store's transaction, before messages are removed: a notification of
 * all reports of this job's message in this job and those behind it, which
 * are marked.  It hangs on the job, which has none if the sender cannot be
 * told.  -1: roll back.
 */
int	report_store(struct store *, struct job *, uint64_t now_s);
int	report_is_wanted(const struct job *);	/* any of its envelopes */

#endif
