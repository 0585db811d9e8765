/*
 * Answers on their way from the programs to a client: how many there may be,
 * and that nobody is accused of one that is long.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <signal.h>

#include "ask.c"

#include "base/tap.h"

static uint32_t		accused;
static unsigned int	nanswers, ndone;
static int		has_failed;
static uint32_t		done_next;
static char		done_text[128];
static struct link	*queue;		/* its end */

struct link *
proc_parent(void)
{
	return NULL;
}

void
client_answer(uint64_t request, uint32_t type, const void *data, size_t size)
{
	(void)request;
	(void)type;
	(void)data;
	(void)size;
	nanswers++;
}

void
client_done(uint64_t request, int failed, const char *text, uint32_t next)
{
	(void)request;
	ndone++;
	has_failed = failed;
	done_next = next;
	strlcpy(done_text, text, sizeof(done_text));
}

static void
on_accused(uint32_t peer_id)
{
	accused = peer_id;
}

static void
on_request(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
}

static void
start(void)
{
	static const struct link_rule	rules[] = {
		{ MSG_CONTROL_QUEUE_MESSAGE, LINK_STATE_ANY, on_request },
		{ MSG_CONTROL_QUEUE_LIST, LINK_STATE_ANY, on_request },
	};
	struct link_end	end = { .name = "control", .rules = rules,
			    .nrules = 2 };
	int		fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (queue = link_new(fd[1], &end)) == NULL)
		fatal("queue");
	ask_on_link(PROC_QUEUE, 7, 0, fd[0]);
}

static void
ask_for(uint64_t request, uint32_t type)
{
	struct ctl_request	from = { .arg = 0, .limit = 500 };
	struct message_part	part = { .sent = 0 };

	nanswers = ndone = 0;
	ask_start(request, type, &from, &part,
	    type == MSG_CTL_CONTROL_MESSAGE ? sizeof(part) : 0);
}

static void
turn(void)
{
	link_flush_all();
	event_loop(EVLOOP_NONBLOCK);
}

static void
say_item(uint64_t request, unsigned int n)
{
	struct queue_control_item	m = { .request = request };

	for (; n > 0; n--) {
		link_send(queue, MSG_QUEUE_CONTROL_ITEM, &m, sizeof(m));
		if (n % 64 == 0)
			turn();
	}
	turn();
}

static void
say_body(uint64_t request, unsigned int n)
{
	struct queue_control_body	m = { .request = request };

	for (; n > 0; n--) {
		link_send_tail(queue, MSG_QUEUE_CONTROL_BODY, &m, sizeof(m),
		    "text", 4);
		if (n % 1024 == 0)
			turn();
	}
	turn();
}

static void
say_done(uint64_t request, uint32_t next)
{
	struct any_control_done	m = { .request = request, .next = next };

	link_send(queue, MSG_ANY_CONTROL_DONE, &m, sizeof(m));
	turn();
	turn();
}

static void
test_message(void)
{
	ask_for(1, MSG_CTL_CONTROL_MESSAGE);
	say_body(1, 40);
	tap_ok(ndone == 0 && nanswers == 40, "a part of %u pieces", nanswers);
	say_done(1, 4711);
	tap_ok(ndone == 1 && !has_failed && accused == 0 && done_next == 4711,
	    "comes whole, and says where to go on");
	ask_for(4, MSG_CTL_CONTROL_MESSAGE);
	say_body(4, ANSWERS_MAX + 1);
	tap_ok(nanswers == ANSWERS_MAX && ndone == 1 && has_failed &&
	    accused == 0, "one without end is cut off");
}

static void
test_list(void)
{
	ask_for(2, MSG_CTL_CONTROL_QUEUE);
	say_item(2, ANSWERS_MAX);
	tap_ok(nanswers == ANSWERS_MAX && ndone == 0, "a list of %u",
	    nanswers);
	say_item(2, 100);
	tap_ok(nanswers == ANSWERS_MAX && ndone == 1 && has_failed &&
	    strstr(done_text, "cut off") != NULL, "and not more: %s",
	    done_text);
	tap_ok(accused == 0 && peers[0].link != NULL, "nobody is accused");
	say_done(2, 0);
	tap_ok(ndone == 1, "what comes late is nobody's");
	ask_for(3, MSG_CTL_CONTROL_QUEUE);
	say_item(3, 500);
	say_done(3, 0);
	tap_ok(nanswers == 500 && ndone == 1 && !has_failed,
	    "the next list is whole");
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init("ask_test", LOG_TO_STDERR);
	event_init();
	link_on_broken(on_accused);
	start();
	test_message();
	test_list();
	return tap_done();
}
