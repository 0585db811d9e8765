/*
 * The age of messages.  State owned: the last turn's clocks and the jumps that
 * the wall clock made ahead of the monotonic one, in the order of both.  A jump
 * back takes away as much of the last ones; behind them all, the wall clock
 * itself is believed.  Called by main.c in each turn; knows no messages.
 */
#include <string.h>

#include "age.h"

#define SLACK_S		60	/* less is a clock being slowed or hurried */
#define JUMPS_MAX	32

static struct jump {
	uint64_t	to_s;		/* first second of the wall clock behind it */
	uint64_t	by_s;
	uint64_t	at_ms;
} jumps[JUMPS_MAX];
static unsigned int njumps;
static uint64_t base_ms, base_s;	/* both clocks when they agreed */

/* Two old ones become one of both: nothing is older by that. */
static void
jump_ahead(uint64_t by_s, uint64_t now_ms, uint64_t now_s)
{
	struct jump *j;

	if (njumps == JUMPS_MAX) {
		jumps[1].by_s += jumps[0].by_s;
		memmove(jumps, jumps + 1, --njumps * sizeof(jumps[0]));
	}
	j = &jumps[njumps++];
	j->to_s = now_s;
	j->by_s = by_s;
	j->at_ms = now_ms;
}

static void
jump_back(uint64_t by_s)
{
	struct jump *j;

	while (njumps > 0 && by_s > 0) {
		j = &jumps[njumps - 1];
		if (j->by_s > by_s) {
			j->by_s -= by_s;
			j->to_s -= by_s;
			break;
		}
		by_s -= j->by_s;
		njumps--;
	}
}

void
age_turn(uint64_t now_ms, uint64_t now_s, uint32_t keep_s)
{
	uint64_t want_s = base_ms == 0 ? now_s :
	    base_s + (now_ms - base_ms) / 1000;

	if (now_s > want_s + SLACK_S)
		jump_ahead(now_s - want_s, now_ms, now_s);
	else if (now_s + SLACK_S < want_s)
		jump_back(want_s - now_s);
	/* small steps add up to a jump */
	if (base_ms == 0 || now_s > want_s + SLACK_S ||
	    now_s + SLACK_S < want_s) {
		base_ms = now_ms;
		base_s = now_s;
	}
	if (njumps > 0 && keep_s != 0 &&
	    now_ms - jumps[0].at_ms > (uint64_t)keep_s * 1000)
		memmove(jumps, jumps + 1, --njumps * sizeof(jumps[0]));
}

uint64_t
age_of(uint64_t created_s, uint64_t now_s)
{
	uint64_t age_s = now_s > created_s ? now_s - created_s : 0;
	unsigned int i;

	for (i = njumps; i > 0 && jumps[i - 1].to_s > created_s; i--)
		age_s = age_s > jumps[i - 1].by_s ? age_s - jumps[i - 1].by_s :
		    0;
	return age_s;
}

/* Of the time that a jump left out, no message is. */
uint64_t
age_until(uint64_t age_s, uint64_t now_s)
{
	uint64_t until_s = now_s > age_s ? now_s - age_s : 0;
	unsigned int i;

	for (i = njumps; i > 0 && jumps[i - 1].to_s > until_s; i--)
		until_s = until_s > jumps[i - 1].by_s ? until_s -
		    jumps[i - 1].by_s : 0;
	return until_s;
}
