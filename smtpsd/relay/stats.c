/*
 * The link of control: counters when it asks for them.
 */
#include <unistd.h>

#include "base/link.h"
#include "base/log.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"

#include "delivery.h"
#include "destination.h"
#include "stats.h"

static struct link *control;

static void
on_control_stats(struct link *link, struct link_in *in)
{
	const struct control_request *msg = in->data;
	uint64_t request = msg->request;

	control_answer_stat(link, request, "relay.connections",
	    destination_count_clients());
	control_answer_stat(link, request, "relay.deliveries",
	    delivery_count());
	control_answer_stat(link, request, "relay.waiting",
	    destination_count_waiting());
	control_answer_stat(link, request, "relay.sent",
	    delivery_count_ok());
	control_answer_stat(link, request, "relay.failed",
	    delivery_count_failed());
	control_answer_done(link, request, 0, NULL);
}

static const struct link_rule control_rules[] = {
	{ MSG_CONTROL_ANY_STATS, LINK_STATE_ANY, on_control_stats },
};

static void
on_control_down(struct link *link, const char *why)
{
	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	if (link == control)
		control = NULL;
}

void
stats_on_link(uint32_t peer_id, int fd)
{
	struct link_end end = {
		.name = "control", .rules = control_rules, .nrules = 1,
		.down = on_control_down, .peer_id = peer_id,
	};

	link_close(control);
	if ((control = link_new(fd, &end)) == NULL) {
		log_warn("link to control");
		close(fd);
	}
}
