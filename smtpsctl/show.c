/*
 * The show commands: sessions, queue, stats, as aligned tables for people or
 * as JSON.  Everything that came from the network is vis-encoded before it
 * reaches a terminal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#define LIBBSD_NETBSD_VIS
#include <vis.h>


#include "proto/net_parent.h"

#include "ctl.h"
#include "json.h"

#define QUEUE_PAGE	500	/* items of one request */
#define QUEUE_PAGES	2	/* of one command, but for "all" */
#define LISTENERS_MAX	256	/* more than any configuration has */
#define STATS_MAX	1024	/* names; more than there are */

static struct listener_info listeners[LISTENERS_MAX];
static size_t nlisteners;
static struct ctl_stat stats[STATS_MAX];
static size_t nstats;
static uint64_t queue_last;
static unsigned int queue_count;

/* Printable form of text in one of eight rotating buffers. */
static const char *
plain(const char *text)
{
	static char buffers[8][4 * 512 + 1];
	static int next;
	char *buffer = buffers[next++ & 7];

	strvis(buffer, text,
	    VIS_CSTYLE | VIS_NL | VIS_TAB);	/* texts have at most 512 bytes */
	return text[0] == '\0' ? "-" : buffer;
}

/* "12s", "5m", "3h12m", "4d" */
static const char *
duration(uint64_t seconds)
{
	static char buffers[4][32];
	static int next;
	char *buffer = buffers[next++ & 3];

	if (seconds < 60)
		snprintf(buffer, sizeof(buffers[0]), "%us",
		    (unsigned int)seconds);
	else if (seconds < 3600)
		snprintf(buffer, sizeof(buffers[0]), "%um",
		    (unsigned int)(seconds / 60));
	else if (seconds < 86400)
		snprintf(buffer, sizeof(buffers[0]), "%uh%02um",
		    (unsigned int)(seconds / 3600),
		    (unsigned int)(seconds % 3600 / 60));
	else
		snprintf(buffer, sizeof(buffers[0]), "%" PRIu64 "d",
		    seconds / 86400);
	return buffer;
}

static void
session_table(const struct session_info *s)
{
	printf("%016" PRIx64 "  %-24s %5u  %-8s %-16s %5u %10" PRIu64
	    " %8s %6s  %-6s %s\n",
	    s->session, plain(s->address), s->port, plain(s->tls_version),
	    plain(s->user), s->messages, s->bytes, duration(s->age_s),
	    duration(s->idle_s), plain(s->state), plain(s->tls_cipher));
}

static void
session_json(const struct session_info *s)
{
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, s->session);
	json_object();
	json_string("session", id);
	json_string("address", s->address);
	json_number("port", s->port);
	json_string("user", s->user);
	json_string("tls_version", s->tls_version);
	json_string("tls_cipher", s->tls_cipher);
	json_string("state", s->state);
	json_number("messages", s->messages);
	json_number("bytes", s->bytes);
	json_number("age_s", s->age_s);
	json_number("idle_s", s->idle_s);
	json_object_end();
}

int
show_sessions(int json)
{
	static const struct ctl_handlers table = { .session = session_table };
	static const struct ctl_handlers lines = { .session = session_json };
	int error;

	if (json)
		json_begin();
	else
		printf("%-16s  %-24s %5s  %-8s %-16s %5s %10s %8s %6s  %-6s %s\n",
		    "SESSION", "ADDRESS", "PORT", "TLS", "USER", "MAILS",
		    "BYTES", "AGE", "IDLE", "STATE", "CIPHER");
	error = ctl_request(MSG_CTL_CONTROL_SESSIONS, 0, 0,
	    json ? &lines : &table);
	if (json)
		json_end();
	return error == -1;
}

static const char *
queue_state_name(uint32_t state)
{
	switch (state) {
	case QUEUE_WAITING:
		return "waiting";
	case QUEUE_RUNNING:
		return "running";
	case QUEUE_HELD:
		return "held";
	case QUEUE_QUARANTINED:
		return "quarantined";
	default:
		return "unknown";
	}
}

