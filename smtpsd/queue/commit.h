/*
 * The group commit: once per turn of the loop, everything that is ready.
 */
#ifndef QUEUE_COMMIT_H
#define QUEUE_COMMIT_H

#include <stdint.h>

struct store;

struct commit_stats {
	uint64_t	commits;
	uint64_t	accepted;	/* messages */
	uint64_t	refused;	/* for lack of space */
	uint64_t	largest;	/* messages in one commit */
};

void	commit_init(struct store *);
/*
 * The turn: end the commit under way if it is flushed, and begin one.  While
 * one is under way nobody else may write to the store.  commit_end(): 1, one
 * has ended just now.
 */
int	commit_end(uint64_t now_ms, uint64_t now_s);
void	commit_turn(uint64_t now_ms, uint64_t now_s);
int	commit_is_under_way(void);
/*
 * Milliseconds until results must go, or limit if that is sooner.  is_busy:
 * the next turn has work on the store in any case.
 */
uint32_t commit_wait_ms(uint64_t now_ms, uint32_t limit, int is_busy);
void	commit_stats(struct commit_stats *);

#endif
