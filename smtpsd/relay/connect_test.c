/*
 * The race: who is tried when, who wins, and what is said of the others.
 * Sockets, libevent and the clock are replaced: the time is that of the
 * tables below and passes at once.
 */
#include <sys/types.h>
#include <sys/time.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/tap.h"

#include "connect.h"
#include "dial.h"
#include "route.h"

#define EVENTS_MAX	2048
#define NEVER		UINT64_MAX

/* An event that waits: for its time, or for its socket's fate. */
struct waiting {
	struct event	*event;		/* NULL: free */
	void		(*call)(int, short, void *);
	void		*arg;
	int		 fd;		/* -1: a timer */
	int		 is_pending;
	uint64_t	 due_ms;
};

/* What an address does. */
struct host {
	int		 dial_errno;	/* at once */
	int		 error;		/* later; 0: it connects */
	uint64_t	 after_ms;
};

static struct waiting	 table[EVENTS_MAX];
static struct host	 hosts[ROUTE_TARGETS_MAX];
static struct host	*host_of_fd[EVENTS_MAX];
static struct targets	 targets;
static char		 trace[1024];
static uint64_t		 now_ms, room_after_ms, start_ms;
static int		 is_done, won_fd;

/* --- what is replaced --- */

uint64_t
proc_now_ms(void)
{
	return now_ms;
}

static struct waiting *
waiting_of(const struct event *event)
{
	size_t i;

	for (i = 0; i < EVENTS_MAX; i++)
		if (table[i].event == event)
			return &table[i];
	return NULL;
}

void
event_set(struct event *event, evutil_socket_t fd, short what,
    void (*call)(evutil_socket_t, short, void *), void *arg)
{
	struct waiting *w = waiting_of(event);

	(void)what;
	if (w == NULL)
		w = waiting_of(NULL);
	w->event = event;
	w->call = call;
	w->arg = arg;
	w->fd = fd;
	w->is_pending = 0;
}

int
event_add(struct event *event, const struct timeval *tv)
{
	struct waiting *w = waiting_of(event);

	w->is_pending = 1;
	if (w->fd == -1)
		w->due_ms = now_ms + (uint64_t)tv->tv_sec * 1000 +
		    (uint64_t)tv->tv_usec / 1000;
	else
		w->due_ms = host_of_fd[w->fd]->after_ms == NEVER ? NEVER :
		    now_ms + host_of_fd[w->fd]->after_ms;
	return 0;
}

int
event_del(struct event *event)
{
	struct waiting *w = waiting_of(event);

	if (w != NULL)
		w->is_pending = 0;
	return 0;
}

static void
note(const char *what, uint32_t n)
{
	size_t used = strlen(trace);

	snprintf(trace + used, sizeof(trace) - used, "%s%s%u@%llu",
	    used == 0 ? "" : " ", what, (unsigned int)n,
	    (unsigned long long)(now_ms - start_ms));
}

int
dial(const struct host_address *address, uint16_t port, const char *source)
{
	struct host *host;
	uint32_t n = address->bytes[address->family == 4 ? 3 : 15];
	int fd;

	note(port == 25 && strcmp(source, address->family == 4 ?
	    "192.0.2.4" : "2001:db8::6") == 0 ? "" : "wrong ", n);
	host = &hosts[n];
	if (host->dial_errno != 0) {
		errno = host->dial_errno;
		return -1;
	}
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	host_of_fd[fd] = host;
	return fd;
}

int
dial_result(int fd)
{
	return host_of_fd[fd]->error;
}

/* --- what happens --- */

static unsigned int
open_count(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 3; fd < EVENTS_MAX; fd++)
		n += host_of_fd[fd] != NULL && fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Until it is done, or so many milliseconds. */
static void
run(uint64_t ms)
{
	const uint64_t end = now_ms + ms;
	struct waiting *w, *first;

	while (!is_done) {
		first = NULL;
		for (w = table; w < table + EVENTS_MAX; w++)
			if (w->event != NULL && w->is_pending &&
			    w->due_ms != NEVER && (first == NULL ||
			    w->due_ms < first->due_ms))
				first = w;
		if (first == NULL || first->due_ms > end)
			break;
		now_ms = first->due_ms;
		first->is_pending = 0;
		first->call(first->fd, first->fd == -1 ? EV_TIMEOUT :
		    EV_WRITE, first->arg);
	}
	if (!is_done)
		now_ms = end;
}