static void
item_count(const struct queue_item *item)
{
	queue_last = item->envelope;
	queue_count++;
}

void
queue_item_table(const struct queue_item *q)
{
	uint64_t now = (uint64_t)time(NULL);

	item_count(q);
	printf("%013" PRIx64 "/%-4u %-11s %9" PRIu64 " %6s %6s %3u  %-10s "
	    "%s -> %s", q->envelope >> 10, (unsigned int)(q->envelope & 1023),
	    queue_state_name(q->state), q->size,
	    duration(now > q->created_s ? now - q->created_s : 0),
	    q->next_s == 0 ? "-" :
	    duration(q->next_s > now ? q->next_s - now : 0), q->attempts,
	    q->action[0] == '\0' ? ".forward" : plain(q->action),
	    q->sender[0] == '\0' ? "<>" : plain(q->sender),
	    plain(q->recipient));
	if (q->error[0] != '\0')
		printf("\n%19s%s", "", plain(q->error));
	putchar('\n');
}

void
queue_item_json(const struct queue_item *q)
{
	char id[17];

	item_count(q);
	json_object();
	snprintf(id, sizeof(id), "%016" PRIx64, q->envelope);
	json_string("envelope", id);
	snprintf(id, sizeof(id), "%013" PRIx64, q->envelope >> 10);
	json_string("message", id);
	json_string("state", queue_state_name(q->state));
	json_number("size", q->size);
	json_number("created_s", q->created_s);
	json_number("next_s", q->next_s);
	json_number("attempts", q->attempts);
	json_string("action", q->action);
	json_string("sender", q->sender);
	json_string("recipient", q->recipient);
	json_string("error", q->error);
	json_object_end();
}

int
show_queue(uint64_t above, int is_all, int json)
{
	static const struct ctl_handlers table = { .item = queue_item_table };
	static const struct ctl_handlers lines = { .item = queue_item_json };
	unsigned int pages = 0;
	uint64_t before;
	int error;

	if (json)
		json_begin();
	else
		printf("%-18s %-11s %9s %6s %6s %3s  %-10s %s\n", "ENVELOPE",
		    "STATE", "SIZE", "AGE", "NEXT", "TRY", "ACTION",
		    "SENDER -> RECIPIENT");
	queue_last = above;
	do {
		queue_count = 0;
		before = queue_last;
		error = ctl_request(MSG_CTL_CONTROL_QUEUE, queue_last,
		    QUEUE_PAGE, json ? &lines : &table);
		if (error == 0 && queue_count > 0 && queue_last <= before) {
			complain_text("the answer has no end");
			error = -1;
		}
	} while (error == 0 && queue_count >= QUEUE_PAGE &&
	    (is_all || ++pages < QUEUE_PAGES));
	if (json)
		json_end();
	if (error == 0 && queue_count >= QUEUE_PAGE) {
		fflush(stdout);
		fprintf(stderr, "smtpsctl: there may be more: "
		    "`smtpsctl show queue above %013" PRIx64 "/%u'\n",
		    queue_last >> 10, (unsigned int)(queue_last & 1023));
	}
	return error == -1;
}

/* Of several processes of a kind each has the same names: they add up. */
static void
stat_add(const struct ctl_stat *from)
{
	size_t i;

	for (i = 0; i < nstats && strcmp(stats[i].name, from->name) != 0; i++)
		;
	if (i < nstats)
		stats[i].value += from->value;
	else if (nstats < STATS_MAX)
		stats[nstats++] = *from;
}

static void
stat_table(const struct ctl_stat *stat)
{
	printf("%-40s %" PRIu64 "\n", plain(stat->name), stat->value);
}

static void
stat_json(const struct ctl_stat *stat)
{
	json_object();
	json_string("name", stat->name);
	json_number("value", stat->value);
	json_object_end();
}

