/*
 * The race for a connection, called by client.c.  An attempt gets a quarter
 * of a second before the next address joins it, none if it fails; the first
 * that connects ends the others.  What is worse by its preference joins only
 * when all that are better are silent for long.  Every address has one state
 * and in the end one reason.  Knows no SMTP; sockets are dial.c's.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>

#include <errno.h>
#include <event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"

#include "connect.h"
#include "dial.h"
#include "route.h"

#define NEXT_MS		250	/* RFC 8305 5 */
#define SILENT_MS	2000	/* while there are others: one SYN again */
#define ATTEMPT_MS	30000
#define FIRST_MS	300000	/* then the best one is tried first again */
#define WHY_SIZE	256
#define LIST_MAX	192	/* addresses with one reason, about */
#define NONE		UINT32_MAX

enum target_state {
	WAITING,
	FLYING,
	LOST,		/* another was faster: may be tried once more */
	OVER
};

struct attempt {
	struct event		 event;
	struct connector	*connector;	/* NULL: free */
	uint64_t		 started_ms;
	uint32_t		 target;
	int			 fd;
};

struct connector {
	struct connect_def	 def;
	struct event		 timer;
	struct attempt		 attempt[CONNECT_MAX];
	unsigned int		 nflying;
	uint64_t		 started_ms;	/* the attempt made last */
	int			 is_hurried;	/* one has failed since */
	uint32_t		 begun;		/* target it began with */
	uint32_t		 first;		/* to be tried before others */
	uint32_t		 winner;
	int			 has_unreached;
	uint8_t			 state[ROUTE_TARGETS_MAX];
	char			 why[ROUTE_TARGETS_MAX][WHY_SIZE];
};

static unsigned int nflying_all;

static const struct target *
target_of(const struct connector *c, uint32_t n)
{
	return &c->def.targets->target[n];
}

static void
address_text(const struct connector *c, uint32_t n, char *out, size_t size)
{
	const struct host_address *a = &target_of(c, n)->address;

	if (inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, out,
	    (socklen_t)size) == NULL)
		strlcpy(out, "?", size);
}

static void
target_log(const struct connector *c, uint32_t n, const char *why)
{
	char address[IPADDR_SIZE];

	address_text(c, n, address, sizeof(address));
	log_info("%s[%s]: %s",
	    log_vis(c->def.targets->hosts[target_of(c, n)->host]), address,
	    log_text(why));
}

static void
target_over(struct connector *c, uint32_t n, const char *why)
{
	c->state[n] = OVER;
	strlcpy(c->why[n], why, sizeof(c->why[n]));
}

static void
target_unreached(struct connector *c, uint32_t n, const char *why)
{
	target_log(c, n, why);
	target_over(c, n, why);
	c->is_hurried = 1;
	c->has_unreached = 1;
}

/* The next to try: those before it in order are under way or over. */
static uint32_t
target_next(const struct connector *c)
{
	const struct targets *all = c->def.targets;
	uint32_t i, lost = NONE;

	if (c->state[c->first] == WAITING)
		return c->first;
	for (i = 0; i < all->count; i++) {
		if (lost != NONE && all->target[i].preference !=
		    all->target[lost].preference)
			break;
		if (c->state[i] == WAITING)
			return i;
		if (c->state[i] == LOST && lost == NONE)
			lost = i;
	}
	return lost;
}

/* Ends; the descriptor is the caller's. */
static int
attempt_take(struct attempt *a)
{
	int fd = a->fd;

	event_del(&a->event);
	a->connector->nflying--;
	nflying_all--;
	a->connector = NULL;
	a->fd = -1;
	return fd;
}

static void
attempt_fail(struct attempt *a, const char *why)
{
	struct connector *c = a->connector;

	target_unreached(c, a->target, why);
	close(attempt_take(a));
}

static struct attempt *
attempt_oldest(struct connector *c)
{
	struct attempt *a, *oldest = NULL;

	for (a = c->attempt; a < c->attempt + CONNECT_MAX; a++)
		if (a->connector != NULL && (oldest == NULL ||
		    a->started_ms < oldest->started_ms))
			oldest = a;
	return oldest;
}