static void
on_done(void *arg, int fd, uint32_t n)
{
	(void)arg;
	is_done = 1;
	won_fd = fd;
	if (fd == -1)
		note("none", 0);
	else
		note("=", n);
}

static int
on_has_room(void *arg)
{
	(void)arg;
	return now_ms - start_ms >= room_after_ms;
}

/* "6/10:ok20": family, preference, what it does and after how long. */
static void
target_parse(const char *one)
{
	struct target *t = &targets.target[targets.count];
	struct host *host = &hosts[targets.count];
	const char *does = strchr(one, ':') + 1;

	memset(host, 0, sizeof(*host));
	t->address.family = (uint8_t)(*one - '0');
	t->preference = one[1] == '/' ? (uint32_t)atoi(one + 2) : 10;
	t->host = 0;
	if (t->address.family == 6) {
		memcpy(t->address.bytes, "\x20\x01\x0d\xb8", 4);
		t->address.bytes[15] = (uint8_t)targets.count;
	} else {
		memcpy(t->address.bytes, "\xc0\x00\x02", 3);
		t->address.bytes[3] = (uint8_t)targets.count;
	}
	if (strcmp(does, "silent") == 0)
		host->after_ms = NEVER;
	else if (strcmp(does, "noroute") == 0)
		host->dial_errno = ENETUNREACH;
	else if (strncmp(does, "ok", 2) == 0)
		host->after_ms = (uint64_t)atoi(does + 2);
	else {
		host->error = ECONNREFUSED;
		host->after_ms = (uint64_t)atoi(does + strlen("refused"));
	}
	targets.count++;
}

static struct connector *
make(const char *list)
{
	struct connect_def def = { .targets = &targets, .port = 25,
	    .source4 = "192.0.2.4", .source6 = "2001:db8::6",
	    .has_room = on_has_room, .done = on_done };
	char *copy = strdup(list), *s = copy, *one;

	memset(table, 0, sizeof(table));
	memset(host_of_fd, 0, sizeof(host_of_fd));
	targets.count = 0;
	strlcpy(targets.hosts[0], "mx.example", sizeof(targets.hosts[0]));
	while ((one = strsep(&s, " ")) != NULL)
		target_parse(one);
	free(copy);
	trace[0] = '\0';
	is_done = 0;
	won_fd = -1;
	now_ms += 1000;
	start_ms = now_ms;
	return connect_new(&def);
}

static void
first_set(uint32_t n)
{
	targets.first = n;
	targets.first_until_ms = n == 0 ? 0 : NEVER;
}

static void
go(struct connector *c)
{
	is_done = 0;
	connect_go(c);
	run(1000000);
}

