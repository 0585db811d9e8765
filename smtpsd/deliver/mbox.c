/*
 * The mbox writer.  Called by batch.c; runs as the mailbox's owner below its
 * root.  The owner may be an attacker and others may write to the directory,
 * so no link is followed and a file with a second name is refused.  Locks:
 * fcntl(2), and NAME.lock where the directory lets us make it.  Format:
 * mboxrd, where every line of ">*From " gets one '>' more, so that it can be
 * undone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#include "mbox.h"
#include "walk.h"

#define DOTLOCK_STALE_S	1200	/* whoever made it is gone */
#define LOCK_PAUSE_MS	50

static const char why_busy[] = "mailbox is locked by another program";

static int
dotlock_try(struct mbox *m)
{
	struct stat st;
	int fd;

	fd = openat(m->dir_fd, m->lock, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1) {
		close(fd);
		m->has_dotlock = 1;
		return 0;
	}
	/* Only programs that may write here could heed it. */
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return 0;
	if (errno == EEXIST && fstatat(m->dir_fd, m->lock, &st,
	    AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    time(NULL) - st.st_mtime > DOTLOCK_STALE_S) {
		log_info("stale lock %s removed", log_vis(m->lock));
		unlinkat(m->dir_fd, m->lock, 0);
		errno = EEXIST;
	}
	return -1;
}

static int
fcntl_try(struct mbox *m)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(m->fd, F_SETLK, &lock);
}

static void
unlock(struct mbox *m)
{
	if (m->has_dotlock)
		unlinkat(m->dir_fd, m->lock, 0);
	if (m->fd != -1)
		close(m->fd);		/* and its lock */
	if (m->dir_fd != -1)
		close(m->dir_fd);
	m->has_dotlock = 0;
	m->fd = m->dir_fd = -1;
}

/* 1: have them, 0: somebody else, -1: error. */
static int
lock(struct mbox *m, unsigned int wait_ms)
{
	const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000L };
	unsigned int waited_ms = 0;
	int is_locked = 0, is_dotlocked = 0;

	for (;;) {
		if (!is_dotlocked && dotlock_try(m) == 0)
			is_dotlocked = 1;
		else if (!is_dotlocked && errno != EEXIST)
			return -1;
		if (is_dotlocked && !is_locked) {
			if (fcntl_try(m) == 0)
				is_locked = 1;
			else if (errno != EAGAIN && errno != EACCES)
				return -1;
		}
		if (is_locked)
			return 1;
		if (waited_ms >= wait_ms)
			return 0;
		nanosleep(&pause, NULL);
		waited_ms += LOCK_PAUSE_MS;
	}
}

/* NULL: this is the file to write to. */
static const char *
file_fault(struct mbox *m)
{
	struct stat st, named;

	if (fstat(m->fd, &st) == -1 || fstatat(m->dir_fd, m->name, &named,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return "mailbox went away";
	if (st.st_dev != named.st_dev || st.st_ino != named.st_ino)
		return "mailbox was replaced";
	if (!S_ISREG(st.st_mode))
		return "mailbox is not a plain file";
	if (st.st_nlink != 1)
		return "mailbox has a second name";
	if (st.st_uid != geteuid())
		return "mailbox belongs to somebody else";
	m->start = st.st_size;
	return NULL;
}

static int
split_path(const char *path, char *dir, size_t dirsize, struct mbox *m)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	if (n >= dirsize || strlcpy(m->name, slash == NULL ? path : slash + 1,
	    sizeof(m->name)) >= sizeof(m->name) - 8 || m->name[0] == '\0' ||
	    strcmp(m->name, ".") == 0 || strcmp(m->name, "..") == 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, n);
	dir[n] = '\0';
	snprintf(m->lock, sizeof(m->lock), "%s.lock", m->name);
	return 0;
}

static int
file_open(struct mbox *m)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
	    O_NOCTTY;

	m->fd = openat(m->dir_fd, m->name, flags);
	if (m->fd != -1 || errno != ENOENT)
		return m->fd;
	m->fd = openat(m->dir_fd, m->name, flags | O_CREAT | O_EXCL, 0600);
	if (m->fd == -1 && errno == EEXIST)	/* made just now */
		m->fd = openat(m->dir_fd, m->name, flags);
	/* Its name must last as long as what is in it. */
	if (m->fd != -1 && fsync(m->dir_fd) == -1)
		return -1;
	return m->fd;
}

int
mbox_open(struct mbox *m, int root_fd, const char *path, unsigned int wait_ms,
    struct outcome *outcome)
{
	char dir[PATHNAME_SIZE];
	const char *fault;
	int rc;

