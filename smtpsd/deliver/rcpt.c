/*
 * One recipient of a delivery: where his copy goes, and whether it goes
 * anywhere.  Called by delivery.c.  No state.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "mail/address.h"

#include "conf.h"
#include "delivery_impl.h"
#include "expand.h"
#include "forward.h"
#include "maildir.h"

void
rcpt_fail(struct delivery_rcpt *rcpt, int class, const char *status,
    const char *text)
{
	maildir_discard(rcpt->file);
	rcpt->file = NULL;
	outcome_set(&rcpt->outcome, class, status, text);
	rcpt->is_over = 1;
}

/* -1: it goes nowhere. */
static int
rcpt_forward(struct delivery *d, struct delivery_rcpt *rcpt)
{
	rcpt->keeps = 1;
	if (d->forward == NULL && d->forward_fault.class == AGENT_OK)
		return 0;
	rcpt->rest = d->forward;
	rcpt->outcome = d->forward_fault;
	if (d->forward != NULL && (rcpt->keeps = forward_check(d->forward,
	    conf_now()->user, rcpt->recipient, &rcpt->outcome)) != -1)
		return 0;
	rcpt->is_over = 1;
	log_info(".forward of %s: %s", log_vis(rcpt->recipient),
	    log_text(rcpt->outcome.text));
	return -1;
}

/*
 * The lock of an mbox is NAME.lock (mbox.c).  Mail to an address of that name
 * would lock the mailbox of NAME, or be removed as a lock that nobody holds.
 */
static int
is_lock(const struct parent_deliver_conf *conf, const char *path)
{
	static const char end[] = ".lock";
	size_t n = strlen(path);

	return conf->kind == DELIVER_MBOX && strchr(conf->path, '%') != NULL &&
	    n >= sizeof(end) - 1 && strcasecmp(path + n - (sizeof(end) - 1),
	    end) == 0;
}

void
rcpt_open(struct delivery *d, struct delivery_rcpt *rcpt,
    const char *recipient)
{
	const struct parent_deliver_conf *conf = conf_now();
	int dir_fd;

	/* policy's word, from the disk: such a message ends, not the link */
	if (address_has_control(d->open.sender) || address_has_control(recipient)) {
		rcpt_fail(rcpt, AGENT_PERMFAIL, "5.1.3",
		    "Address with a control character");
		return;
	}
	strlcpy(rcpt->recipient, recipient, sizeof(rcpt->recipient));
	if (conf->forward && (rcpt_forward(d, rcpt) == -1 || !rcpt->keeps))
		return;
	if (conf->kind == DELIVER_DISCARD) {
		outcome_set(&rcpt->outcome, AGENT_OK, "2.0.0", "Discarded");
		rcpt->is_over = 1;
	}
	if (conf->kind == DELIVER_DISCARD || conf->kind == DELIVER_COMMAND)
		return;
	switch (expand_path(conf->path, recipient, conf->user, rcpt->path,
	    sizeof(rcpt->path))) {
	case 0:
		break;
	case EXPAND_BAD_ADDRESS:
		rcpt_fail(rcpt, AGENT_PERMFAIL, "5.1.3",
		    "Address cannot name a mailbox");
		return;
	default:
		rcpt_fail(rcpt, AGENT_TEMPFAIL, "4.3.5",
		    "Mailbox is configured wrongly");
		return;
	}
	if (is_lock(conf, rcpt->path)) {
		rcpt_fail(rcpt, AGENT_PERMFAIL, "5.1.3",
		    "Address is the name of a mailbox's lock");
		return;
	}
	if (conf->kind != DELIVER_MAILDIR)
		return;
	if ((dir_fd = conf_root(&rcpt->outcome)) != -1)
		rcpt->file = maildir_open(dir_fd, rcpt->path, d->stage.raw,
		    d->open.sender, recipient, &rcpt->outcome);
	if (rcpt->file == NULL) {
		rcpt->is_over = 1;
		log_info("mailbox %s: %s", log_vis(rcpt->path),
		    rcpt->outcome.text);
	}
}

/* Its mailbox has had this message: something sends it round in a circle. */
void
rcpt_in_circle(void *arg, const char *address)
{
	struct delivery *d = arg;
	struct delivery_rcpt *rcpt;
	uint32_t i;

	for (i = 0; i < d->nrcpt; i++) {
		rcpt = &d->rcpt[i];
		if (!rcpt->is_over && strcasecmp(rcpt->recipient, address) == 0)
			rcpt_fail(rcpt, AGENT_PERMFAIL, "5.4.6", "Mail loop: "
			    "Delivered-To names this recipient already");
	}
}
