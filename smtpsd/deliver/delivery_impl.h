/*
 * What delivery.c shares with rcpt.c, which begins with each recipient, and
 * with batch.c and run.c, which finish what it has gathered.
 */
#ifndef DELIVER_DELIVERY_IMPL_H
#define DELIVER_DELIVERY_IMPL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "proto/parent_deliver.h"
#include "proto/queue_agent.h"

#include "loop.h"
#include "outcome.h"
#include "stage.h"

struct maildir_file;

struct delivery_rcpt {
	struct maildir_file	*file;		/* maildir; NULL: failed */
	int			 is_over;	/* outcome is what to report */
	struct outcome		 outcome;
	int			 keeps;		/* .forward: in the mailbox too */
	const char		*rest;		/* of .forward: still to run */
	char			 path[PATHNAME_SIZE];	/* of the mailbox */
	char			 recipient[MAILADDR_SIZE];
};

struct delivery {
	TAILQ_ENTRY(delivery)	 entry;
	struct queue_agent_open	 open;
	uint64_t		 received;	/* bytes of body */
	uint64_t		 granted;	/* bytes the queue may send */
	int			 wants_more;	/* but has to wait for its turn */
	int			 is_large;	/* had its turn */
	int			 is_complete;
	int			 is_ready;	/* and commands have run: into
						 * mailboxes */
	char			*forward;	/* text of .forward, or NULL */
	struct outcome		 forward_fault;
	uint64_t		 until_ms;	/* its commands, all together; 0:
						 * none has run */
	uint32_t		 nrcpt;		/* so far */
	uint32_t		 next;		/* recipient to run the command for */
	struct delivery_rcpt	*rcpt;
	struct stage		 stage;		/* all but maildir: the body */
	struct loop		 loop;
};
TAILQ_HEAD(delivery_list, delivery);

struct delivery_list *delivery_all(void);
/* Commands have run: what is_ready goes into mailboxes. */
void		 delivery_mailboxes(void);
/* Tell how it went with one recipient. */
void		 delivery_report(struct delivery *, uint32_t n);
/* All are told: DONE.  Frees it. */
void		 delivery_over(struct delivery *);

/* rcpt.c */
void		 rcpt_open(struct delivery *, struct delivery_rcpt *,
		    const char *recipient);
/* It is over: he gets nothing. */
void		 rcpt_fail(struct delivery_rcpt *, int class,
		    const char *status, const char *text);
/* The delivery's header says that this address had the message before. */
void		 rcpt_in_circle(void *delivery, const char *address);

/* batch.c: all that are complete, into Maildirs or mboxes. */
void		 batch_maildir(void);
void		 batch_mbox(void);

/* run.c: commands. */
int		 run_init(void);
void		 run_turn(void);
void		 run_forget(struct delivery *);	/* kills its command */

#endif
