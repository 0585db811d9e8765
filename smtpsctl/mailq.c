/*
 * mailq and newaliases.  mailq prints the queue in the form that scripts
 * know from other mail systems; control decides who may see it.
 */
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

int
mailq_main(void)
{
	static const struct ctl_handlers handlers = { .item = print_item };

	if (ctl_connect(CONTROL_SOCKET_PATH) == -1) {
		if (errno == EACCES) {
			fprintf(stderr, "mailq: %s: %s\n", CONTROL_SOCKET_PATH,
			    strerror(errno));
			return EX_NOPERM;
		}
		fprintf(stderr, "mailq: smtpsd is not running (%s: %s)\n",
		    CONTROL_SOCKET_PATH, strerror(errno));
		return EX_TEMPFAIL;
	}
	do {
		of_page = 0;
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
	return ctl_request(MSG_CTL_CONTROL_RELOAD, 0, 0, NULL) == -1 ?
	    EX_CONFIG : 0;
}
