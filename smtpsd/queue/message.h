/*
 * A queued message and its envelopes as they are held in memory.  Included
 * by all of queue; a message is counted and freed with its last reference,
 * an envelope belongs to one transaction or one job.  A stored message is
 * here once for each sender that its envelopes have (owned.h).
 */
#ifndef QUEUE_MESSAGE_H
#define QUEUE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include "proto/net_policy.h"
#include "proto/policy_queue.h"
#include "proto/queue_agent.h"
#include "proto/sizes.h"

#define MESSAGE_ID_MAX		((UINT64_C(1) << 53) - 1)
#define MESSAGE_ENVELOPES_MAX	1023	/* n has 10 bits, from 1 */
#define MESSAGE_INLINE_MAX	65535	/* larger bodies are chunks */
#define MESSAGE_CHUNK_SIZE	65536	/* bytes of one chunk, at most */

struct message {
	uint64_t	 id;
	uint64_t	 created_s;	/* since the epoch */
	uint64_t	 size;		/* bytes of the body */
	uint64_t	 body_id;	/* of its chunks; 0: in the row */
	uint32_t	 flags;		/* MAIL_* */
	uint32_t	 refs;
	char		*body;		/* all of it, or NULL: read the store */
	int		 is_held;	/* body counts against the limit */
	int		 is_cut;	/* a notification has but so many */
	uint32_t	 npieces;	/* of the body: the next is damaged */
	char		 sender[MAILADDR_SIZE];
	char		 user[LOGIN_SIZE];
	struct bounce_route bounce;
	char		 envid[ENVID_MAX + 1];	/* RFC 3461 4.4, or "" */
};

/* Where an envelope leads to; onward lists are stored with its result. */
struct onward {
	TAILQ_ENTRY(onward)	 entry;
	struct message		*owner;	/* of a list, or NULL: as before */
	char			 action[NAME_SIZE];	/* "": ask policy */
	char			 user[NAME_SIZE];
	char			 recipient[MAILADDR_SIZE];
};
TAILQ_HEAD(onward_list, onward);

struct envelope {
	TAILQ_ENTRY(envelope)	 entry;
	RB_ENTRY(envelope)	 busy;
	uint64_t	 id;		/* message << 10 | n */
	uint32_t	 attempts;
	uint64_t	 next_s;	/* outcome deferred: the next attempt */
	uint32_t	 notify;	/* NOTIFY_* */
	char		*orcpt;		/* RFC 3461 4.2; NULL: none */
	uint8_t		 is_running;
	uint8_t		 outcome;	/* enum outcome, result.h */
	uint8_t		 is_damaged;	/* no attempt can succeed */
	uint8_t		 is_warned;	/* the sender knows of the delay */
	uint8_t		 report;	/* enum report, notify.h: of this turn */
	struct agent_queue_result *result;	/* of this attempt */
	struct message	*owner;		/* while it is received: the message as
					 * the owner of a list sends it; NULL */
	struct onward_list	 onward;	/* void unless the result is OK */
	uint32_t		 nonward;
	uint8_t			 is_short;	/* some had no room in memory */
	uint8_t			 is_unwanted;	/* some came after a reload that
						 * allows none */
	char			*via;		/* action "": users who sent it
					 * on, a line each, or NULL */
	char		 action[NAME_SIZE];	/* "": recipient is a target
					 * of user's ~/.forward */
	char		 user[NAME_SIZE];
	char		 recipient[MAILADDR_SIZE];
	char		 original[MAILADDR_SIZE];
};
TAILQ_HEAD(envelope_list, envelope);

struct message	*message_new(void);		/* one reference */
struct message	*message_ref(struct message *);
void		 message_unref(struct message *);	/* NULL is ok */
/* The same message of the same sender. */
int		 message_is_same(const struct message *,
		    const struct message *);
/* Keep the body in memory if the limit for all of them allows, else drop it. */
void		 message_hold_body(struct message *);
uint64_t	 message_held_bytes(void);
/* What the first sender wants to hear is not for the owner of a list. */
void		 message_forget_wishes(struct message *);
/* Microseconds since the epoch, growing with each call, from 1 to
 * MESSAGE_ID_MAX whatever the clock says. */
uint64_t	 message_id_now(void);
uint64_t	 message_id_after(uint64_t);	/* 1 behind the last */

/* One more, zeroed; NULL: no memory, or all envelopes have too many. */
struct onward	*onward_add(struct envelope *);
void		 onward_clear(struct envelope *);

struct envelope	*envelope_new(void);
/* As much of it as a report tells; NULL: no memory. */
struct envelope	*envelope_copy(const struct envelope *);
void		 envelope_free(struct envelope *);	/* NULL is ok */
void		 envelope_list_free(struct envelope_list *);
/*
 * Parameters of RFC 3461 from a message's tail, not terminated; -1: not what
 * may stand there, or no memory.  Nothing is kept of n = 0.
 */
int		 message_set_envid(struct message *, const char *, size_t n);
int		 envelope_set_orcpt(struct envelope *, const char *, size_t n);
/* Record how an attempt ended; remote may be "".  -1: no memory. */
int		 envelope_result(struct envelope *, uint32_t class,
		    const char *status, const char *remote, const char *text);

#endif
