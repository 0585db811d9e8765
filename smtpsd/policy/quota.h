/*
 * What each authenticated user has used: sessions at once, messages and
 * recipients per hour and per day.  The queue keeps the counts, so that they
 * outlive this process.  Pointers stay valid as long as they are held.
 */
#ifndef POLICY_QUOTA_H
#define POLICY_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/control_any.h"
#include "proto/parent_policy.h"
#include "proto/policy_queue.h"

struct quota;

/* One session more of this user; NULL: no memory. */
struct quota	*quota_hold(const char *user);
/* It ended.  has_seat: as quota_sit() said.  NULL is fine. */
void		 quota_drop(struct quota *, int has_seat);
/* 1: this session is one of the user's limit->user_sessions. */
int		 quota_sit(struct quota *, const struct parent_policy_conf *);

/*
 * Whether one more is within the limits at now_s (seconds since the epoch).
 * REPLY_NONE: yes; else the reply and its text.
 */
unsigned int	 quota_may_mail(struct quota *,
		    const struct parent_policy_conf *, uint64_t now_s,
		    char *text, size_t size);
unsigned int	 quota_may_rcpt(struct quota *,
		    const struct parent_policy_conf *, uint64_t now_s,
		    char *text, size_t size);
void		 quota_count(struct quota *, uint64_t now_s,
		    uint32_t messages, uint32_t recipients);

/* What the queue kept; of what both know the greater counts. */
void		 quota_restore(const struct user_usage *, uint64_t now_s);
/* Is anything not yet with the queue?  Give it: send returns -1 to stop. */
int		 quota_owes(void);
void		 quota_pay(size_t max, int (*send)(const struct user_usage *));
/* A new queue may know less than we do. */
void		 quota_owe_all(void);

/* Rows for smtpsctl; user "": all that have used something. */
void		 quota_show(const char *user,
		    const struct parent_policy_conf *, uint64_t now_s,
		    void (*row)(const struct limit_info *, void *), void *);

#endif
