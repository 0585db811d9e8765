/*
 * Deliveries that the queue asked for: envelope, body so far, results.  For
 * relay only.
 */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "proto/net_policy.h"
#include "proto/queue_agent.h"

struct client;
struct destination;

struct rcpt {
	uint8_t	is_done;	/* RESULT was sent */
	uint8_t	is_accepted;	/* in the running transaction */
	uint32_t notify;	/* NOTIFY_* */
	char	*orcpt;		/* RFC 3461 4.2; NULL: none */
	char	recipient[MAILADDR_SIZE];
};

struct delivery {
	LIST_ENTRY(delivery)	 hashed;
	TAILQ_ENTRY(delivery)	 waiting;	/* destination.c's list */
	struct destination	*destination;
	struct client		*client;	/* NULL: waits */
	uint64_t		 id;
	uint64_t		 size, received, granted, taken; /* of body */
	uint32_t		 nrcpt, nrcpt_known;
	uint32_t		 flags;		/* MAIL_* */
	int			 is_waiting;	/* on destination.c's list */
	int			 has_control;	/* an address of it */
	uint32_t		 tries;		/* connections it was given to */
	struct rcpt		*rcpt;
	char			*body;
	size_t			 body_start, body_used, body_size;
	char			 action[NAME_SIZE];
	char			 sender[MAILADDR_SIZE];
	char			 envid[ENVID_MAX + 1];	/* or "" */
};

/* From the queue's link. */
void	delivery_on_link(uint32_t peer_id, int fd);
/* Before destination_turn(), at least once a second. */
void	delivery_turn(void);

/* Bytes of the body that are here and not taken yet. */
size_t	delivery_body(const struct delivery *, const char **);
void	delivery_take(struct delivery *, size_t);
/* One recipient's result; a second one for the same is ignored. */
void	delivery_result(struct delivery *, uint32_t n, int class,
	    const char *status, const char *remote, const char *text);
/* A result for all that have none. */
void	delivery_result_rest(struct delivery *, int class, const char *status,
	    const char *remote, const char *text);
/* The next recipient without a result from n on; nrcpt: none. */
uint32_t delivery_rcpt_next(const struct delivery *, uint32_t n);
/* DONE; frees. */
void	delivery_done(struct delivery *);

uint64_t delivery_count(void);			/* in flight */
uint64_t delivery_count_ok(void);		/* recipients since start */
uint64_t delivery_count_failed(void);

#endif
