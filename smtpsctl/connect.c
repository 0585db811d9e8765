/*
 * The connection to control: one request at a time over the same link code
 * as the daemon's, driven by a loop of its own until DONE has come.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"

#include "ctl.h"

static struct link *control;
static const struct ctl_handlers *handlers;
static int is_done, is_failed;

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
	if (handlers != NULL && handlers->body != NULL)
		handlers->body(in->data, in->size);
}

static void
on_control_done(struct link *link, struct link_in *in)
{
	const struct ctl_done *done = in->data;

	(void)link;
	is_done = 1;
	is_failed = done->failed != 0;
	if (is_failed)
		fprintf(stderr, "%s: %s\n", getprogname(), done->text[0] == '\0' ?
		    "failed" : done->text);
	else if (done->text[0] != '\0' && handlers != NULL &&
	    handlers->text != NULL)
		handlers->text(done->text);
	else if (done->text[0] != '\0')
		printf("%s\n", done->text);
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
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    event_init() == NULL ||
	    (control = link_new(fd, &end)) == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return 0;
}

static int
request_run(uint32_t type, const struct ctl_request *request, const char *tail,
    const struct ctl_handlers *with)
{
	handlers = with;
	is_done = is_failed = 0;
	if (link_send_tail(control, type, request, sizeof(*request), tail,
	    strlen(tail)) == -1) {
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
	return is_failed ? -1 : 0;
}

int
ctl_request(uint32_t type, uint64_t arg, uint32_t limit,
    const struct ctl_handlers *with)
{
	struct ctl_request request;

	memset(&request, 0, sizeof(request));
	request.arg = arg;
	request.limit = limit;
	return request_run(type, &request, "", with);
}

int
ctl_request_text(uint32_t type, uint64_t arg, uint32_t limit,
    const char *text, const struct ctl_handlers *with)
{
	struct ctl_request request;

	memset(&request, 0, sizeof(request));
	request.arg = arg;
	request.limit = limit;
	return request_run(type, &request, text, with);
}