static const struct {
	const char	*name, *targets;
	uint32_t	 first;			/* that worked before */
	uint64_t	 room_after_ms;		/* for more than one */
	const char	*want;		/* TARGET@MS is tried, =TARGET wins */
} races[] = {
	{ "one address", "6:ok20", 0, 0, "0@0 =0@20" },
	{ "the first answers", "6:ok20 4:ok1", 0, 0, "0@0 =0@20" },
	{ "the first is silent", "6:silent 4:ok10", 0, 0,
	    "0@0 1@250 =1@260" },
	{ "the first is refused", "6:refused30 4:ok10", 0, 0,
	    "0@0 1@30 =1@40" },
	{ "no route to the first", "6:noroute 4:ok10", 0, 0,
	    "0@0 1@0 =1@10" },
	{ "the first is late, and still faster", "6:ok300 4:ok100", 0, 0,
	    "0@0 1@250 =0@300" },
	{ "both at once: one wins", "6:ok300 4:ok50", 0, 0,
	    "0@0 1@250 =0@300" },
	{ "a failure makes the next begin, not two",
	    "6:refused100 4:silent 6:ok10", 0, 0, "0@0 1@100 2@350 =2@360" },
	{ "a failure is made up for at once while another is silent",
	    "6:silent 4:refused50 6:ok10", 0, 0, "0@0 1@250 2@300 =2@310" },
	{ "no route between two", "6:silent 4:noroute 6:ok10", 0, 0,
	    "0@0 1@250 2@250 =2@260" },
	{ "four at a time, and the oldest makes place",
	    "6:silent 4:silent 6:silent 4:silent 6:silent 4:ok10", 0, 0,
	    "0@0 1@250 2@500 3@750 4@2000 5@2250 =5@2260" },
	{ "a failure makes place", "6:silent 4:silent 6:silent 4:refused1000 "
	    "6:ok10", 0, 0, "0@0 1@250 2@500 3@750 4@1750 =4@1760" },
	{ "a worse exchanger after the better ones' time",
	    "6/10:silent 4/10:silent 4/20:ok10", 0, 0,
	    "0@0 1@250 2@2250 =2@2260" },
	{ "a worse one at once when the better one is refused",
	    "4/10:refused5 4/20:ok5", 0, 0, "0@0 1@5 =1@10" },
	{ "a worse one not before all better ones had their time",
	    "6/10:silent 4/10:refused10 4/20:ok10", 0, 0,
	    "0@0 1@250 2@2000 =2@2010" },
	{ "a better one may win late", "4/10:ok2100 4/20:ok500", 0, 0,
	    "0@0 1@2000 =0@2100" },
	{ "three preferences", "4/1:silent 4/2:silent 4/3:ok10", 0, 0,
	    "0@0 1@2000 2@4000 =2@4010" },
	{ "all fail", "6:noroute 4:refused10", 0, 0, "0@0 1@0 none0@10" },
	{ "silence has an end", "4:silent", 0, 0, "0@0 none0@30000" },
	{ "and that of two", "6:silent 4:silent", 0, 0,
	    "0@0 1@250 none0@30250" },
	{ "no room: one after the other", "6:silent 4:ok10", 0, NEVER,
	    "0@0 1@2000 =1@2010" },
	{ "no room and a refusal", "6:refused10 4:ok10", 0, NEVER,
	    "0@0 1@10 =1@20" },
	{ "room that comes later", "6:silent 4:ok10", 0, 600,
	    "0@0 1@750 =1@760" },
	{ "the one that worked before", "6:silent 4:ok10 4:ok5", 1, 0,
	    "1@0 =1@10" },
	{ "which is silent now", "6:ok10 4:silent", 1, 0,
	    "1@0 0@250 =0@260" },
	{ "a worse one that worked: the better ones join it soon",
	    "4/10:ok10 4/20:silent 4/30:ok1", 1, 0, "1@0 0@250 =0@260" },
	{ "but worse ones do not", "4/10:silent 4/20:silent 4/30:ok1", 1, 0,
	    "1@0 0@250 2@2250 =2@2251" },
};

static void
check_race(size_t i)
{
	struct connector *c;
	unsigned int sockets;

	first_set(races[i].first);
	room_after_ms = races[i].room_after_ms;
	c = make(races[i].targets);
	go(c);
	sockets = open_count();
	tap_is_str(trace, races[i].want, races[i].name);
	if (connect_count(c) != 0 || sockets != (won_fd != -1))
		tap_ok(0, "%s: %u attempts, %u sockets are left",
		    races[i].name, connect_count(c), sockets);
	connect_free(c);
	if (won_fd != -1)
		close(won_fd);
	room_after_ms = 0;
	first_set(0);
}

