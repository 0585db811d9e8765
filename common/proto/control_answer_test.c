/*
 * Lists for control: none while it has much to read, and it is told so.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event.h>
#include <string.h>

#include "base/link.h"
#include "base/log.h"
#include "base/tap.h"

#include "control_answer.h"
#include "control_any.h"

static struct link	*here, *control;
static unsigned int	 nstats, nfailed, ndown;

static void
on_stat(struct link *link, struct link_in *in)
{
	(void)link;
	(void)in;
	nstats++;
}

static void
on_done(struct link *link, struct link_in *in)
{
	const struct any_control_done	*m = in->data;

	(void)link;
	nfailed += m->request == 7 && m->failed && m->text[0] != '\0';
}

static void
on_down(struct link *link, const char *why)
{
	(void)link;
	(void)why;
	ndown++;
}

int
main(void)
{
	static const struct link_rule	rules[] = {
		{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_stat },
		{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_done },
	};
	struct link_end	end = { .name = "peer", .rules = rules, .nrules = 2,
			    .down = on_down };
	unsigned int	nlists = 0, nsent = 0, i;
	int		fd[2];

	log_init("control_answer_test", LOG_TO_STDERR);
	event_init();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (here = link_new(fd[0], &end)) == NULL ||
	    (control = link_new(fd[1], &end)) == NULL)
		return 2;
	/* Ten requests of one turn, each for a list of 10 MB. */
	for (i = 0; i < 10; i++) {
		if (!control_answer_may_list(here, 7))
			continue;
		for (nlists++; nsent < nlists * 125000; nsent++)
			control_answer_stat(here, 7, "net.sessions", 1);
	}
	tap_ok(nlists == 2, "lists: %u", nlists);
	for (i = 0; i < 10000 && link_queued(here) > 0; i++) {
		link_flush_all();
		event_loop(EVLOOP_NONBLOCK);
	}
	event_loop(EVLOOP_NONBLOCK);
	tap_ok(nstats == nsent, "they arrive");
	tap_ok(nfailed == 8, "the others are refused: %u", nfailed);
	tap_ok(ndown == 0, "the link stands");
	tap_ok(control_answer_may_list(here, 7), "now there is room");
	return tap_done();
}
