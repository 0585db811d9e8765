/*
 * The connection to control: one request at a time over the same link code
 * as the daemon's, driven by a loop of its own until DONE has come.  Who asks
 * page by page and has a slow reader may find it closed between two pages,
 * since control waits for nobody: it is then made again.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/link.h"
#include "mail/address.h"

#include "ctl.h"

#define OUTPUT_SIZE	(32U << 20)	/* as much as control holds back */
#define STALE_S		5		/* half of what control grants */

static struct link *control;
static const char *control_path;
static time_t answered_s;
static const struct ctl_handlers *handlers;
static int is_done, is_failed;
static uint32_t next;			/* of DONE */
static uint64_t body_size;		/* of this answer */

static void
on_control_session(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->session != NULL)
		handlers->session(in->data);
}

static void
on_control_item(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->item != NULL)
		handlers->item(in->data);
}

static void
on_control_listener(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->listener != NULL)
		handlers->listener(in->data);
}

static void
on_control_stat(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->stat != NULL)
		handlers->stat(in->data);
}

static void
on_control_limit(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->limit != NULL)
		handlers->limit(in->data);
}

static void
on_control_login(struct link *link, struct link_in *in)
{
	(void)link;
	if (handlers != NULL && handlers->login != NULL)
		handlers->login(in->data);
}

static void
on_control_body(struct link *link, struct link_in *in)
{
	(void)link;
	body_size += in->size;
	if (handlers != NULL && handlers->body != NULL)
		handlers->body(in->data, in->size);
}

/* A process that was taken over may have said it: no escapes for terminals. */
static const char *
visible(const char *text)
{
	static char out[sizeof(((struct ctl_done *)0)->text)];
	size_t i, n;

	strlcpy(out, text, sizeof(out));
	for (i = 0; out[i] != '\0'; i += n) {
		n = 1;
		if (out[i] == '\n' || out[i] == '\t' ||
		    (out[i] >= ' ' && out[i] <= '~'))
			continue;
		if ((n = address_utf8_size(out + i)) == 0) {
			out[i] = '?';
			n = 1;
		}
	}
	return out;
}

static void
on_control_done(struct link *link, struct link_in *in)
{
	const struct ctl_done *done = in->data;
	const char *text = visible(done->text);

	(void)link;
	is_done = 1;
	is_failed = done->failed != 0;
	next = done->next;
	if (is_failed)
		fflush(stdout);		/* the part that came before it */
	if (is_failed)
		fprintf(stderr, "%s: %s\n", getprogname(),
		    text[0] == '\0' ? "failed" : text);
	else if (text[0] != '\0' && handlers != NULL &&
	    handlers->text != NULL)
		handlers->text(text);
	else if (text[0] != '\0')
		printf("%s\n", text);
}

static const struct link_rule rules[] = {
	{ MSG_CONTROL_CTL_SESSION, LINK_STATE_ANY, on_control_session },
	{ MSG_CONTROL_CTL_LISTENER, LINK_STATE_ANY, on_control_listener },
	{ MSG_CONTROL_CTL_ITEM, LINK_STATE_ANY, on_control_item },
	{ MSG_CONTROL_CTL_STAT, LINK_STATE_ANY, on_control_stat },
	{ MSG_CONTROL_CTL_DONE, LINK_STATE_ANY, on_control_done },
	{ MSG_CONTROL_CTL_LIMIT, LINK_STATE_ANY, on_control_limit },
	{ MSG_CONTROL_CTL_BODY, LINK_STATE_ANY, on_control_body },
	{ MSG_CONTROL_CTL_LOGIN, LINK_STATE_ANY, on_control_login },
};

static void
on_control_down(struct link *link, const char *why)
{
	(void)link;
	control = NULL;
	if (is_done)
		return;
	is_done = is_failed = 1;
	fprintf(stderr, "%s: connection lost: %s\n", getprogname(),
	    why == NULL ? "closed by smtpsd" : why);
}

static time_t
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Once, before anything is printed or an event made. */
static int
prepare(void)
{
	static char output[OUTPUT_SIZE];
	static int is_prepared;

	if (is_prepared)
		return 0;
	if (event_init() == NULL)
		return -1;
	is_prepared = 1;
	return setvbuf(stdout, output, _IOFBF, sizeof(output)) == 0 ? 0 : -1;
}

int
ctl_connect(const char *path)
{
	struct link_end end = {
		.name = "control", .rules = rules,
		.nrules = sizeof(rules) / sizeof(rules[0]),
		.down = on_control_down,
	};
	struct sockaddr_un sun;
	int fd, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (prepare() == -1)
		return -1;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    (control = link_new(fd, &end)) == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	control_path = path;
	answered_s = now_s();
	return 0;
}

/* -1: complained. */
static int
connect_again(void)
{
	if (control != NULL && now_s() - answered_s < STALE_S)
		return 0;
	link_close(control);
	control = NULL;
	if (ctl_connect(control_path) == 0)
		return 0;
	fprintf(stderr, "%s: connection lost: %s\n", getprogname(),
	    strerror(errno));
	return -1;
}

static int
request_run(uint32_t type, const struct ctl_request *request, const void *tail,
    size_t tail_size, const struct ctl_handlers *with)
{
	if (connect_again() == -1)
		return -1;
	handlers = with;
	is_done = is_failed = 0;
	next = 0;
	body_size = 0;
	if (link_send_tail(control, type, request, sizeof(*request), tail,
	    tail_size) == -1) {
		if (!is_done)
			fprintf(stderr, "%s: connection lost\n",
			    getprogname());
		return -1;
	}
	link_flush_all();
	while (!is_done) {
		if (event_loop(EVLOOP_ONCE) != 0) {
			fprintf(stderr, "%s: connection lost\n",
			    getprogname());
			return -1;
		}
		link_flush_all();
	}
	answered_s = now_s();
	/* The answer is all here: now it may take as long as it likes. */
	return is_failed || fflush(stdout) == EOF ? -1 : 0;
}

void
complain_text(const char *text)
{
	fprintf(stderr, "%s: %s\n", getprogname(), text);
}

int
ctl_request(uint32_t type, uint64_t arg, uint32_t limit,
    const struct ctl_handlers *with)
{
	struct ctl_request request;

	memset(&request, 0, sizeof(request));
	request.arg = arg;
	request.limit = limit;
	return request_run(type, &request, "", 0, with);
}

int
ctl_request_text(uint32_t type, uint64_t arg, uint32_t limit,
    const char *text, const struct ctl_handlers *with)
{
	struct ctl_request request;

	memset(&request, 0, sizeof(request));
	request.arg = arg;
	request.limit = limit;
	return request_run(type, &request, text, strlen(text), with);
}

int
ctl_request_part(uint64_t message, struct message_part *part,
    const struct ctl_handlers *with)
{
	struct ctl_request request;

	memset(&request, 0, sizeof(request));
	request.arg = message;
	if (request_run(MSG_CTL_CONTROL_MESSAGE, &request, part, sizeof(*part),
	    with) == -1)
		return -1;
	if (next == 0)
		return 0;
	if (next <= part->piece || body_size == 0) {
		complain_text("the answer has no end");
		return -1;
	}
	part->piece = next;
	part->sent += body_size;
	return 1;
}
