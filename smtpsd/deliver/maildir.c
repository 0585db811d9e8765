/*
 * The Maildir writer.  Called by delivery.c and batch.c for each recipient;
 * runs as the mailbox's owner below its root, but the owner may be an
 * attacker.  A message is first written to tmp/, flushed, renamed to new/
 * and the directory flushed: only then is it delivered.  State owned: the
 * directories of files in flight.  Knows nothing of links and deliveries.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maildir.h"
#include "walk.h"

#define FILE_BUFFER	16384	/* bytes */
#define FILE_NAME_SIZE	192
#define HOST_MAX	64
#define DIRECTORY_S	2	/* then look again what the path names */

/* Shared by the files in it. */
struct directory {
	LIST_ENTRY(directory)	 entry;
	unsigned int		 nfiles;
	time_t			 opened_s;
	int			 tmp_fd;
	int			 new_fd;
	int			 is_changed;	/* since it was flushed */
	int			 flush_errno;
	char			 path[PATHNAME_SIZE];
};

struct maildir_file {
	struct directory	*dir;
	int			 fd;
	int			 raw;
	int			 has_cr;	/* last byte, not written yet */
	size_t			 used;
	char			 name[FILE_NAME_SIZE];
	char			 buffer[FILE_BUFFER];
};

static LIST_HEAD(, directory) directories = LIST_HEAD_INITIALIZER(directories);
static char host[HOST_MAX] = "localhost";
static unsigned int file_count;

void
maildir_set_host(const char *name)
{
	size_t i;

	strlcpy(host, name, sizeof(host));
	for (i = 0; host[i] != '\0'; i++)
		if (!isalnum((unsigned char)host[i]) && host[i] != '-' &&
		    host[i] != '.')
			host[i] = '_';
}

static void
directory_leave(struct directory *dir)
{
	if (--dir->nfiles > 0)
		return;
	LIST_REMOVE(dir, entry);
	if (dir->tmp_fd != -1)
		close(dir->tmp_fd);
	if (dir->new_fd != -1)
		close(dir->new_fd);
	free(dir);
}

static int
directory_open(struct directory *dir, int root_fd)
{
	int cur_fd, dir_fd, saved;

	if ((dir_fd = walk_path(root_fd, dir->path)) == -1)
		return -1;
	if ((dir->tmp_fd = walk_enter(dir_fd, "tmp")) == -1 ||
	    (dir->new_fd = walk_enter(dir_fd, "new")) == -1 ||
	    (cur_fd = walk_enter(dir_fd, "cur")) == -1) {
		saved = errno;
		close(dir_fd);
		errno = saved;
		return -1;
	}
	close(cur_fd);
	close(dir_fd);
	return 0;
}

static struct directory *
directory_enter(int root_fd, const char *path)
{
	struct directory *dir;
	time_t now = time(NULL);

	LIST_FOREACH(dir, &directories, entry)
		if (strcmp(dir->path, path) == 0 && now >= dir->opened_s &&
		    now - dir->opened_s < DIRECTORY_S) {
			dir->nfiles++;
			return dir;
		}
	if ((dir = calloc(1, sizeof(*dir))) == NULL)
		return NULL;
	dir->tmp_fd = dir->new_fd = -1;
	dir->opened_s = now;
	dir->nfiles = 1;
	LIST_INSERT_HEAD(&directories, dir, entry);
	if (strlcpy(dir->path, path, sizeof(dir->path)) >= sizeof(dir->path))
		errno = ENAMETOOLONG;
	else if (directory_open(dir, root_fd) == 0)
		return dir;
	directory_leave(dir);
	return NULL;
}

static int
file_create(struct maildir_file *file)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	snprintf(file->name, sizeof(file->name), "%lld.M%06ldP%ldQ%u.%s",
	    (long long)now.tv_sec, (long)now.tv_usec, (long)getpid(),
	    ++file_count, host);
	file->fd = openat(file->dir->tmp_fd, file->name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return file->fd == -1 ? -1 : 0;
}

static void
file_free(struct maildir_file *file)
{
	if (file->fd != -1)
		close(file->fd);
	directory_leave(file->dir);
	free(file);
}

