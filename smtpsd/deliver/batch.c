/*
 * Brings all messages that are complete at the end of a turn of the loop into
 * their mailboxes, with as few flushes as that takes.  Called by delivery.c.
 * Nothing is reported before it is on stable storage.
 */
#include <string.h>

#include "base/log.h"

#include "conf.h"
#include "delivery_impl.h"
#include "maildir.h"
#include "mbox.h"

#define BATCH_MAX	512	/* files of one go */
#define LOCK_WAIT_MS	5000

static void
report_complete(void)
{
	struct delivery *d, *next;
	uint32_t i;

	TAILQ_FOREACH_SAFE(d, delivery_all(), entry, next) {
		if (!d->is_ready)
			continue;
		for (i = 0; i < d->nrcpt; i++)
			delivery_report(d, i);
		delivery_over(d);
	}
}

void
batch_maildir(void)
{
	struct maildir_file *files[BATCH_MAX];
	struct outcome *outcomes[BATCH_MAX];
	struct delivery_rcpt *rcpt;
	struct delivery *d;
	size_t n = 0;
	uint32_t i;

	TAILQ_FOREACH(d, delivery_all(), entry) {
		for (i = 0; d->is_ready && i < d->nrcpt; i++) {
			rcpt = &d->rcpt[i];
			if (rcpt->file == NULL)
				continue;
			if (n == BATCH_MAX) {
				maildir_commit(files, outcomes, n);
				n = 0;
			}
			files[n] = rcpt->file;
			outcomes[n++] = &rcpt->outcome;
			rcpt->file = NULL;
		}
	}
	if (n > 0)
		maildir_commit(files, outcomes, n);
	report_complete();
}

/* The next recipient whose mailbox has not been looked at. */
static struct delivery_rcpt *
rcpt_next(struct delivery **dp, const char *path)
{
	struct delivery *d;
	uint32_t i;

	TAILQ_FOREACH(d, delivery_all(), entry) {
		for (i = 0; d->is_ready && i < d->nrcpt; i++) {
			if (d->rcpt[i].is_over || (path != NULL &&
			    strcmp(d->rcpt[i].path, path) != 0))
				continue;
			*dp = d;
			return &d->rcpt[i];
		}
	}
	return NULL;
}

/* All messages for one mbox, under one lock and with one flush. */
static void
mbox_fill(const char *path)
{
	struct delivery_rcpt *rcpt;
	struct outcome *done[BATCH_MAX], failed;
	struct mbox_message msg;
	struct delivery *d;
	struct mbox m;
	size_t i, n = 0;
	int dir_fd;

	if ((dir_fd = conf_root(&failed)) == -1 ||
	    mbox_open(&m, dir_fd, path, LOCK_WAIT_MS, &failed) == -1) {
		log_info("mailbox %s: %s", log_vis(path), failed.text);
		while ((rcpt = rcpt_next(&d, path)) != NULL) {
			rcpt->outcome = failed;
			rcpt->is_over = 1;
		}
		return;
	}
	while (n < BATCH_MAX && (rcpt = rcpt_next(&d, path)) != NULL) {
		msg.sender = d->open.sender;
		msg.recipient = rcpt->recipient;
		msg.body = &d->stage;
		rcpt->is_over = 1;
		if (mbox_append(&m, &msg, &rcpt->outcome) == 0) {
			outcome_set(&rcpt->outcome, AGENT_OK, "2.0.0",
			    "Delivered");
			done[n++] = &rcpt->outcome;
		}
	}
	if (mbox_close(&m, &failed) == 0)
		return;
	for (i = 0; i < n; i++)
		*done[i] = failed;
}

void
batch_mbox(void)
{
	struct delivery_rcpt *rcpt;
	struct delivery *d;
	char path[PATHNAME_SIZE];

	while ((rcpt = rcpt_next(&d, NULL)) != NULL) {
		strlcpy(path, rcpt->path, sizeof(path));
		mbox_fill(path);
	}
	report_complete();
}
