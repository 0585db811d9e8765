/*
 * Unit test of quota.c: limits, windows that fade, clocks that jump, what
 * the queue kept, seats.
 */
#include <stdio.h>
#include <string.h>

#include "base/tap.h"
#include "mail/reply.h"
#include "quota.h"

#define DAY	86400U
#define HOUR	3600U
#define T0	(20000ULL * DAY)	/* the start of a day */

static struct parent_policy_conf	limits;
static struct user_usage		sent[8];
static size_t				nsent;
static struct limit_info		rows[64];
static size_t				nrows;
static char				text[160];

static int
send_one(const struct user_usage *u)
{
	if (nsent == 8)
		return -1;
	sent[nsent++] = *u;
	return 0;
}

static void
on_row(const struct limit_info *info, void *arg)
{
	(void)arg;
	if (nrows < 64)
		rows[nrows++] = *info;
}

static unsigned int
mail(struct quota *q, uint64_t now_s)
{
	unsigned int	reply;

	text[0] = '\0';
	reply = quota_may_mail(q, &limits, now_s, text, sizeof(text));
	if (reply == REPLY_NONE)
		quota_count(q, now_s, 1, 1);
	return reply;
}

/* How many messages pass at this moment. */
static unsigned int
burst(struct quota *q, uint64_t now_s)
{
	unsigned int	n;

	for (n = 0; n < 1000 && mail(q, now_s) == REPLY_NONE; n++)
		;
	return n;
}

static void
test_hour(void)
{
	struct quota	*q = quota_hold("hour");
	unsigned int	 total = 0, t;

	memset(&limits, 0, sizeof(limits));
	tap_ok(burst(q, T0) == 1000, "no limit");
	q = quota_hold("hour2");
	limits.user_messages_hour = 10;
	tap_ok(burst(q, T0 + 3000) == 10, "ten in an hour");
	tap_ok(mail(q, T0 + 3000) == REPLY_USER_MESSAGES, "not eleven");
	tap_ok(strcmp(text, "Limit of 10 messages per hour reached (10 used), "
	    "try again in 16 minutes") == 0, "the text says why and when");
	/* 600 s to the turn of the hour, 360 s until one has faded */
	tap_ok(burst(q, T0 + 3000 + 959) == 0, "not a second too early");
	tap_ok(burst(q, T0 + 3000 + 960) == 1, "but then one");
	tap_ok(burst(q, T0 + 5400) == 4, "half of the hour, half of them");
	tap_ok(burst(quota_hold("HOUR2"), T0 + 5400) == 0,
	    "nor by another case of the name");
	/* Never more than the limit in any hour that ends at its turn. */
	q = quota_hold("hour3");
	for (t = 0; t < 2 * HOUR; t += 60)
		total += burst(q, T0 + t);
	tap_ok(total >= 19 && total <= 20, "a greedy one: %u in two hours",
	    total);
}

static void
test_day(void)
{
	struct quota	*q = quota_hold("day");
	unsigned int	 i, passed = 0;

	memset(&limits, 0, sizeof(limits));
	limits.user_recipients_day = 5;
	for (i = 0; i < 9; i++)
		if (quota_may_rcpt(q, &limits, T0 + i, text, sizeof(text)) ==
		    REPLY_NONE) {
			quota_count(q, T0 + i, 0, 1);
			passed++;
		}
	tap_ok(passed == 5, "five recipients a day");
	tap_ok(quota_may_rcpt(q, &limits, T0 + 10, text, sizeof(text)) ==
	    REPLY_USER_RECIPIENTS && strstr(text, "5 recipients per day") &&
	    strstr(text, "hours"), "%s", text);
	tap_ok(quota_may_mail(q, &limits, T0 + 10, text, sizeof(text)) ==
	    REPLY_NONE, "messages are not limited");
	tap_ok(quota_may_rcpt(q, &limits, T0 + 3 * DAY, text, sizeof(text)) ==
	    REPLY_NONE, "three days later");
}

static void
test_clock(void)
{
	struct quota	*q = quota_hold("clock");
	uint64_t	 far = T0 + 5000ULL * DAY;

	memset(&limits, 0, sizeof(limits));
	limits.user_messages_hour = 2;
	limits.user_messages_day = 3;
	tap_ok(burst(q, far) == 2, "used up in a far future");
	tap_ok(mail(q, T0) == REPLY_USER_MESSAGES, "set back: still used up");
	tap_ok(mail(q, T0 + 2 * HOUR) == REPLY_NONE, "but not for ever");
	tap_ok(mail(q, 0) == REPLY_USER_MESSAGES, "set to the epoch");
	tap_ok(mail(q, 3 * DAY) == REPLY_NONE, "and on from there");
	tap_ok(mail(q, UINT64_MAX) == REPLY_NONE, "the end of time");
	quota_count(q, UINT64_MAX, UINT32_MAX, UINT32_MAX);
	tap_ok(mail(q, UINT64_MAX) == REPLY_USER_MESSAGES, "no overflow: %s",
	    text);
	tap_ok(mail(q, T0) == REPLY_USER_MESSAGES &&
	    mail(q, T0 + 3 * DAY) == REPLY_NONE, "and back");
}