static int
has_room(const struct connector *c)
{
	return c->nflying == 0 || (c->nflying < CONNECT_MAX &&
	    nflying_all < CONNECT_ALL_MAX && c->def.has_room(c->def.arg));
}

/* When this target may be tried. */
static uint64_t
due_ms(struct connector *c, uint32_t next, int has_place)
{
	const struct attempt *a;
	uint64_t due, silent;

	if (c->nflying == 0)
		return 0;
	due = c->is_hurried ? 0 : c->started_ms + NEXT_MS;
	for (a = c->attempt; a < c->attempt + CONNECT_MAX; a++) {
		silent = a->started_ms + SILENT_MS;
		if (a->connector != NULL && silent > due &&
		    target_of(c, a->target)->preference <
		    target_of(c, next)->preference)
			due = silent;
	}
	/* It takes the place of the one that has had its time first. */
	silent = attempt_oldest(c)->started_ms + SILENT_MS;
	return has_place || due > silent ? due : silent;
}

static void	connect_step(struct connector *);

static void
race_won(struct connector *c, uint32_t winner, int fd, uint64_t now)
{
	struct attempt *a;
	char why[64];

	evtimer_del(&c->timer);
	for (a = c->attempt; a < c->attempt + CONNECT_MAX; a++) {
		if (a->connector == NULL)
			continue;
		if (now - a->started_ms >= SILENT_MS) {
			attempt_fail(a, "no answer");
			continue;
		}
		snprintf(why, sizeof(why), "no answer in %" PRIu64 " ms, "
		    "another was faster", now - a->started_ms);
		target_log(c, a->target, why);
		c->state[a->target] = LOST;
		close(attempt_take(a));
	}
	c->winner = winner;
	c->state[winner] = OVER;
	c->def.done(c->def.arg, fd, winner);
}

static void
on_writable(int fd, short what, void *arg)
{
	struct attempt *a = arg;
	struct connector *c = a->connector;
	uint32_t target = a->target;
	int error = dial_result(fd);

	(void)what;
	if (error == 0) {
		race_won(c, target, attempt_take(a), proc_now_ms());
		return;
	}
	attempt_fail(a, strerror(error));
	connect_step(c);
}

static void
attempt_start(struct connector *c, uint32_t n, uint64_t now)
{
	const struct target *target = target_of(c, n);
	const char *source = target->address.family == 4 ? c->def.source4 :
	    c->def.source6;
	struct attempt *a;
	int fd;

	fd = dial(&target->address, c->def.port, source);
	if (fd == -1) {
		target_unreached(c, n, errno == EADDRNOTAVAIL &&
		    *source != '\0' ? "the source address is not of this host" :
		    strerror(errno));
		return;
	}
	for (a = c->attempt; a->connector != NULL; a++)
		;
	a->connector = c;
	a->target = n;
	a->fd = fd;
	a->started_ms = c->started_ms = now;
	c->is_hurried = 0;
	c->state[n] = FLYING;
	c->nflying++;
	nflying_all++;
	event_set(&a->event, fd, EV_WRITE, on_writable, a);
	event_add(&a->event, NULL);
}

static void
attempts_expire(struct connector *c, uint64_t now)
{
	struct attempt *a;

	for (a = c->attempt; a < c->attempt + CONNECT_MAX; a++)
		if (a->connector != NULL && now - a->started_ms >= ATTEMPT_MS)
			attempt_fail(a, "no answer");
}

static void
timer_set(struct connector *c, uint64_t now, uint64_t due)
{
	struct timeval tv;
	uint64_t end = attempt_oldest(c)->started_ms + ATTEMPT_MS, ms;

	if (due > end)
		due = end;
	ms = due > now ? due - now : 1;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(&c->timer, &tv);
}

