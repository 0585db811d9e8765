/*
 * One transaction that is being received and its body, for incoming*.c only.
 * incoming.c has the table, the recipients and the states; incoming_tx.c has
 * the body: in memory up to MESSAGE_CHUNK_SIZE, then as chunks in the store.
 */
#ifndef QUEUE_INCOMING_TX_H
#define QUEUE_INCOMING_TX_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct share;
struct store;

#define OF_ONE_NET	2	/* of each limit for all, one net: a half */

enum tx_state { TX_OPEN, TX_WAITING, TX_READY, TX_COMMITTED };

struct tx {
	RB_ENTRY(tx)	 tree;
	TAILQ_ENTRY(tx)	 entry;		/* waiting, ready or committed */
	TAILQ_ENTRY(tx)	 spilled;
	uint64_t	 session;
	uint64_t	 size;		/* bytes received */
	uint64_t	 stored;	/* of them on disk, counted in share */
	uint64_t	 ended_ms;
	uint32_t	 tx;
	uint32_t	 nrcpt;		/* from policy */
	uint32_t	 nheld;		/* of them in memory */
	uint32_t	 nrcpt_end;	/* what END says */
	uint32_t	 nchunk;
	uint32_t	 flags;		/* END's */
	uint32_t	 reply;		/* a refusal that is already sure */
	enum tx_state	 state;
	int		 is_open;	/* policy named the sender */
	int		 is_spilled;	/* on the list of this turn */
	size_t		 used;		/* of buffer */
	size_t		 capacity;
	char		*buffer;
	struct message	*message;
	struct message	*owner;		/* of the next recipients, or NULL */
	struct share	*share;		/* of its net */
	struct envelope_list envelopes;
	char		 address[IPADDR_SIZE];
};
void	tx_init(struct store *);

/*
 * More of the body.  What cannot be kept is a refusal in reply, REPLY_DISK or
 * REPLY_TRY_LATER, and so for every other whose chunks were in the same
 * transaction of the store.
 */
void	tx_append(struct tx *, const char *data, size_t size);
void	tx_free_buffer(struct tx *);	/* what is in memory of it */
void	tx_free_body(struct tx *);	/* and its place in the counts */
/* Its chunks leave the store, in a transaction for chunks. */
void	tx_drop_chunks(struct tx *);
/* Ends the transaction for chunks, if one is open. */
void	tx_commit_chunks(void);
/* Message, rest of the body and envelopes, inside store_begin().  -1: failed. */
int	tx_store(struct tx *, uint64_t now_s);

#endif
