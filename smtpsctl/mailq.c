/*
 * mailq, newaliases and sendmail -q.  mailq prints the queue in the form that
 * scripts know from other mail systems; control decides who may see it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#define LIBBSD_NETBSD_VIS
#include <vis.h>

#include "ctl.h"
#include "sendmail.h"

#define PAGE	500	/* items of one request */

static uint64_t last, message, bytes;
static unsigned int of_page, messages;

/* Printable form in one of four rotating buffers. */
static const char *
plain(const char *text)
{
	static char buffers[4][4 * TEXT_SIZE + 1];
	static int next;
	char *buffer = buffers[next++ & 3];

	strvis(buffer, text, VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	return buffer;
}

static char
state_mark(uint32_t state)
{
	switch (state) {
	case QUEUE_RUNNING:
		return '*';
	case QUEUE_HELD:
	case QUEUE_QUARANTINED:
		return '!';
	default:
		return ' ';
	}
}

/* Envelopes of one message follow each other. */
static void
print_item(const struct queue_item *q)
{
	char when[32] = "-";
	time_t t = (time_t)q->created_s;
	struct tm tm;

	of_page++;
	last = q->envelope;
	if (q->envelope >> 10 != message) {
		if (messages++ == 0)
			printf("%-14s %8s ----Arrival Time---- "
			    "-Sender/Recipient-------\n", "-Queue ID-",
			    "--Size--");
		else
			putchar('\n');
		message = q->envelope >> 10;
		bytes += q->size;
		if (localtime_r(&t, &tm) != NULL)
			strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm);
		printf("%013" PRIx64 "%c %8" PRIu64 " %-20s %s\n", message,
		    state_mark(q->state), q->size, when,
		    q->sender[0] == '\0' ? "MAILER-DAEMON" : plain(q->sender));
	}
	if (q->error[0] != '\0')
		printf("%24s(%s)\n", "", plain(q->error));
	printf("%45s%s\n", "", plain(q->recipient));
}

/* 0, or an exit status. */
static int
connect_as(const char *name)
{
	if (ctl_connect(CONTROL_SOCKET_PATH) == 0)
		return 0;
	if (errno == EACCES) {
		fprintf(stderr, "%s: %s: %s\n", name, CONTROL_SOCKET_PATH,
		    strerror(errno));
		return EX_NOPERM;
	}
	fprintf(stderr, "%s: smtpsd is not running (%s: %s)\n", name,
	    CONTROL_SOCKET_PATH, strerror(errno));
	return EX_TEMPFAIL;
}

int
mailq_main(void)
{
	static const struct ctl_handlers handlers = { .item = print_item };
	uint64_t before;
	int status;

	if ((status = connect_as("mailq")) != 0)
		return status;
	do {
		of_page = 0;
		before = last;
		if (ctl_request(MSG_CTL_CONTROL_QUEUE, last, PAGE,
		    &handlers) == -1) {
			if (ferror(stdout))
				return EX_IOERR;
			if (geteuid() == 0)
				return EX_UNAVAILABLE;
			fprintf(stderr, "mailq: root and the control group of "
			    "smtpsd.conf(5) may see the queue\n");
			return EX_NOPERM;
		}
		if (of_page > 0 && last <= before) {
			complain_text("the answer has no end");
			return EX_UNAVAILABLE;
		}
	} while (of_page >= PAGE);
	if (messages == 0)
		printf("Mail queue is empty\n");
	else
		printf("\n-- %" PRIu64 " Kbytes in %u Request%s.\n",
		    (bytes + 1023) / 1024, messages, messages == 1 ? "" : "s");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

/* There is no database to build: smtpsd reads the file itself. */
int
newaliases_main(void)
{
	static const struct ctl_handlers handlers = { .text = complain_text };

	if (geteuid() != 0) {
		printf("newaliases: nothing to build; smtpsd reads its aliases "
		    "when root runs newaliases or `smtpsctl reload'\n");
		return 0;
	}
	if (ctl_connect(CONTROL_SOCKET_PATH) == -1) {
		if (errno != ENOENT && errno != ECONNREFUSED) {
			fprintf(stderr, "newaliases: %s: %s\n",
			    CONTROL_SOCKET_PATH, strerror(errno));
			return EX_UNAVAILABLE;
		}
		printf("newaliases: smtpsd is not running and reads its "
		    "aliases when it starts\n");
		return 0;
	}
	return ctl_request(MSG_CTL_CONTROL_RELOAD, 0, 0, &handlers) == -1 ?
	    EX_CONFIG : 0;
}

static void
say_nothing(const char *text)
{
	(void)text;
}

/*
 * The queue runs by itself: what waits for its next attempt is tried now, all
 * of it or what -qR, -qS or -qI names.
 */
int
flush_main(const char *what)
{
	static const struct ctl_handlers handlers = { .text = say_nothing };
	uint32_t which = SELECT_ALL;
	uint64_t id = 0;
	int status;

	if (geteuid() != 0 || isdigit((unsigned char)what[0]))
		return 0;	/* an interval is for daemons */
	if (what[0] == 'R')
		which = strchr(what, '@') != NULL ? SELECT_RECIPIENT :
		    SELECT_DOMAIN;
	else if (what[0] == 'S')
		which = SELECT_SENDER;
	else if (what[0] == 'I') {
		which = SELECT_MESSAGE;
		if (queue_message_id(what + 1, &id) == -1)
			return EX_USAGE;
	}
	if ((status = connect_as("sendmail")) != 0)
		return status;
	return ctl_request_text(MSG_CTL_CONTROL_EDIT, id,
	    QUEUE_EDIT(EDIT_SCHEDULE, which), which == SELECT_RECIPIENT ||
	    which == SELECT_DOMAIN || which == SELECT_SENDER ? what + 1 : "",
	    &handlers) == -1 ? EX_UNAVAILABLE : 0;
}
