/*
 * Requests of the control process: counters, reload, stop, users.
 *
 * Control has asked the kernel who the caller is before it passes one on.  A
 * reload is answered when all children have answered the new configuration, or
 * at once with every complaint if it is refused.
 */
#include <stdio.h>
#include <string.h>

#include "authenticate.h"
#include "authoutside.h"
#include "authwork.h"
#include "base/link.h"
#include "base/log.h"
#include "child.h"
#include "conf.h"
#include "confine.h"
#include "control.h"
#include "deliver.h"
#include "parent.h"
#include "proto/control_answer.h"
#include "proto/control_any.h"
#include "sign.h"

#define COMPLAINTS_SIZE	4096

static uint64_t	reload_request;
static int	reload_pending;
static char	reload_warnings[COMPLAINTS_SIZE];	/* of the one that is pending */

void
on_control_stats(struct link *link, struct link_in *in)
{
	const struct control_request	*m = in->data;
	struct authenticate_stats	 auth;

	authenticate_get_stats(&auth);
	control_answer_stat(link, m->request, "parent.auth.ok", auth.ok);
	control_answer_stat(link, m->request, "parent.auth.remembered", auth.remembered);
	control_answer_stat(link, m->request, "parent.auth.failed", auth.failed);
	control_answer_stat(link, m->request, "parent.auth.later", auth.later);
	control_answer_stat(link, m->request, "parent.auth.pending", auth.pending);
	control_answer_stat(link, m->request, "parent.auth.queued", authwork_queued() +
	    authoutside_queued());
	control_answer_stat(link, m->request, "parent.signatures", sign_count());
	control_answer_stat(link, m->request, "parent.restarts", children_restarts());
	control_answer_stat(link, m->request, "parent.deliver.running", deliver_alive());
	control_answer_stat(link, m->request, "parent.deliver.started", deliver_count());
	confine_stats(link, parent_conf(), m->request);
	control_answer_done(link, m->request, 0, NULL);
}

static void
join_errors(const struct conf_errors *errors, char *out, size_t outsize)
{
	size_t	 i;

	out[0] = '\0';
	for (i = 0; i < errors->n; i++) {
		if (i > 0)
			strlcat(out, "\n", outsize);
		if (errors->list[i].is_warning)
			strlcat(out, "warning: ", outsize);
		strlcat(out, errors->list[i].text, outsize);
	}
}

void
on_control_reload(struct link *link, struct link_in *in)
{
	const struct control_request	*m = in->data;
	struct conf_errors		 errors = { 0 };
	char				 text[COMPLAINTS_SIZE];
	size_t				 i;

	if (reload_pending) {
		control_answer_done(link, m->request, 1,
		    "a reload is going on already");
		return;
	}
	reload_request = m->request;
	reload_pending = 1;
	reload_warnings[0] = '\0';
	if (parent_reload(&errors) == -1) {
		join_errors(&errors, text, sizeof(text));
		control_reload_done(1, text);
	} else {
		join_errors(&errors, reload_warnings, sizeof(reload_warnings));
		for (i = 0; i < errors.n; i++)
			log_warnx("warning: %s", errors.list[i].text);
	}
	conf_errors_free(&errors);
}

void
control_reload_done(int failed, const char *text)
{
	if (!reload_pending)
		return;
	reload_pending = 0;
	control_answer_done(child_link(PROC_CONTROL, 0), reload_request, failed,
	    !failed && text[0] == '\0' ? reload_warnings : text);
}

void
control_on_death(void)
{
	reload_pending = 0;
}

void
on_control_stop(struct link *link, struct link_in *in)
{
	const struct control_request	*m = in->data;

	log_info("stop: asked by smtpsctl");
	control_answer_done(link, m->request, 0, NULL);
	link_flush(link);
	parent_stop();
}

void
on_control_users(struct link *link, struct link_in *in)
{
	const struct control_request	*m = in->data;
	char				 err[1024] = "";

	if (parent_reload_users(err, sizeof(err)) == -1)
		log_warnx("users: %s", err);
	control_answer_done(link, m->request, err[0] != '\0', err);
}
