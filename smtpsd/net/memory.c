/*
 * Memory of sessions that are gone goes back to the system.
 *
 * The event library keeps a few bytes for every descriptor that it has ever
 * seen, until the process ends.  Made one by one as sessions come, each would
 * lie between the memory of two sessions and hold a page back when they are
 * gone: 36 of the 160 MiB of 10,000 sessions.  So they are made in advance,
 * many in a row.
 */
#include <sys/types.h>
#include <sys/time.h>

#include <event.h>
#include <fcntl.h>
#include <stdint.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

#include "memory.h"

#define SLOTS	256		/* made at a time */
#define CROWD	16		/* sessions; of fewer little can stay */

static void
on_nothing(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

void
memory_reach(int fd)
{
	static struct event	events[SLOTS];
	static int		reached;
	int			slot[SLOTS], i, n;

	if (fd < reached)
		return;
	for (n = 0; n < SLOTS; n++)
		if ((slot[n] = fcntl(fd, F_DUPFD_CLOEXEC, reached + n)) == -1)
			break;
	for (i = 0; i < n; i++) {
		event_set(&events[i], slot[i], EV_READ, on_nothing, NULL);
		(void)event_add(&events[i], NULL);
	}
	for (i = 0; i < n; i++) {
		event_del(&events[i]);
		close(slot[i]);
	}
	reached += SLOTS;
}

void
memory_trim(uint32_t nsessions)
{
	static uint32_t	peak;

	if (nsessions > peak)
		peak = nsessions;
	if (peak < CROWD || nsessions > peak / 4)
		return;
	peak = nsessions;
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
