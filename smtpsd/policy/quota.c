/*
 * Counts what users use.  A limit of N per hour is kept by two counters,
 * this hour's and the last one's: what is held against a user is this hour's
 * count and the part of the last hour's that a window of one hour, ending
 * now, still covers.  So nobody can use twice the limit around the turn of
 * an hour, and it costs no list of events.  The same for days.
 *
 * Windows are of the wall clock, because they outlive processes and reboots.
 * When it is set back, the counts are taken into the window that is now: the
 * worst is that one begins anew.  When it is set forward, they expire early.
 *
 * Case makes no other user of a login: directories often do not mind it, and
 * whoever wrote his name in a new way would have new limits.
 *
 * State owned: the users, in a hash table and in order of use; those whose
 * counts the queue does not have yet.  A user without sessions and without
 * counts is forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sys/queue.h>

#include "mail/reply.h"
#include "hash.h"
#include "quota.h"

#define BUCKETS		4096	/* a power of two */
#define USERS_MAX	100000
#define SHOWN_MAX	10000
#define HOUR		3600
#define DAY		86400

struct quota {
	LIST_ENTRY(quota)	 by_hash;
	TAILQ_ENTRY(quota)	 by_use;	/* oldest first */
	TAILQ_ENTRY(quota)	 owed;
	struct usage_window	 hour;
	struct usage_window	 day;
	uint32_t		 sessions;	/* that hold it */
	uint32_t		 seats;		/* of them within the limit */
	int			 is_owed;
	char			 user[];
};

enum what { MESSAGES, RECIPIENTS };

struct amount {
	uint64_t	used;		/* in a window that ends now */
	uint64_t	wait_s;		/* until one more is allowed */
};

static LIST_HEAD(, quota)	buckets[BUCKETS];
static TAILQ_HEAD(users, quota)	users = TAILQ_HEAD_INITIALIZER(users);
static TAILQ_HEAD(, quota)	owed = TAILQ_HEAD_INITIALIZER(owed);
static uint32_t			nusers;

static struct quota *
quota_find(const char *user)
{
	struct quota	*q;
	uint64_t	 hash = hash_string(user);

	LIST_FOREACH(q, &buckets[hash & (BUCKETS - 1)], by_hash)
		if (strcasecmp(q->user, user) == 0)
			return q;
	return NULL;
}

static void
quota_free(struct quota *q)
{
	if (q->is_owed)
		TAILQ_REMOVE(&owed, q, owed);
	LIST_REMOVE(q, by_hash);
	TAILQ_REMOVE(&users, q, by_use);
	nusers--;
	free(q);
}

/* Room for a new one: the longest unused goes. */
static void
make_room(void)
{
	struct quota	*q;

	if (nusers < USERS_MAX)
		return;
	TAILQ_FOREACH(q, &users, by_use)
		if (q->sessions == 0) {
			quota_free(q);
			return;
		}
}

static struct quota *
quota_get(const char *user)
{
	struct quota	*q;
	size_t		 size = strlen(user) + 1;
	uint64_t	 hash = hash_string(user);

	if ((q = quota_find(user)) != NULL) {
		TAILQ_REMOVE(&users, q, by_use);
		TAILQ_INSERT_TAIL(&users, q, by_use);
		return q;
	}
	make_room();
	if ((q = malloc(sizeof(*q) + size)) == NULL)
		return NULL;
	memset(q, 0, sizeof(*q));
	memcpy(q->user, user, size);
	LIST_INSERT_HEAD(&buckets[hash & (BUCKETS - 1)], q, by_hash);
	TAILQ_INSERT_TAIL(&users, q, by_use);
	nusers++;
	return q;
}

struct quota *
quota_hold(const char *user)
{
	struct quota	*q;

	if ((q = quota_get(user)) != NULL)
		q->sessions++;
	return q;
}

void
quota_drop(struct quota *q, int has_seat)
{
	if (q == NULL)
		return;
	q->sessions--;
	if (has_seat)
		q->seats--;
	if (q->sessions == 0 && q->day.number == 0)
		quota_free(q);		/* never sent anything */
}

int
quota_sit(struct quota *q, const struct parent_policy_conf *limits)
{
	if (limits->user_sessions != 0 && q->seats >= limits->user_sessions)
		return 0;
	q->seats++;
	return 1;
}

