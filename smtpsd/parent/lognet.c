/*
 * Children log here.  A line is a level byte, text and a newline.
 *
 * A child is hostile as far as its text goes: each line is cut at
 * LOG_LINE_SIZE, bytes that are not printable are replaced, and a child that
 * floods the log is cut off to a rate; how much was lost is told.
 */
#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/bucket.h"
#include "lognet.h"
#include "parent.h"

#define LINES_RATE	2000.0		/* per second and child */
#define LINES_BURST	20000.0
#define READS_MAX	8		/* per turn, so that others get theirs */

struct lognet {
	char		 name[32];
	char		 line[LOG_LINE_SIZE];
	size_t		 used;
	int		 skipping;	/* to the end of a line that was cut */
	int		 fd;
	struct event	 ev;
	struct bucket	 bucket;
	uint64_t	 told;		/* of the refused */
};

static void
put_line(struct lognet *l)
{
	uint64_t	 now;
	size_t		 i;
	int		 level;

	l->line[l->used] = '\0';
	if (l->used < 2)
		return;
	now = parent_now_ms();
	if (!bucket_take(&l->bucket, LINES_RATE, LINES_BURST, now)) {
		if (bucket_log_due(&l->bucket, now))
			log_warnx("%s logs too much: lines are dropped", l->name);
		return;
	}
	if (l->bucket.refused != l->told) {
		log_warnx("%s: %" PRIu64 " log lines dropped", l->name,
		    l->bucket.refused - l->told);
		l->told = l->bucket.refused;
	}
	level = (unsigned char)l->line[0];
	if (level != LOG_LEVEL_ERROR && level != LOG_LEVEL_WARN &&
	    level != LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_INFO;
	for (i = 1; i < l->used; i++) {
		if ((unsigned char)l->line[i] < ' ' ||
		    (unsigned char)l->line[i] >= 0x7f)
			l->line[i] = '?';
	}
	log_relay(l->name, level, l->line + 1);
}

static void
take_bytes(struct lognet *l, const char *data, size_t size)
{
	size_t	 i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n') {
			if (!l->skipping)
				put_line(l);
			l->used = 0;
			l->skipping = 0;
		} else if (!l->skipping) {
			l->line[l->used++] = data[i];
			if (l->used == sizeof(l->line) - 1) {
				put_line(l);
				l->skipping = 1;
			}
		}
	}
}

/* 1: closed by the child, 0: nothing more now. */
static int
read_some(struct lognet *l, int max)
{
	char	 buf[8192];
	ssize_t	 n;

	while (max-- > 0) {
		n = read(l->fd, buf, sizeof(buf));
		if (n > 0)
			take_bytes(l, buf, n);
		else if (n == 0)
			return 1;
		else if (errno != EINTR)
			return errno != EAGAIN && errno != EWOULDBLOCK;
	}
	return 0;
}

static void
on_readable(int fd, short what, void *arg)
{
	struct lognet	*l = arg;

	(void)fd;
	(void)what;
	/* Freed by its owner, who learns of the death by SIGCHLD. */
	if (read_some(l, READS_MAX))
		event_del(&l->ev);
}

struct lognet *
lognet_new(int fd, const char *name)
{
	struct lognet	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		free(l);
		close(fd);
		return NULL;
	}
	strlcpy(l->name, name, sizeof(l->name));
	l->fd = fd;
	bucket_init(&l->bucket, LINES_BURST, parent_now_ms());
	event_set(&l->ev, fd, EV_READ | EV_PERSIST, on_readable, l);
	event_add(&l->ev, NULL);
	return l;
}

void
lognet_finish(struct lognet *l)
{
	if (l == NULL)
		return;
	(void)read_some(l, 64);
	if (l->used > 0 && !l->skipping)
		put_line(l);
	event_del(&l->ev);
	close(l->fd);
	free(l);
}
