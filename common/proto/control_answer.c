/*
 * What parent, net, policy, queue and relay answer to control alike.
 */
#include <string.h>

#include "base/link.h"

#include "control_answer.h"
#include "control_any.h"

#define UNREAD_MAX	(16U << 20)	/* bytes; one list has up to 40 MiB */

void
control_answer_stat(struct link *link, uint64_t request, const char *name,
    uint64_t value)
{
	struct any_control_stat	stat;

	memset(&stat, 0, sizeof(stat));
	stat.request = request;
	stat.value = value;
	strlcpy(stat.name, name, sizeof(stat.name));
	(void)link_send(link, MSG_ANY_CONTROL_STAT, &stat, sizeof(stat));
}

int
control_answer_may_list(struct link *link, uint64_t request)
{
	if (link_queued(link) <= UNREAD_MAX)
		return 1;
	control_answer_done(link, request, 1,
	    "not now: earlier answers are still on their way");
	return 0;
}

void
control_answer_done(struct link *link, uint64_t request, int failed,
    const char *text)
{
	struct any_control_done	done;

	memset(&done, 0, sizeof(done));
	done.request = request;
	done.failed = failed != 0;
	if (text != NULL)
		strlcpy(done.text, text, sizeof(done.text));
	(void)link_send(link, MSG_ANY_CONTROL_DONE, &done, sizeof(done));
}

void
control_answer_next(struct link *link, uint64_t request, uint32_t next)
{
	struct any_control_done	done;

	memset(&done, 0, sizeof(done));
	done.request = request;
	done.next = next;
	(void)link_send(link, MSG_ANY_CONTROL_DONE, &done, sizeof(done));
}