int
show_stats(int json)
{
	static const struct ctl_handlers all = { .stat = stat_add };
	size_t i;
	int error;

	nstats = 0;
	error = ctl_request(MSG_CTL_CONTROL_STATS, 0, 0, &all);
	if (json)
		json_begin();
	for (i = 0; i < nstats; i++) {
		if (json)
			stat_json(&stats[i]);
		else
			stat_table(&stats[i]);
	}
	if (json)
		json_end();
	return error == -1;
}

static void
limit_table(const struct limit_info *l)
{
	char max[24] = "-";

	if (l->max != 0)
		snprintf(max, sizeof(max), "%" PRIu64, l->max);
	printf("%-24s %-20s %9" PRIu64 " %9s  %s\n", plain(l->user),
	    plain(l->name), l->used, max,
	    l->wait_s == 0 ? "now" : duration(l->wait_s));
}

static void
limit_json(const struct limit_info *l)
{
	json_object();
	json_string("user", l->user);
	json_string("limit", l->name);
	json_number("used", l->used);
	json_number("max", l->max);
	json_number("wait_s", l->wait_s);
	json_object_end();
}

int
show_limits(const char *user, int json)
{
	static const struct ctl_handlers table = { .limit = limit_table };
	static const struct ctl_handlers lines = { .limit = limit_json };
	int error;

	if (json)
		json_begin();
	else
		printf("%-24s %-20s %9s %9s  %s\n", "USER", "LIMIT", "USED",
		    "MAX", "NEXT");
	error = ctl_request_text(MSG_CTL_CONTROL_LIMITS, 0, 0,
	    user == NULL ? "" : user,
	    json ? &lines : &table);
	if (json)
		json_end();
	return error == -1;
}

/* Each net process tells of all; sessions add up. */
static void
listener_add(const struct listener_info *from)
{
	size_t i;

	for (i = 0; i < nlisteners && listeners[i].id != from->id; i++)
		;
	if (i == LISTENERS_MAX)
		return;
	if (i == nlisteners)
		listeners[nlisteners++] = *from;
	else
		listeners[i].sessions += from->sessions;
}

static const char *
listener_kind(const struct listener_info *l)
{
	static const char *const names[] = { "unknown", "smtps", "submission",
	    "smtp", "socket" };

	return names[l->kind <= LISTENER_LOCAL ? l->kind : 0];
}

static void
listener_table(const struct listener_info *l)
{
	char port[8] = "-";

	if (l->port != 0)
		snprintf(port, sizeof(port), "%u", l->port);
	printf("%08x  %-24s %5s  %-10s %-12s %-3s %-4s %8u\n", l->id,
	    plain(l->address), port, listener_kind(l), plain(l->tag),
	    l->has_tls ? "yes" : "no", l->has_auth ? "yes" : "no",
	    l->sessions);
}

static void
listener_json(const struct listener_info *l)
{
	char id[9];

	snprintf(id, sizeof(id), "%08x", l->id);
	json_object();
	json_string("id", id);
	json_string("address", l->address);
	json_number("port", l->port);
	json_string("kind", listener_kind(l));
	json_string("tag", l->tag);
	json_number("tls", l->has_tls);
	json_number("auth", l->has_auth);
	json_number("sessions", l->sessions);
	json_object_end();
}

int
show_listeners(int json)
{
	static const struct ctl_handlers all = { .listener = listener_add };
	size_t i;

	nlisteners = 0;
	if (ctl_request(MSG_CTL_CONTROL_LISTENERS, 0, 0, &all) == -1)
		return 1;
	if (json)
		json_begin();
	else
		printf("%-8s  %-24s %5s  %-10s %-12s %-3s %-4s %8s\n", "ID",
		    "ADDRESS", "PORT", "KIND", "TAG", "TLS", "AUTH",
		    "SESSIONS");
	for (i = 0; i < nlisteners; i++) {
		if (json)
			listener_json(&listeners[i]);
		else
			listener_table(&listeners[i]);
	}
	if (json)
		json_end();
	return 0;
}
