/*
 * The inside of a destination, shared by destination.c (what waits, pace,
 * failure) and slot.c (connections).  Nobody else includes this.
 */
#ifndef RELAY_DESTINATION_IMPL_H
#define RELAY_DESTINATION_IMPL_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>

#include "conf.h"
#include "delivery.h"
#include "destination.h"

#define CLIENTS_MAX	64	/* of one destination */
#define CLIENTS_FIRST	2	/* of a domain not met before */

struct destination {
	RB_ENTRY(destination)	 tree;
	LIST_ENTRY(destination)	 entry;
	TAILQ_ENTRY(destination) dirty;
	TAILQ_HEAD(, delivery)	 waiting;
	struct action		*action;	/* NULL: not configured */
	struct route		*route;
	struct client		*client[CLIENTS_MAX];
	unsigned int		 nclients, nwaiting;
	unsigned int		 limit;		/* connections for now */
	double			 tokens;	/* of the pace: messages */
	uint64_t		 tokens_ms;
	int			 is_dirty;
	TAILQ_ENTRY(destination) hungry;	/* slot.c's list */
	int			 is_hungry;
	uint64_t		 connect_after_ms;
	uint64_t		 fail_until_ms;
	uint64_t		 used_ms;
	int			 fail_class;
	char			 fail_status[12];
	char			 fail_text[TEXT_SIZE];
	char			 name[NAME_SIZE];	/* of the action */
	char			 domain[HOSTNAME_SIZE];	/* in A-labels; "": action's
						 * host */
};

/* destination.c */
void	destination_mark(struct destination *);		/* something changed */
void	destination_mark_first(struct destination *);	/* before others */
/* Nobody can be reached there.  A status 5.x.x is for good. */
void	destination_fail(struct destination *, const char *status,
	    const char *text);
/* All of them: the next, NULL: the first or no more. */
struct destination *destination_each(struct destination *);

/* slot.c */
unsigned int	slot_limit_max(const struct destination *);
unsigned int	slot_ready_count(const struct destination *);
/* Connections for what waits without one, as far as the limits go. */
void		slots_fill(struct destination *);
void		slot_forget(struct destination *);	/* it is freed */

#endif
