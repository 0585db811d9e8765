/*
 * Reads ~/.forward as the user whose it is, and writes the files that it
 * names.  Called by delivery.c and run.c, which runs its commands.  Who may
 * write the file may have commands run as the user, so a file that others may
 * change is not used; mail waits then, because nobody knows where it should
 * have gone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "mail/address.h"
#include "mail/aliastext.h"
#include "mail/command.h"
#include "mail/domain.h"

#include "delivery_impl.h"
#include "forward.h"
#include "maildir.h"
#include "mbox.h"

#define NAME		".forward"
#define SIZE_MAX_KB	16
#define TARGETS_MAX	100
#define LOCK_WAIT_MS	5000

static int
set_fault(struct outcome *outcome, const char *what, const char *why)
{
	outcome_set(outcome, AGENT_TEMPFAIL, "4.3.5", "");
	snprintf(outcome->text, sizeof(outcome->text), "%s: %s", what, why);
	return -1;
}

static const char *
file_fault(const struct stat *home, const struct stat *st)
{
	if ((home->st_uid != geteuid() && home->st_uid != 0) ||
	    (home->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to its directory";
	if (!S_ISREG(st->st_mode))
		return "not a plain file";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to somebody else";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to it";
	if (st->st_size > SIZE_MAX_KB * 1024)
		return "is too large";
	return NULL;
}

static char *
read_all(int fd, size_t size)
{
	char	*text;
	size_t	 used = 0;
	ssize_t	 n;

	if ((text = malloc(size + 1)) == NULL)
		return NULL;
	while (used < size && (n = read(fd, text + used, size - used)) != 0) {
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1) {
			free(text);
			return NULL;
		}
		used += (size_t)n;
	}
	/* What is behind a NUL is not seen by anybody. */
	text[used] = '\0';
	return text;
}

char *
forward_read(const char *home, struct outcome *outcome)
{
	const int	 flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat	 dir, st;
	const char	*fault = NULL;
	char		*text = NULL;
	int		 dir_fd, fd = -1;

	outcome->class = AGENT_OK;
	if ((dir_fd = open(home, flags | O_DIRECTORY)) == -1 ||
	    (fd = openat(dir_fd, NAME, flags | O_NOFOLLOW)) == -1) {
		if (dir_fd == -1 || errno != ENOENT)
			set_fault(outcome, NAME, strerror(errno));
	} else if (fstat(dir_fd, &dir) == -1 || fstat(fd, &st) == -1)
		set_fault(outcome, NAME, strerror(errno));
	else if ((fault = file_fault(&dir, &st)) != NULL)
		set_fault(outcome, NAME, fault);
	else if ((text = read_all(fd, (size_t)st.st_size)) == NULL)
		set_fault(outcome, NAME, strerror(errno));
	if (fd != -1)
		close(fd);
	if (dir_fd != -1)
		close(dir_fd);
	return text;
}

/* policy has the recipient's domain in A-labels, the user writes either. */
static int
is_own(const struct alias_target *t, const char *user, const char *recipient)
{
	char	 room[MAILADDR_SIZE], own[MAILADDR_SIZE];

	if (t->kind == ALIAS_NAME)
		return strcasecmp(t->text, user) == 0;
	return strcasecmp(domain_canonical(t->text, room, sizeof(room)),
	    domain_canonical(recipient, own, sizeof(own))) == 0;
}

/* A name is one of the recipient's domain.  -1: it is no address. */
static int
target_address(const struct alias_target *t, const char *recipient, char *out,
    size_t size)
{
	const char	*domain = address_domain(recipient);
	char		 full[ALIASTEXT_SIZE + MAILADDR_SIZE];

	snprintf(full, sizeof(full), "%s%s%s", t->text,
	    t->kind == ALIAS_NAME && domain != NULL ? "@" : "",
	    t->kind == ALIAS_NAME && domain != NULL ? domain : "");
	return address_parse(full, ADDRESS_LOCAL | ADDRESS_UTF8, out, size);
}