static void
connect_step(struct connector *c)
{
	uint64_t now = proc_now_ms(), due = UINT64_MAX;
	uint32_t next;
	int has_place;

	attempts_expire(c, now);
	while ((next = target_next(c)) != NONE) {
		has_place = has_room(c);
		due = due_ms(c, next, has_place);
		if (due > now) {
			/* Room may come before the oldest has had its time. */
			if (!has_place && due > now + NEXT_MS)
				due = now + NEXT_MS;
			break;
		}
		if (!has_place)
			attempt_fail(attempt_oldest(c), "no answer");
		attempt_start(c, next, now);
		due = UINT64_MAX;
	}
	if (c->nflying > 0) {
		timer_set(c, now, due);
		return;
	}
	evtimer_del(&c->timer);
	c->def.done(c->def.arg, -1, 0);
}

static void
on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connect_step(arg);
}

struct connector *
connect_new(const struct connect_def *def)
{
	struct targets *targets = def->targets;
	struct connector *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->def = *def;
	if (proc_now_ms() >= targets->first_until_ms)
		targets->first = 0;
	c->begun = c->first = targets->first;
	c->winner = NONE;
	evtimer_set(&c->timer, on_timer, c);
	return c;
}

void
connect_free(struct connector *c)
{
	struct attempt *a;

	if (c == NULL)
		return;
	evtimer_del(&c->timer);
	for (a = c->attempt; a < c->attempt + CONNECT_MAX; a++)
		if (a->connector != NULL)
			close(attempt_take(a));
	free(c);
}

void
connect_go(struct connector *c)
{
	connect_step(c);
}

void
connect_failed(struct connector *c, const char *why)
{
	if (c->winner != NONE)
		target_over(c, c->winner, why);
}

void
connect_again(struct connector *c)
{
	c->first = c->winner;
	c->state[c->winner] = WAITING;
}

void
connect_worked(struct connector *c)
{
	struct targets *targets = c->def.targets;

	if (c->winner == c->begun)
		return;
	targets->first = c->winner;
	targets->first_until_ms = proc_now_ms() + FIRST_MS;
}

int
connect_has_more(const struct connector *c)
{
	return target_next(c) != NONE;
}

int
connect_has_unreached(const struct connector *c)
{
	return c->has_unreached;
}

unsigned int
connect_count(const struct connector *c)
{
	return c->nflying;
}

static int
has_failed(const struct connector *c, uint32_t n)
{
	return c->state[n] == OVER && c->why[n][0] != '\0';
}

/* Whether one before it has failed for the same reason. */
static int
is_told(const struct connector *c, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (has_failed(c, i) && strcmp(c->why[i], c->why[n]) == 0)
			return 1;
	return 0;
}

/* The addresses with the reason of this one, and it; how many they are. */
static unsigned int
group_text(const struct connector *c, uint32_t n, char *out, size_t size)
{
	char address[IPADDR_SIZE], more[32] = "";
	unsigned int count = 0, left_out = 0;
	uint32_t i;

	*out = '\0';
	for (i = n; i < c->def.targets->count; i++) {
		if (!has_failed(c, i) || strcmp(c->why[i], c->why[n]) != 0)
			continue;
		count++;
		if (strlen(out) > LIST_MAX) {
			left_out++;
			continue;
		}
		address_text(c, i, address, sizeof(address));
		if (*out != '\0')
			strlcat(out, ", ", size);
		strlcat(out, address, size);
	}
	if (left_out > 0)
		snprintf(more, sizeof(more), ", %u more", left_out);
	strlcat(out, more, size);
	strlcat(out, ": ", size);
	strlcat(out, c->why[n], size);
	return count;
}

void
connect_why(const struct connector *c, char *out, size_t size)
{
	char group[TEXT_SIZE], more[32];
	unsigned int count, left_out = 0;
	uint32_t i;

	*out = '\0';
	for (i = 0; i < c->def.targets->count; i++) {
		if (!has_failed(c, i) || is_told(c, i))
			continue;
		count = group_text(c, i, group, sizeof(group));
		if (*out != '\0' && strlen(out) + strlen(group) +
		    sizeof("; ; 32 more") > size) {
			left_out += count;
			continue;
		}
		if (*out != '\0')
			strlcat(out, "; ", size);
		strlcat(out, group, size);
	}
	if (left_out > 0) {
		snprintf(more, sizeof(more), "; %u more", left_out);
		strlcat(out, more, size);
	}
}
