/*
 * The book of sessions: which sessions each net process has, and as whom
 * they are authenticated, which only the parent says.  Sessions belong to
 * the net whose id is in the upper half of theirs.
 */
#ifndef POLICY_BOOK_H
#define POLICY_BOOK_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "proto/parent_policy.h"

struct link;
struct quota;
struct transaction;

struct session {
	TAILQ_ENTRY(session)	 by_use;	/* of its net, oldest first */
	LIST_ENTRY(session)	 by_hash;
	struct net		*net;
	struct transaction	*tx;		/* or NULL: none is open */
	uint64_t		 id;
	uint32_t		 tx_last;	/* highest ever opened */
	uint32_t		 listener;	/* where the user logged in */
	char			*user;		/* NULL: not authenticated */
	struct quota		*quota;		/* NULL: not authenticated */
	int			 has_seat;	/* among those of its user */
	char			*device;	/* NULL: the user's password */
	char			*scope;		/* NULL: all that user may */
	uint64_t		 until_ms;	/* the login; 0: for ever */
	int			 is_revoked;	/* was somebody's */
};

struct net {
	LIST_ENTRY(net)			 all;
	TAILQ_HEAD(, session)		 sessions;
	struct link			*link;	/* NULL: gone, see sweep */
	uint32_t			 id;
	uint32_t			 nsessions;
	uint32_t			 nparked;
	uint64_t			 nrecipients;	/* remembered */
};

struct book_counts {
	uint64_t	sessions;
	uint64_t	authenticated;
};

/* drop is called for a session's transaction before the session is freed. */
void		 book_init(void (*drop)(struct session *));
/* A new net; takes over what the parent said of its sessions.  Its link is
 * for the caller to set, to NULL when it went down. */
struct net	*book_net_new(uint32_t id);	/* NULL: no memory */
struct net	*book_net_find(uint32_t id);
void		 book_net_each(void (*each)(struct net *));
/* At the end of a turn: free nets without a link, with their sessions. */
void		 book_sweep(void);

/* The session, marked as used; NULL: unknown. */
struct session	*book_find(uint64_t id);
/* The same, made if unknown; the net's least used one goes if it has too
 * many.  NULL: no memory. */
struct session	*book_get(struct net *, uint64_t id);
void		 book_drop(struct session *);
/* The parent says so.  Kept for a while if that net has no link yet. */
void		 book_authenticated(const struct parent_policy_authenticated *);
/* The parent says that this credential is no longer good. */
void		 book_revoked(const char *user, const char *device,
		    void (*gone)(struct session *));
/* It is nobody's any more until somebody logs in again. */
void		 book_forget(struct session *);
struct book_counts book_count(void);

#endif