static void
test_kept(void)
{
	struct quota	*q = quota_hold("kept");
	struct user_usage u;

	memset(&limits, 0, sizeof(limits));
	limits.user_messages_hour = 10;
	while (quota_owes()) {
		nsent = 0;
		quota_pay(8, send_one);
	}
	nsent = 0;
	quota_count(q, T0, 3, 4);
	quota_count(q, T0, 3, 4);
	quota_pay(8, send_one);
	tap_ok(nsent == 1 && strcmp(sent[0].user, "kept") == 0 &&
	    sent[0].hour.messages == 6 && sent[0].day.recipients == 8 &&
	    !quota_owes(), "one record for a user who sent twice");
	u = sent[0];
	quota_restore(&u, T0);
	tap_ok(burst(q, T0) == 4, "what both know is not counted twice");
	u.hour.messages = 20;
	quota_restore(&u, T0);
	tap_ok(burst(q, T0) == 0, "what the queue knows better counts");
	strlcpy(u.user, "stranger", sizeof(u.user));
	u.hour.number = u.day.number = UINT64_MAX;
	quota_restore(&u, T0);
	q = quota_hold("stranger");
	tap_ok(burst(q, T0) == 0 && burst(q, T0 + 3 * DAY) == 10,
	    "a record of the future is no lock-out");
	u.user[0] = '\0';
	quota_restore(&u, T0);
	memset(&u, 0, sizeof(u));
	strlcpy(u.user, "old", sizeof(u.user));
	u.day.messages = u.hour.messages = 7;
	quota_restore(&u, T0);
	nrows = 0;
	quota_show("old", &limits, T0, on_row, NULL);
	tap_ok(nrows == 0, "an expired record is not kept");
}

static void
test_show(void)
{
	struct quota	*q = quota_hold("shown");
	size_t		 i, found = 0;

	memset(&limits, 0, sizeof(limits));
	limits.user_messages_hour = 5;
	burst(q, T0);
	nrows = 0;
	quota_show("shown", &limits, T0, on_row, NULL);
	tap_ok(nrows == 5, "five rows");
	for (i = 0; i < nrows; i++) {
		if (strcmp(rows[i].name, "messages per hour") == 0)
			found += rows[i].used == 5 && rows[i].max == 5 &&
			    rows[i].wait_s > HOUR;
		if (strcmp(rows[i].name, "sessions") == 0)
			found += rows[i].used == 1 && rows[i].max == 0;
	}
	tap_ok(found == 2, "with use, limit and time");
	nrows = 0;
	quota_show("nobody", &limits, T0, on_row, NULL);
	tap_ok(nrows == 0, "nothing of nobody");
	quota_show("", &limits, T0, on_row, NULL);
	tap_ok(nrows > 10 && strcmp(rows[0].user, "shown") == 0,
	    "all, the latest first");
}

static void
test_seats(void)
{
	struct quota	*a, *b;

	memset(&limits, 0, sizeof(limits));
	limits.user_sessions = 1;
	a = quota_hold("seat");
	b = quota_hold("seat");
	tap_ok(a == b && quota_sit(a, &limits) == 1, "the first has a seat");
	tap_ok(quota_sit(b, &limits) == 0, "the second has none");
	quota_drop(a, 1);
	tap_ok(quota_sit(b, &limits) == 1, "until the first has left");
	quota_drop(b, 1);
	nrows = 0;
	quota_show("seat", &limits, T0, on_row, NULL);
	tap_ok(nrows == 0, "who never sent is forgotten");
	quota_drop(NULL, 0);
}

static void
test_many(void)
{
	struct user_usage u;
	char		name[32];
	unsigned int	i;

	memset(&u, 0, sizeof(u));
	u.hour.number = T0 / HOUR;
	u.day.number = T0 / DAY;
	u.hour.messages = u.day.messages = 1;
	for (i = 0; i < 150000; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		memset(u.user, 0, sizeof(u.user));
		strlcpy(u.user, name, sizeof(u.user));
		quota_restore(&u, T0);
	}
	nrows = 0;
	quota_show("many0", &limits, T0, on_row, NULL);
	tap_ok(nrows == 0, "of too many users the longest unused goes");
	quota_show("many149999", &limits, T0, on_row, NULL);
	quota_show("shown", &limits, T0, on_row, NULL);
	tap_ok(nrows == 10, "the latest stays, and who has a session");
}

int
main(void)
{
	test_hour();
	test_day();
	test_clock();
	test_kept();
	test_show();
	test_seats();
	test_many();
	return tap_done();
}