/* What the winner was worth is known later. */
static void
check_after(void)
{
	struct connector *c = make("6:silent 4:ok10 6:silent 4:ok10");
	char why[TEXT_SIZE];

	go(c);
	close(won_fd);
	connect_failed(c, "554 go away");
	trace[0] = '\0';
	start_ms = now_ms;
	go(c);
	tap_is_str(trace, "2@0 3@250 =3@260",
	    "a winner that is no good: those not tried yet");
	close(won_fd);
	connect_failed(c, "554 go away");
	tap_ok(connect_has_more(c), "those that were too slow are left");
	trace[0] = '\0';
	start_ms = now_ms;
	hosts[2].after_ms = 400;
	go(c);
	tap_is_str(trace, "0@0 2@250 =2@650", "and are tried");
	close(won_fd);
	connect_again(c);
	trace[0] = '\0';
	start_ms = now_ms;
	go(c);
	tap_is_str(trace, "2@0 0@250 =2@400", "the same once more");
	connect_worked(c);
	tap_ok(targets.first == 2 && targets.first_until_ms > now_ms,
	    "and it is remembered");
	close(won_fd);
	connect_failed(c, "no TLS");
	start_ms = now_ms;
	go(c);
	tap_ok(won_fd == -1 && !connect_has_more(c) &&
	    connect_has_unreached(c), "in the end none is left");
	connect_why(c, why, sizeof(why));
	tap_is_str(why, "2001:db8::: no answer; 192.0.2.1, 192.0.2.3: "
	    "554 go away; 2001:db8::2: no TLS", "each with its reason");
	connect_free(c);
	tap_ok(open_count() == 0, "no socket is left");
	first_set(0);
	c = make("4/10:silent 4/10:ok10 4/20:ok10");
	go(c);
	close(won_fd);
	connect_failed(c, "554 go away");
	trace[0] = '\0';
	start_ms = now_ms;
	go(c);
	tap_is_str(trace, "0@0 2@2000 =2@2010",
	    "one that was too slow comes before worse ones");
	close(won_fd);
	connect_free(c);
	c = make("6:ok10 4:ok10");
	go(c);
	connect_worked(c);
	tap_ok(targets.first_until_ms == 0 && !connect_has_unreached(c),
	    "the first needs no memory");
	close(won_fd);
	connect_free(c);
}

/* A connector that ends in the middle. */
static void
check_free(void)
{
	struct connector *c = make("6:silent 4:silent 6:silent 4:ok10");

	connect_go(c);
	run(600);
	tap_ok(connect_count(c) == 3 && open_count() == 3, "three fly");
	connect_free(c);
	tap_ok(open_count() == 0, "and end");
	run(100000);
	tap_ok(!is_done, "without a word");
}

static void
check_why(void)
{
	struct connector *c;
	char list[1024] = "6:silent", why[TEXT_SIZE], reason[600];
	int i;

	for (i = 1; i < ROUTE_TARGETS_MAX; i++)
		strlcat(list, i % 2 ? " 4:refused1" : " 6:silent",
		    sizeof(list));
	c = make(list);
	go(c);
	connect_why(c, why, sizeof(why));
	tap_ok(won_fd == -1 && strlen(why) < sizeof(why) - 1 &&
	    strstr(why, ", 1 more: no answer; 192.0.2.1, ") != NULL &&
	    strstr(why, ", 192.0.2.31: Connection refused") != NULL,
	    "many: %s", why);
	connect_free(c);
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	c = make("6:ok1 4:ok1 4:refused1 4:noroute");
	for (i = 0; i < 2; i++) {
		go(c);
		close(won_fd);
		reason[0] = (char)('0' + i);
		connect_failed(c, reason);
	}
	go(c);
	connect_why(c, why, sizeof(why));
	tap_ok(strncmp(why, "2001:db8::: 0xxx", 16) == 0 &&
	    strstr(why, "; 1 more") != NULL &&
	    strstr(why, "192.0.2.2: Connection refused; 192.0.2.3: ") != NULL,
	    "long ones: %s", why);
	connect_free(c);
}

/* However many connections are made at once: the attempts are bounded. */
static void
check_all(void)
{
	struct connector *c[100];
	unsigned int i, n = 0, least = CONNECT_MAX;

	for (i = 0; i < 100; i++) {
		struct connect_def def = { .targets = &targets, .port = 25,
		    .source4 = "192.0.2.4", .source6 = "2001:db8::6",
		    .has_room = on_has_room, .done = on_done };

		if (i == 0)
			c[0] = make("6:silent 4:silent 6:silent 4:silent");
		else
			c[i] = connect_new(&def);
		connect_go(c[i]);
	}
	run(1900);
	for (i = 0; i < 100; i++) {
		n += connect_count(c[i]);
		if (connect_count(c[i]) < least)
			least = connect_count(c[i]);
	}
	tap_ok(n == CONNECT_ALL_MAX && least >= 1 && open_count() == n,
	    "attempts of all: %u, each has one", n);
	for (i = 0; i < 100; i++)
		connect_free(c[i]);
	tap_ok(open_count() == 0, "no socket is left");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		check_race(i);
	check_after();
	check_free();
	check_why();
	check_all();
	return tap_done();
}