/* 1: the mailbox, 0: something else, -1: cannot be. */
static int
target_check(const struct alias_target *t, size_t line, const char *user,
    const char *recipient, struct outcome *outcome)
{
	const char	*fault;
	char		 address[MAILADDR_SIZE], where[64];

	snprintf(where, sizeof(where), NAME " line %zu", line);

	switch (t->kind) {
	case ALIAS_NAME:
	case ALIAS_ADDRESS:
		if (is_own(t, user, recipient))
			return 1;
		if (target_address(t, recipient, address,
		    sizeof(address)) == 0)
			return 0;
		return set_fault(outcome, where, "no address");
	case ALIAS_COMMAND:
		if ((fault = command_fault(t->text)) == NULL)
			return 0;
		strlcat(where, ": the command", sizeof(where));
		return set_fault(outcome, where, fault);
	case ALIAS_FILE:
		return 0;
	default:
		return set_fault(outcome, where, "no target");
	}
}

/* Targets do not go over line ends: the one before *to is on this line. */
static size_t
count_lines(const char *from, const char *to)
{
	size_t	 n = 1;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

int
forward_check(const char *text, const char *user, const char *recipient,
    struct outcome *outcome)
{
	struct alias_target	 t;
	const char		*start = text;
	size_t			 n = 0;
	int			 rc, keeps = 0;

	while (aliastext_next(&text, &t)) {
		if (++n > TARGETS_MAX)
			return set_fault(outcome, NAME, "too many targets");
		if ((rc = target_check(&t, count_lines(start, text), user,
		    recipient, outcome)) == -1)
			return -1;
		keeps |= rc;
	}
	return keeps || n == 0;
}

int
forward_command(const char **text, char *out)
{
	struct alias_target	 t;

	while (aliastext_next(text, &t)) {
		if (t.kind != ALIAS_COMMAND)
			continue;
		strlcpy(out, t.text, ALIASTEXT_SIZE);
		return 1;
	}
	return 0;
}

int
forward_address(const char **text, const char *user, const char *recipient,
    char *out, size_t size)
{
	struct alias_target	 t;

	while (aliastext_next(text, &t))
		if ((t.kind == ALIAS_NAME || t.kind == ALIAS_ADDRESS) &&
		    !is_own(&t, user, recipient) &&
		    target_address(&t, recipient, out, size) == 0)
			return 1;
	return 0;
}

/* Whether a command or a file has it: who asked hears that it arrived. */
static int
has_local(const char *list)
{
	struct alias_target	 t;

	while (aliastext_next(&list, &t))
		if (t.kind == ALIAS_COMMAND || t.kind == ALIAS_FILE)
			return 1;
	return 0;
}

static int
file_write(const struct delivery *d, struct delivery_rcpt *rcpt,
    const char *path)
{
	struct mbox_message	 msg = { d->open.sender, rcpt->recipient,
				    &d->stage };
	struct mbox		 m;
	int			 root_fd, rc = -1;

	if (strcmp(path, "/dev/null") == 0)
		return 0;
	if ((root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		outcome_errno(&rcpt->outcome, "open");
		return -1;
	}
	if (mbox_open(&m, root_fd, path, LOCK_WAIT_MS, &rcpt->outcome) == 0) {
		struct outcome	 closing;

		rc = mbox_append(&m, &msg, &rcpt->outcome);
		if (mbox_close(&m, &closing) == -1) {
			rcpt->outcome = closing;
			rc = -1;
		}
	}
	close(root_fd);
	return rc;
}

void
forward_files(struct delivery *d)
{
	struct delivery_rcpt	*rcpt;
	struct alias_target	 t;
	const char		*list;
	uint32_t		 i;

	for (i = 0; i < d->nrcpt; i++) {
		rcpt = &d->rcpt[i];
		for (list = d->forward; !rcpt->is_over &&
		    aliastext_next(&list, &t);) {
			if (t.kind != ALIAS_FILE || file_write(d, rcpt,
			    t.text) == 0)
				continue;
			rcpt->is_over = 1;
			log_info("%s of %s: %s", NAME,
			    log_vis(rcpt->recipient),
			    log_text(rcpt->outcome.text));
		}
		if (!rcpt->is_over && !rcpt->keeps) {
			if (has_local(d->forward))
				outcome_set(&rcpt->outcome, AGENT_OK, "2.0.0",
				    "Delivered as .forward says");
			else
				outcome_set(&rcpt->outcome, AGENT_FORWARDED,
				    "2.1.5", "Sent on as .forward says");
			rcpt->is_over = 1;
		}
		if (rcpt->is_over) {
			maildir_discard(rcpt->file);
			rcpt->file = NULL;
		}
	}
}