	memset(m, 0, sizeof(*m));
	m->fd = m->dir_fd = -1;
	if (split_path(path, dir, sizeof(dir), m) == -1 ||
	    (m->dir_fd = walk_path(root_fd, dir)) == -1 ||
	    file_open(m) == -1) {
		outcome_errno(outcome, "open");
		goto fail;
	}
	/* Before a lock is asked for: a device may do anything with it. */
	if ((fault = file_fault(m)) != NULL) {
		outcome_set(outcome, AGENT_TEMPFAIL, "4.2.1", fault);
		goto fail;
	}
	if ((rc = lock(m, wait_ms)) == -1) {
		outcome_errno(outcome, "lock");
		goto fail;
	}
	if (rc == 0)
		fault = why_busy;
	else	/* waiting, something may have changed */
		fault = file_fault(m);
	if (fault == NULL)
		return 0;
	outcome_set(outcome, AGENT_TEMPFAIL, "4.2.1", fault);
 fail:
	unlock(m);
	return -1;
}

static int
put(struct mbox *m, const char *data, size_t size, off_t *at)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n, *at += n) {
		n = pwrite(m->fd, data, size, *at);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -1;
	}
	return 0;
}

static int
put_body(struct mbox *m, const char *data, size_t size, off_t *at)
{
	const char *lf, *from = data, *line, *end = data + size;

	for (line = data; line < end; line = lf + 1) {
		size_t n = 0;

		if ((lf = memchr(line, '\n', (size_t)(end - line))) == NULL)
			lf = end - 1;
		while (line + n < end && line[n] == '>')
			n++;
		if ((size_t)(end - line) - n < 5 ||
		    memcmp(line + n, "From ", 5) != 0)
			continue;
		if (put(m, from, (size_t)(line - from), at) == -1 ||
		    put(m, ">", 1, at) == -1)
			return -1;
		from = line;
	}
	if (put(m, from, (size_t)(end - from), at) == -1)
		return -1;
	if (size > 0 && end[-1] != '\n' && put(m, "\n", 1, at) == -1)
		return -1;
	return put(m, "\n", 1, at);
}

/* The sender of a From_ line is one word. */
static void
from_word(const char *sender, char *out, size_t size)
{
	size_t i;

	strlcpy(out, sender[0] == '\0' ? "MAILER-DAEMON" : sender, size);
	for (i = 0; out[i] != '\0'; i++)
		if (out[i] == ' ' || out[i] == '\t')
			out[i] = '_';
}

static int
put_head(struct mbox *m, const struct mbox_message *msg, off_t *at)
{
	char head[3 * MAILADDR_SIZE + 128], from[MAILADDR_SIZE], date[32];
	time_t now = time(NULL);
	struct tm tm;
	char last = '\n';
	int n;

	/* Somebody who died may have left half a line. */
	if (*at > 0 && pread(m->fd, &last, 1, *at - 1) == 1 && last != '\n' &&
	    put(m, "\n\n", 2, at) == -1)
		return -1;
	/* As asctime(3); UTC, as most write it. */
	if (gmtime_r(&now, &tm) == NULL || strftime(date, sizeof(date),
	    "%a %b %e %H:%M:%S %Y", &tm) == 0)
		strlcpy(date, "Thu Jan  1 00:00:00 1970", sizeof(date));
	from_word(msg->sender, from, sizeof(from));
	n = snprintf(head, sizeof(head), "From %s %s\nReturn-Path: <%s>\n"
	    "Delivered-To: %s\n", from, date, msg->sender, msg->recipient);
	if (n < 0 || (size_t)n >= sizeof(head)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return put(m, head, (size_t)n, at);
}

int
mbox_append(struct mbox *m, const struct mbox_message *msg,
    struct outcome *outcome)
{
	struct stat st;
	off_t at;

	if (fstat(m->fd, &st) == -1) {
		outcome_errno(outcome, "write");
		return -1;
	}
	at = st.st_size;
	if (put_head(m, msg, &at) == 0 && put_body(m, msg->body->data,
	    msg->body->used, &at) == 0)
		return 0;
	outcome_errno(outcome, "write");
	if (ftruncate(m->fd, st.st_size) == -1)
		log_warn("mailbox %s: cannot take back half a message",
		    log_vis(m->name));
	return -1;
}

int
mbox_close(struct mbox *m, struct outcome *outcome)
{
	int rc = 0;

	if (fsync(m->fd) == -1) {
		outcome_errno(outcome, "flush");
		if (ftruncate(m->fd, m->start) == -1 || fsync(m->fd) == -1)
			log_warn("mailbox %s: cannot take back messages",
			    log_vis(m->name));
		rc = -1;
	}
	unlock(m);
	return rc;
}
