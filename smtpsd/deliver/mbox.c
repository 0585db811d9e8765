/*
 * The mbox writer.  Called by batch.c; runs as the mailbox's owner below its
 * root.  The owner may be an attacker and others may write to the directory,
 * so no link is followed and a file with a second name is refused.  Locks:
 * fcntl(2), and NAME.lock where the directory lets us make it.  Format:
 * mboxrd, where every line of ">*From " gets one '>' more, so that it can be
 * undone.
 */
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#include "mbox.h"
#include "walk.h"

#define DOTLOCK_STALE_S	1200	/* whoever made it is gone */
#define DOTLOCK_MODE	0200	/* of ours: nobody else uses that */
#define LOCK_PAUSE_MS	50

static const char why_busy[] = "mailbox is locked by another program";

static int
lock_fd(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &lock);
}

/* Whether the name of the lock is that of this file. */
static int
dotlock_is_named(const struct mbox *m, int fd)
{
	struct stat st, named;

	return fstat(fd, &st) == 0 && fstatat(m->dir_fd, m->lock, &named,
	    AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == named.st_dev &&
	    st.st_ino == named.st_ino;
}

/*
 * Ours are known by their mode, which they have from the first moment, and
 * whoever holds one has it locked.  One that can be locked is of a deliver
 * that was killed.
 */
static int
dotlock_is_dead(const struct mbox *m)
{
	struct stat st;
	int fd, is_dead;

	fd = openat(m->dir_fd, m->lock, O_WRONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return 0;
	is_dead = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 07777) == DOTLOCK_MODE && st.st_uid == geteuid() &&
	    st.st_size == 0 && lock_fd(fd) == 0 && dotlock_is_named(m, fd);
	if (is_dead && unlinkat(m->dir_fd, m->lock, 0) == -1)
		is_dead = 0;
	close(fd);
	return is_dead;
}

static int
dotlock_make(struct mbox *m)
{
	int fd;

	fd = openat(m->dir_fd, m->lock, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, DOTLOCK_MODE);
	if (fd == -1)
		return -1;
	/* another may have taken it for dead just now */
	if (lock_fd(fd) == -1 || !dotlock_is_named(m, fd)) {
		close(fd);
		errno = EEXIST;
		return -1;
	}
	m->dotlock_fd = fd;
	return 0;
}

/*
 * In a directory where everybody may make files, but remove only his own, a
 * lock of somebody who has nothing to do with this mailbox would last as long
 * as he likes.
 */
static int
dotlock_is_foreign(const struct mbox *m)
{
	const mode_t open_to_all = S_ISVTX | S_IWOTH;
	struct stat dir, st;

	return fstat(m->dir_fd, &dir) == 0 &&
	    (dir.st_mode & open_to_all) == open_to_all &&
	    fstatat(m->dir_fd, m->lock, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_uid != geteuid() && st.st_uid != 0 &&
	    st.st_uid != dir.st_uid;
}

static int
dotlock_try(struct mbox *m)
{
	struct stat st;

	if (dotlock_make(m) == 0)
		return 0;
	/* Only programs that may write here could heed it. */
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (dotlock_is_foreign(m))
		return 0;
	if (dotlock_is_dead(m)) {
		log_info("lock %s of a deliver that died removed",
		    log_vis(m->lock));
		return dotlock_make(m);
	}
	if (fstatat(m->dir_fd, m->lock, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && time(NULL) - st.st_mtime >
	    DOTLOCK_STALE_S) {
		log_info("stale lock %s removed", log_vis(m->lock));
		unlinkat(m->dir_fd, m->lock, 0);
	}
	errno = EEXIST;
	return -1;
}

static void
unlock(struct mbox *m)
{
	if (m->dotlock_fd != -1) {
		unlinkat(m->dir_fd, m->lock, 0);
		close(m->dotlock_fd);
	}
	if (m->fd != -1)
		close(m->fd);		/* and its lock */
	if (m->dir_fd != -1)
		close(m->dir_fd);
	m->fd = m->dir_fd = m->dotlock_fd = -1;
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
			if (lock_fd(m->fd) == 0)
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
	m->fd = m->dir_fd = m->dotlock_fd = -1;
	if (split_path(path, dir, sizeof(dir), m) == -1 ||
	    (m->dir_fd = walk_path(root_fd, dir)) == -1 ||
	    file_open(m) == -1) {
		outcome_open(outcome, "open", root_fd, NULL);
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
	/* Its name must last as long as what is in it; whoever made it may
	 * have died before he flushed that. */
	if (fault == NULL && m->start == 0 && fsync(m->dir_fd) == -1) {
		outcome_errno(outcome, "flush directory");
		goto fail;
	}
	if (fault == NULL)
		return 0;
	outcome_set(outcome, AGENT_TEMPFAIL, "4.2.1", fault);
 fail:
	unlock(m);
	return -1;
}

/*
 * A message is given to the system in one call as long as it has few lines to
 * quote: who is killed in between leaves half a message.
 */
struct gather {
	int		fd;
	int		n;
	struct iovec	piece[128];
};

static int
gather_write(struct gather *g)
{
	struct iovec *v = g->piece;
	int n = g->n;
	ssize_t done;

	while (n > 0) {
		if ((done = writev(g->fd, v, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		for (; n > 0 && (size_t)done >= v->iov_len; v++, n--)
			done -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	g->n = 0;
	return 0;
}

/* The bytes must stay where they are until all is written. */
static int
put(struct gather *g, const char *data, size_t size)
{
	if (size == 0)
		return 0;
	if (g->n == sizeof(g->piece) / sizeof(g->piece[0]) &&
	    gather_write(g) == -1)
		return -1;
	g->piece[g->n].iov_base = (void *)(uintptr_t)data;
	g->piece[g->n++].iov_len = size;
	return 0;
}

static int
put_body(struct gather *g, const char *data, size_t size)
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
		if (put(g, from, (size_t)(line - from)) == -1 ||
		    put(g, ">", 1) == -1)
			return -1;
		from = line;
	}
	if (put(g, from, (size_t)(end - from)) == -1)
		return -1;
	if (size > 0 && end[-1] != '\n' && put(g, "\n", 1) == -1)
		return -1;
	return put(g, "\n", 1);
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

/* The lines before the message; their size, -1: too long. */
static int
make_head(const struct mbox_message *msg, char *head, size_t headsize)
{
	char from[MAILADDR_SIZE], date[32];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	/* As asctime(3); UTC, as most write it. */
	if (gmtime_r(&now, &tm) == NULL || strftime(date, sizeof(date),
	    "%a %b %e %H:%M:%S %Y", &tm) == 0)
		strlcpy(date, "Thu Jan  1 00:00:00 1970", sizeof(date));
	from_word(msg->sender, from, sizeof(from));
	n = snprintf(head, headsize, "From %s %s\nReturn-Path: <%s>\n"
	    "Delivered-To: %s\n", from, date, msg->sender, msg->recipient);
	if (n < 0 || (size_t)n >= headsize) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return n;
}

/*
 * What is missing at the end for a From_ line to count as one: an empty line
 * before it.  Who died, or the whole system, may have left half a message.
 */
static const char *
missing_end(const struct mbox *m, off_t end)
{
	char last[2] = "\n\n";
	off_t n = end < 2 ? end : 2;

	if (pread(m->fd, last + 2 - n, (size_t)n, end - n) != n)
		return "\n\n";
	if (last[1] != '\n')
		return "\n\n";
	return last[0] != '\n' ? "\n" : "";
}

static int
write_message(struct mbox *m, const struct mbox_message *msg, off_t at)
{
	char head[3 * MAILADDR_SIZE + 128];
	const char *end = missing_end(m, at);
	struct gather g;
	int n;

	g.fd = m->fd;
	g.n = 0;
	if ((n = make_head(msg, head, sizeof(head))) == -1 ||
	    lseek(m->fd, at, SEEK_SET) == -1)
		return -1;
	if (put(&g, end, strlen(end)) == -1 ||
	    put(&g, head, (size_t)n) == -1 ||
	    put_body(&g, msg->body->data, msg->body->used) == -1)
		return -1;
	return gather_write(&g);
}

int
mbox_append(struct mbox *m, const struct mbox_message *msg,
    struct outcome *outcome)
{
	struct stat st;

	if (fstat(m->fd, &st) == -1) {
		outcome_errno(outcome, "write");
		return -1;
	}
	if (write_message(m, msg, st.st_size) == 0)
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
