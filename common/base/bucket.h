/* A token bucket: rate tokens per second, at most burst of them saved. */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdint.h>

struct bucket {
	double		tokens;
	uint64_t	last_ms;
	uint64_t	logged_ms;	/* last time that bucket_log_due said 1 */
	uint64_t	refused;	/* since then */
};

void	bucket_init(struct bucket *, double burst, uint64_t now_ms);
/* 1: took a token, 0: there is none. */
int	bucket_take(struct bucket *, double rate, double burst, uint64_t now_ms);
/* Puts one back. */
void	bucket_return(struct bucket *, double burst);
/* 1: a refusal should be logged now: the first, then one a minute. */
int	bucket_log_due(struct bucket *, uint64_t now_ms);

#endif
