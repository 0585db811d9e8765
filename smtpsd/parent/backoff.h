/*
 * Who guessed wrong lately, and how long the next guess has to wait.  Keys
 * are digests, of an address or of an address and a user; entries are
 * bounded in number, the least recently used goes first.  Pure: the caller
 * brings the time.
 */
#ifndef PARENT_BACKOFF_H
#define PARENT_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

#define BACKOFF_KEY_SIZE	16

struct backoff_limits {
	uint32_t	nfree;		/* failures that cost nothing */
	uint32_t	first_ms;	/* wait of the one after, then doubled */
	uint32_t	max_ms;
	uint32_t	line_max_ms;	/* longest wait in line */
	uint32_t	forget_ms;	/* one failure is forgotten each */
	uint32_t	running_max;	/* attempts at the same time */
	int		count_running;	/* those count as failures already */
};

struct backoff;

enum backoff_result { BACKOFF_NOTHING, BACKOFF_GOOD, BACKOFF_BAD };

struct backoff	*backoff_new(const struct backoff_limits *, size_t entries_max);
void		 backoff_free(struct backoff *);
/*
 * An attempt begins: milliseconds it has to wait, or -1: the line is too
 * long, refuse it.  Unless -1, backoff_leave() must follow.
 */
int64_t		 backoff_enter(struct backoff *, const uint8_t *key,
		    uint64_t now_ms);
void		 backoff_leave(struct backoff *, const uint8_t *key,
		    enum backoff_result, uint64_t now_ms);
/* 1: an attempt succeeded within the last day. */
int		 backoff_was_good(struct backoff *, const uint8_t *key,
		    uint64_t now_ms);
/* 1: a failure of it is not forgotten yet. */
int		 backoff_is_marked(struct backoff *, const uint8_t *key,
		    uint64_t now_ms);
size_t		 backoff_size(const struct backoff *);

#endif
