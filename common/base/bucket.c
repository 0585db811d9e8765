/*
 * Token buckets, for what others may make a process do: signatures,
 * failed passwords, log lines.  Pure: the caller brings the time.
 */
#include "bucket.h"

void
bucket_init(struct bucket *b, double burst, uint64_t now_ms)
{
	b->tokens = burst;
	b->last_ms = now_ms;
	b->logged_ms = 0;
	b->refused = 0;
}

int
bucket_take(struct bucket *b, double rate, double burst, uint64_t now_ms)
{
	if (now_ms > b->last_ms) {
		b->tokens += (double)(now_ms - b->last_ms) * rate / 1000;
		if (b->tokens > burst)
			b->tokens = burst;
		b->last_ms = now_ms;
	}
	if (b->tokens < 1) {
		b->refused++;
		return 0;
	}
	b->tokens -= 1;
	return 1;
}

void
bucket_return(struct bucket *b, double burst)
{
	if (b->tokens + 1 <= burst)
		b->tokens += 1;
}

int
bucket_log_due(struct bucket *b, uint64_t now_ms)
{
	if (b->logged_ms != 0 && now_ms - b->logged_ms < 60000)
		return 0;
	b->logged_ms = now_ms == 0 ? 1 : now_ms;
	return 1;
}