static int
file_flush(struct maildir_file *file)
{
	size_t done = 0;
	ssize_t n;

	while (done < file->used) {
		n = write(file->fd, file->buffer + done, file->used - done);
		if (n == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		done += (size_t)n;
	}
	file->used = 0;
	return 0;
}

struct maildir_file *
maildir_open(int root_fd, const char *path, int raw, const char *sender,
    const char *recipient, struct outcome *outcome)
{
	const char *eol = raw ? "\r\n" : "\n";
	struct maildir_file *file;
	int n;

	if ((file = malloc(sizeof(*file))) == NULL) {
		outcome_errno(outcome, "memory");
		return NULL;
	}
	file->fd = -1;
	file->raw = raw;
	file->has_cr = 0;
	file->used = 0;
	if ((file->dir = directory_enter(root_fd, path)) == NULL) {
		outcome_open(outcome, "open directory", root_fd, NULL);
		free(file);
		return NULL;
	}
	if (file_create(file) == -1) {
		outcome_errno(outcome, "create file");
		file_free(file);
		return NULL;
	}
	n = snprintf(file->buffer, sizeof(file->buffer),
	    "Return-Path: <%s>%sDelivered-To: %s%s", sender, eol, recipient,
	    eol);
	if (n < 0 || (size_t)n >= sizeof(file->buffer)) {
		outcome_set(outcome, AGENT_PERMFAIL, "5.1.3",
		    "address too long");
		maildir_discard(file);
		return NULL;
	}
	file->used = (size_t)n;
	return file;
}

static int
file_put(struct maildir_file *file, const char *data, size_t size)
{
	size_t part;

	while (size > 0) {
		if (file->used == sizeof(file->buffer) &&
		    file_flush(file) == -1)
			return -1;
		part = sizeof(file->buffer) - file->used;
		if (part > size)
			part = size;
		memcpy(file->buffer + file->used, data, part);
		file->used += part;
		data += part;
		size -= part;
	}
	return 0;
}

int
maildir_write(struct maildir_file *file, const char *data, size_t size,
    struct outcome *outcome)
{
	const char *cr;
	size_t part;

	if (file->raw) {
		if (file_put(file, data, size) == 0)
			return 0;
		goto fail;
	}
	while (size > 0) {
		/* A CR is held back until the byte behind it is known. */
		if (file->has_cr) {
			file->has_cr = 0;
			if (*data != '\n' && file_put(file, "\r", 1) == -1)
				goto fail;
		}
		cr = memchr(data, '\r', size);
		part = cr == NULL ? size : (size_t)(cr - data);
		if (file_put(file, data, part) == -1)
			goto fail;
		data += part;
		size -= part;
		if (cr != NULL) {
			file->has_cr = 1;
			data++;
			size--;
		}
	}
	return 0;
 fail:
	outcome_errno(outcome, "write");
	return -1;
}

/*
 * All bytes are handed to the system, and it begins to write them.  Where
 * blocks are given out late, a file flushed alone is a transaction of the
 * journal of its own; begun together they share one.
 */
static int
file_complete(struct maildir_file *file)
{
	if (file->has_cr && file_put(file, "\r", 1) == -1)
		return -1;
	if (file_flush(file) == -1)
		return -1;
#ifdef SYNC_FILE_RANGE_WRITE
	(void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
	return 0;
}

static int
file_move(struct maildir_file *file)
{
	struct directory *dir = file->dir;
	int fd = file->fd;

	if (fsync(fd) == -1)
		return -1;
	file->fd = -1;
	if (close(fd) == -1)		/* EDQUOT may come here on NFS */
		return -1;
	if (renameat(dir->tmp_fd, file->name, dir->new_fd, file->name) == -1)
		return -1;
	dir->is_changed = 1;
	return 0;
}

/* After the rename a failure means at worst a second copy. */
static void
file_settle(struct maildir_file *file, struct outcome *outcome)
{
	struct directory *dir = file->dir;

	if (dir->is_changed) {
		dir->is_changed = 0;
		dir->flush_errno = fsync(dir->new_fd) == -1 ? errno : 0;
	}
	if (dir->flush_errno == 0)
		outcome_set(outcome, AGENT_OK, "2.0.0", "Delivered");
	else {
		errno = dir->flush_errno;
		outcome_errno(outcome, "flush directory");
	}
	file_free(file);
}

void
maildir_commit(struct maildir_file *const *files,
    struct outcome *const *outcomes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		outcomes[i]->class = AGENT_OK;
	for (i = 0; i < n; i++)
		if (file_complete(files[i]) == -1)
			outcome_errno(outcomes[i], "write");
	for (i = 0; i < n; i++)
		if (outcomes[i]->class == AGENT_OK &&
		    file_move(files[i]) == -1)
			outcome_errno(outcomes[i], "write");
	for (i = 0; i < n; i++) {
		if (outcomes[i]->class == AGENT_OK)
			file_settle(files[i], outcomes[i]);
		else
			maildir_discard(files[i]);
	}
}

void
maildir_discard(struct maildir_file *file)
{
	if (file == NULL)
		return;
	unlinkat(file->dir->tmp_fd, file->name, 0);
	file_free(file);
}
