/*
 * The inside of the delivery agents, for the files agent*.c only.  A job is
 * ready in its lane, then running on a link, then over; the book counts both
 * kinds.  All here is of one turn of the loop: nothing blocks, nothing fails
 * but what says so.
 */
#ifndef QUEUE_AGENT_INSIDE_H
#define QUEUE_AGENT_INSIDE_H

#include <stdint.h>

#include "base/link.h"
#include "job.h"
#include "lane.h"

struct store;

/* agent.c: PAUSE_MTA, PAUSE_MDA or 0: whether that kind may start now. */
int	agent_may_start(uint32_t kind);

/* agent_book.c */
void	job_ready(struct job *);	/* job->lane is set */
void	job_unready(struct job *);	/* out of the ready list of its lane */
/* Each ready or running job in its turn; NULL: there is none. */
struct job *job_look(void);
/* For how long it has been ready, or running, by the clock of silence. */
uint64_t job_since_ms(const struct job *);
/* The first ready job of a lane becomes one that this agent runs. */
struct job *job_start(struct lane *, struct link *);
/* No longer running; a relay job may free its lane. */
void	job_unrun(struct job *);
/*
 * The job an agent speaks of, a sign of life; NULL if it is over or another
 * agent's.
 */
struct job *job_find(struct link *, uint64_t delivery);
/*
 * Over: every recipient without a result gets this one, and result.c the job.
 * It is neither ready nor running.
 */
void	job_finish(struct job *, uint32_t class, const char *status,
	    const char *text);
/* All jobs of an agent end; is_soon: without fault of theirs. */
void	job_drop_all(struct link *, int is_soon, const char *text);
/*
 * The clock of silence: 1 if it went on, 0 if less than a second is over.
 * It counts no more than two seconds for a turn: what came while this process
 * waited for the disk is not read yet.
 */
int	job_clock(uint64_t now_ms);
/* A relay job not heard of for AGENT_SILENT_MS of it; NULL: none. */
struct job *job_silent(void);
unsigned int job_held(int way);	/* envelopes of that kind in lanes */
/* Addresses that mail is sent on to: whether one more, and one more. */
int	job_may_go_on(const struct job *);
void	job_goes_on(struct job *);

/* agent_send.c */
void	job_send_init(struct store *);
/* The envelopes and the first window; the job may be over then. */
void	job_send(struct job *);
/* The agent has read a window; the job may be over then. */
void	job_send_more(struct job *);

/* agent_answer.c: what an agent may say, for its link. */
#define AGENT_NRULES	5
extern const struct link_rule agent_rules[AGENT_NRULES];
/* What others say becomes ASCII without controls. */
void	agent_printable(char *);
/* The text for jobs whose agent went away. */
#define AGENT_ENDED	"the delivery agent ended before the delivery"

/* agent_relay.c */
void	relay_turn(struct lane *);	/* start what may start */
void	relay_watch(uint64_t now_ms);	/* end those that keep silent */
void	relay_release(struct link *);	/* a job of it is over */

/* agent_deliver.c: start what may start, end what is idle or stuck. */
void	deliver_turn(struct lane *, uint64_t now_ms);

#endif