/* Into the window that is now. */
static void
window_turn(struct usage_window *w, uint64_t now_s, uint32_t length)
{
	uint64_t	number = now_s / length;

	if (number == w->number + 1) {
		w->messages_before = w->messages;
		w->recipients_before = w->recipients;
		w->messages = w->recipients = 0;
	} else if (number > w->number) {
		w->messages_before = w->recipients_before = 0;
		w->messages = w->recipients = 0;
	}
	w->number = number;
}

static void
quota_turn(struct quota *q, uint64_t now_s)
{
	window_turn(&q->hour, now_s, HOUR);
	window_turn(&q->day, now_s, DAY);
}

/* Seconds into a window from which on "before", fading, is at most room. */
static uint64_t
fades_to(uint64_t before, uint64_t room, uint32_t length)
{
	if (before <= room)
		return 0;
	return (length * (before - room) + before - 1) / before;
}

static struct amount
window_amount(const struct usage_window *w, enum what what, uint64_t max,
    uint64_t now_s, uint32_t length)
{
	struct amount	a = { 0, 0 };
	uint64_t	now = what == MESSAGES ? w->messages : w->recipients;
	uint64_t	before = what == MESSAGES ? w->messages_before :
			    w->recipients_before;
	uint64_t	into = now_s % length, from;

	a.used = now + (before * (length - into) + length - 1) / length;
	if (max == 0 || a.used < max)
		return a;
	if (now < max) {
		from = fades_to(before, max - 1 - now, length);
		a.wait_s = from > into ? from - into : 1;
	} else {
		a.wait_s = length - into + fades_to(now, max - 1, length);
	}
	return a;
}

static void
say_wait(char *text, size_t size, uint64_t s)
{
	if (s < 120)
		snprintf(text, size, "%llu second%s", (unsigned long long)s,
		    s == 1 ? "" : "s");
	else if (s < 7200)
		snprintf(text, size, "%llu minutes",
		    (unsigned long long)((s + 59) / 60));
	else
		snprintf(text, size, "%llu hours",
		    (unsigned long long)((s + 3599) / 3600));
}

static int
is_over(const struct usage_window *w, enum what what, uint64_t max,
    uint64_t now_s, uint32_t length, char *text, size_t size)
{
	struct amount	a;
	char		wait[32];

	if (max == 0)
		return 0;
	a = window_amount(w, what, max, now_s, length);
	if (a.wait_s == 0)
		return 0;
	say_wait(wait, sizeof(wait), a.wait_s);
	snprintf(text, size, "Limit of %llu %s per %s reached (%llu used), "
	    "try again in %s", (unsigned long long)max,
	    what == MESSAGES ? "messages" : "recipients",
	    length == HOUR ? "hour" : "day", (unsigned long long)a.used, wait);
	return 1;
}

unsigned int
quota_may_mail(struct quota *q, const struct parent_policy_conf *limits,
    uint64_t now_s, char *text, size_t size)
{
	quota_turn(q, now_s);
	if (is_over(&q->day, MESSAGES, limits->user_messages_day, now_s, DAY,
	    text, size) || is_over(&q->hour, MESSAGES,
	    limits->user_messages_hour, now_s, HOUR, text, size))
		return REPLY_USER_MESSAGES;
	return REPLY_NONE;
}

unsigned int
quota_may_rcpt(struct quota *q, const struct parent_policy_conf *limits,
    uint64_t now_s, char *text, size_t size)
{
	quota_turn(q, now_s);
	if (is_over(&q->day, RECIPIENTS, limits->user_recipients_day, now_s,
	    DAY, text, size) || is_over(&q->hour, RECIPIENTS,
	    limits->user_recipients_hour, now_s, HOUR, text, size))
		return REPLY_USER_RECIPIENTS;
	return REPLY_NONE;
}

static void
add(uint32_t *count, uint32_t n)
{
	*count = n > UINT32_MAX - *count ? UINT32_MAX : *count + n;
}

static void
owe(struct quota *q)
{
	if (q->is_owed)
		return;
	TAILQ_INSERT_TAIL(&owed, q, owed);
	q->is_owed = 1;
}

void
quota_count(struct quota *q, uint64_t now_s, uint32_t messages,
    uint32_t recipients)
{
	quota_turn(q, now_s);
	add(&q->hour.messages, messages);
	add(&q->hour.recipients, recipients);
	add(&q->day.messages, messages);
	add(&q->day.recipients, recipients);
	owe(q);
}

