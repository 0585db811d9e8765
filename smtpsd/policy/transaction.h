/*
 * A transaction: what MAIL said, and what became of its recipients so far.
 * session.c makes it, recipient.c fills it, session.c ends it.
 */
#ifndef POLICY_TRANSACTION_H
#define POLICY_TRANSACTION_H

#include <sys/queue.h>

#include <stdint.h>

#include "proto/net_policy.h"
#include "book.h"

struct parked;

struct transaction {
	TAILQ_HEAD(, parked)	 parked;	/* RCPTs that wait for a user */
	uint64_t		 message;
	uint64_t		*seen;		/* hashes of what was handed over */
	uint32_t		 nseen, seen_room;
	uint32_t		 tx;
	uint32_t		 listener;
	uint32_t		 flags;
	int			 may_notify;	/* RFC 3461 was offered */
	uint32_t		 n_next;	/* least n of the next RCPT */
	uint32_t		 ncommands;	/* RCPTs accepted or parked */
	uint32_t		 work;		/* addresses looked at for it */
	uint32_t		 opened;	/* generation of the queue, or 0 */
	char			 address[IPADDR_SIZE];
	const char		*envid;		/* behind sender; "": none */
	char			 sender[];
};

/* A RCPT: what net said, checked, and its ORCPT, "" for none. */
struct recipient {
	struct net_policy_rcpt	 rcpt;
	char			 orcpt[ORCPT_MAX + 1];
};

struct policy_counts {
	uint64_t	mail_ok, mail_refused, rcpt_ok, rcpt_refused, handed;
	uint64_t	parked;		/* now */
};

struct policy_counts	*policy_counts(void);

/* Log a refusal; to NULL: of the MAIL itself. */
void	transaction_log_refusal(const struct session *, const char *address,
	    const char *from, const char *to, unsigned int reply);
/* Answers at once, or parks it and answers when the user is known. */
void	recipient_add(struct session *, const struct recipient *);
/* The parent answered for this name. */
void	recipient_retry(const char *name);
/* Refuse those that have waited too long. */
void	recipient_expire(void);
/* Answer those that are parked: the transaction ends, the session goes on. */
void	recipient_release(struct session *);
/* The transaction ends: forget what is parked and remembered. */
void	recipient_forget(struct session *);

#endif
