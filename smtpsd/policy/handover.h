/*
 * What policy hands to the queue, and the way there.
 */
#ifndef POLICY_HANDOVER_H
#define POLICY_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/policy_queue.h"

void		handover_link(uint32_t peer_id, int fd);	/* takes fd */
/* Counts the links to a queue from 1; 0: there is none, or it is stuffed. */
uint32_t	handover_generation(void);
/* It has much to read already: only for recipients that are few. */
int		handover_is_busy(void);
/* envid, orcpt: as the client said, decoded; "": none. */
int		handover_open(const struct policy_queue_open *,
		    const char *envid);
int		handover_rcpt(const struct policy_queue_rcpt *,
		    const char *orcpt);
int		handover_owner(const struct policy_queue_owner *);
/* A ROUTED, ROUTED_OWNER or ROUTED_DONE. */
int		handover_answer(uint32_t type, const void *, size_t);
int		handover_usage(const struct user_usage *);
/*
 * What this generation was told of is void, also if it is stuffed now.  Is sent
 * within a second or two: the queue has its own ways to notice.
 */
void		handover_cancel(uint64_t session, uint32_t tx,
		    uint32_t told);
int		handover_owes(void);	/* cancels wait */
void		handover_pay(void);	/* send them */

#endif
