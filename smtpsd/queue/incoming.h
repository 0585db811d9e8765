/*
 * Transactions that are being received: the body comes from net, sender and
 * recipients come from policy, and only when both agree is the message
 * ready to be stored.  One transaction per session; a newer one replaces an
 * older one.  No links here: peers.c calls in, answers go out by done().
 */
#ifndef QUEUE_INCOMING_H
#define QUEUE_INCOMING_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"
#include "proto/net_queue.h"
#include "proto/policy_queue.h"

struct store;

struct incoming_def {
	struct store	*store;
	/* The one answer to END: REPLY_QUEUED or a refusal. */
	void	(*done)(uint64_t session, uint32_t tx, uint64_t message,
		    uint32_t reply);
	/* A stored message with its envelopes; takes over both. */
	void	(*accepted)(struct message *, struct envelope_list *);
};

void	incoming_init(const struct incoming_def *);
void	incoming_limit(uint64_t message_max);	/* bytes of one message */
/* For tests: bytes of all bodies in memory before they go to the store. */
void	incoming_limit_memory(uint64_t bytes);
void	incoming_limit_open(unsigned int transactions, unsigned int recipients);

/* -1: the peer broke the rules, the reason in *why. */
int	incoming_body(const struct net_queue_body *, const void *data,
	    size_t size, const char **why);
int	incoming_end(const struct net_queue_end *, uint64_t now_ms,
	    const char **why);
/* By net or policy. */
void	incoming_abort(uint64_t session, uint32_t tx);
/* With their tails: ENVID, ORCPT. */
void	incoming_open(const struct policy_queue_open *, const char *envid,
	    size_t envid_size, uint64_t now_ms);
void	incoming_rcpt(const struct policy_queue_rcpt *, const char *orcpt,
	    size_t orcpt_size);
void	incoming_owner(const struct policy_queue_owner *);
/* A net process died: none of its sessions goes on. */
void	incoming_drop_peer(uint32_t peer_id);
/* Policy died: nobody will cancel what it only opened. */
void	incoming_drop_bodyless(void);
/* Refuse what waits too long for its recipients. */
void	incoming_expire(uint64_t now_ms);

/*
 * The turn: chunks first, then all that is ready in one transaction.  Only
 * between turns may a transaction be open for chunks: these and expire() end
 * their own.
 */
void	incoming_commit_chunks(void);
unsigned int incoming_ready(void);		/* how many */
uint64_t incoming_ready_bytes(void);	/* for them on disk, about */
int	incoming_store(uint64_t now_s);		/* inside store_begin() */
void	incoming_committed(void);		/* but not flushed yet */
void	incoming_stored(void);			/* answer and hand over */
/* Instead, after a rollback or a flush that failed; those ready as well. */
void	incoming_refuse(uint32_t reply);
/* What is received lost the chunks it has, or some of them: it is refused. */
void	incoming_lose_chunks(void);

unsigned int incoming_open_count(void);
uint64_t incoming_memory(void);			/* bytes of bodies */

#endif
