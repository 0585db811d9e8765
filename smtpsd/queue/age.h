/*
 * How old a message is, by a clock that somebody may set.  What the wall clock
 * jumps ahead is no age of those that came before: time that the monotonic
 * clock did not see is not counted.  Used by schedule.c and result.c.
 */
#ifndef QUEUE_AGE_H
#define QUEUE_AGE_H

#include <stdint.h>

/*
 * In each turn, before anything asks: monotonic ms and seconds since the
 * epoch.  A jump is remembered for keep_s, 0: for ever; what came before it
 * is as old then, however the clock was set.
 */
void		age_turn(uint64_t now_ms, uint64_t now_s, uint32_t keep_s);
/* Seconds; 0 for what is of the future. */
uint64_t	age_of(uint64_t created_s, uint64_t now_s);
/* Messages that came until then are at least that old; 0: there are none. */
uint64_t	age_until(uint64_t age_s, uint64_t now_s);

#endif