static void
at_least(uint32_t *count, uint32_t n)
{
	if (*count < n)
		*count = n;
}

/* A number from the future would be a lock-out: window_turn() takes it. */
static void
window_restore(struct usage_window *w, const struct usage_window *kept,
    uint64_t now_s, uint32_t length)
{
	struct usage_window	k = *kept;

	window_turn(&k, now_s, length);
	window_turn(w, now_s, length);
	at_least(&w->messages, k.messages);
	at_least(&w->messages_before, k.messages_before);
	at_least(&w->recipients, k.recipients);
	at_least(&w->recipients_before, k.recipients_before);
}

static int
window_is_empty(const struct usage_window *w)
{
	return w->messages == 0 && w->messages_before == 0 &&
	    w->recipients == 0 && w->recipients_before == 0;
}

void
quota_restore(const struct user_usage *kept, uint64_t now_s)
{
	struct quota	*q;

	if (kept->user[0] == '\0' || (q = quota_get(kept->user)) == NULL)
		return;
	window_restore(&q->hour, &kept->hour, now_s, HOUR);
	window_restore(&q->day, &kept->day, now_s, DAY);
	if (q->sessions == 0 && window_is_empty(&q->hour) &&
	    window_is_empty(&q->day))
		quota_free(q);
}

int
quota_owes(void)
{
	return !TAILQ_EMPTY(&owed);
}

void
quota_pay(size_t max, int (*send)(const struct user_usage *))
{
	struct user_usage	 usage;
	struct quota		*q;

	while (max-- > 0 && (q = TAILQ_FIRST(&owed)) != NULL) {
		memset(&usage, 0, sizeof(usage));
		usage.hour = q->hour;
		usage.day = q->day;
		strlcpy(usage.user, q->user, sizeof(usage.user));
		if (send(&usage) == -1)
			return;
		TAILQ_REMOVE(&owed, q, owed);
		q->is_owed = 0;
	}
}

void
quota_owe_all(void)
{
	struct quota	*q;

	TAILQ_FOREACH(q, &users, by_use)
		if (q->day.number != 0)
			owe(q);
}

static void
show_one(struct quota *q, const struct parent_policy_conf *limits,
    uint64_t now_s, void (*row)(const struct limit_info *, void *), void *arg)
{
	const struct {
		const char		*name;
		struct usage_window	*window;
		uint32_t		 max, length;
		enum what		 what;
	}			 rows[] = {
		{ "messages per hour", &q->hour, limits->user_messages_hour,
		    HOUR, MESSAGES },
		{ "messages per day", &q->day, limits->user_messages_day, DAY,
		    MESSAGES },
		{ "recipients per hour", &q->hour,
		    limits->user_recipients_hour, HOUR, RECIPIENTS },
		{ "recipients per day", &q->day, limits->user_recipients_day,
		    DAY, RECIPIENTS },
	};
	struct limit_info	 info;
	struct amount		 a;
	size_t			 i;

	quota_turn(q, now_s);
	memset(&info, 0, sizeof(info));
	strlcpy(info.user, q->user, sizeof(info.user));
	strlcpy(info.name, "sessions", sizeof(info.name));
	info.used = q->sessions;
	info.max = limits->user_sessions;
	row(&info, arg);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(info.name, 0, sizeof(info.name));
		strlcpy(info.name, rows[i].name, sizeof(info.name));
		a = window_amount(rows[i].window, rows[i].what, rows[i].max,
		    now_s, rows[i].length);
		info.used = a.used;
		info.max = rows[i].max;
		info.wait_s = a.wait_s;
		row(&info, arg);
	}
}

void
quota_show(const char *user, const struct parent_policy_conf *limits,
    uint64_t now_s, void (*row)(const struct limit_info *, void *), void *arg)
{
	struct quota	*q;
	unsigned int	 n = 0;

	if (user[0] != '\0') {
		if ((q = quota_find(user)) != NULL)
			show_one(q, limits, now_s, row, arg);
		return;
	}
	/* The latest first, should there be too many. */
	TAILQ_FOREACH_REVERSE(q, &users, users, by_use) {
		if (n++ == SHOWN_MAX)
			return;
		show_one(q, limits, now_s, row, arg);
	}
}
