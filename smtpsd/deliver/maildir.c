/*
 * The Maildir writer.  Called by delivery.c for each recipient; runs as the
 * mailbox's owner below its root, but the owner may be an attacker who
 * plants symbolic links, so each component is opened by itself with
 * O_NOFOLLOW.  A message is first written to tmp/, flushed, renamed to new/
 * and the directory flushed: only then is it delivered.  Knows nothing of
 * links and deliveries.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/address.h"
#include "proto/queue_agent.h"

#include "maildir.h"

#define FILE_BUFFER	16384	/* bytes */
#define FILE_NAME_SIZE	192
#define HOST_MAX	64

struct maildir_file {
	int	fd;
	int	tmp_fd;
	int	new_fd;
	int	has_cr;			/* last byte was CR, not written yet */
	size_t	used;
	char	name[FILE_NAME_SIZE];
	char	buffer[FILE_BUFFER];
};

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
error_set(struct maildir_error *error, int class, const char *status,
    const char *text)
{
	error->class = class;
	strlcpy(error->status, status, sizeof(error->status));
	strlcpy(error->text, text, sizeof(error->text));
}

/* Everything the system says is worth a retry: nothing is the sender's fault. */
static void
error_from_errno(struct maildir_error *error, const char *what)
{
	const char *status = "4.3.0";
	int saved = errno;

	if (saved == EDQUOT)
		status = "4.2.2";
	else if (saved == ENOSPC)
		status = "4.3.1";
	else if (saved == EACCES || saved == EPERM || saved == ELOOP ||
	    saved == ENOTDIR)
		status = "4.2.1";
	error_set(error, AGENT_TEMPFAIL, status, "");
	snprintf(error->text, sizeof(error->text), "mailbox: %s: %s", what,
	    strerror(saved));
}

/* A value from an address becomes one whole or part of a directory's name. */
static int
value_append(const char *value, char *out, size_t outsize)
{
	size_t i, used = strlen(out);

	if (value[0] == '\0' || value[0] == '.')
		return -1;
	for (i = 0; value[i] != '\0'; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return -1;
		if (used + 1 >= outsize)
			return -1;
		out[used++] = (char)(c < 0x80 ? tolower(c) : c);
	}
	out[used] = '\0';
	return 0;
}

static int
value_get(const char *key, size_t keysize, const char *recipient,
    const char *user, char *out, size_t outsize)
{
	const char *domain;

	if (keysize == 9 && memcmp(key, "dest.user", 9) == 0)
		return address_local(recipient, out, outsize) == -1 ?
		    MAILDIR_BAD_ADDRESS : 0;
	if (keysize == 11 && memcmp(key, "dest.domain", 11) == 0) {
		domain = address_domain(recipient);
		return domain == NULL || strlcpy(out, domain, outsize) >=
		    outsize ? MAILDIR_BAD_ADDRESS : 0;
	}
	if (keysize == 13 && memcmp(key, "user.username", 13) == 0)
		return strlcpy(out, user, outsize) >= outsize ?
		    MAILDIR_BAD_ADDRESS : 0;
	return MAILDIR_BAD_PATTERN;
}

int
maildir_expand(const char *pattern, const char *recipient, const char *user,
    char *out, size_t outsize)
{
	char value[MAILADDR_SIZE];
	const char *end, *p = pattern;
	size_t used;
	int error;

	out[0] = '\0';
	if (*p == '\0' || *p == '/')
		return MAILDIR_BAD_PATTERN;
	while (*p != '\0') {
		if (p[0] == '%' && p[1] == '{') {
			if ((end = strchr(p, '}')) == NULL)
				return MAILDIR_BAD_PATTERN;
			error = value_get(p + 2, (size_t)(end - p - 2),
			    recipient, user, value, sizeof(value));
			if (error != 0)
				return error;
			if (value_append(value, out, outsize) == -1)
				return MAILDIR_BAD_ADDRESS;
			p = end + 1;
			continue;
		}
		used = strlen(out);
		if (used + 2 > outsize)
			return MAILDIR_BAD_PATTERN;
		out[used] = *p++;
		out[used + 1] = '\0';
	}
	return 0;
}

/* Open one directory in dir_fd, make it if it is missing. */
static int
dir_enter(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd;

	fd = openat(dir_fd, name, flags);
	if (fd != -1 || errno != ENOENT)
		return fd;
	if (mkdirat(dir_fd, name, 0700) == -1) {
		if (errno != EEXIST)
			return -1;
	} else if (fsync(dir_fd) == -1)
		return -1;
	return openat(dir_fd, name, flags);
}

/* Open the Maildir itself, component after component. */
static int
dir_walk(int root_fd, const char *path)
{
	char copy[PATHNAME_SIZE], *name, *rest = copy;
	int fd, next;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = dup(root_fd)) == -1)
		return -1;
	while ((name = strsep(&rest, "/")) != NULL) {
		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			close(fd);
			errno = EPERM;
			return -1;
		}
		next = dir_enter(fd, name);
		if (next == -1) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		close(fd);
		fd = next;
	}
	return fd;
}

static int
file_create(struct maildir_file *file)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	snprintf(file->name, sizeof(file->name), "%lld.M%06ldP%ldQ%u.%s",
	    (long long)now.tv_sec, (long)now.tv_usec, (long)getpid(),
	    ++file_count, host);
	file->fd = openat(file->tmp_fd, file->name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return file->fd == -1 ? -1 : 0;
}

static void
file_free(struct maildir_file *file)
{
	if (file->fd != -1)
		close(file->fd);
	if (file->tmp_fd != -1)
		close(file->tmp_fd);
	if (file->new_fd != -1)
		close(file->new_fd);
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
maildir_open(int root_fd, const char *path, const char *sender,
    const char *recipient, struct maildir_error *error)
{
	struct maildir_file *file;
	int n, cur_fd, dir_fd = -1;

	if ((file = malloc(sizeof(*file))) == NULL) {
		error_from_errno(error, "memory");
		return NULL;
	}
	file->fd = file->tmp_fd = file->new_fd = -1;
	file->has_cr = 0;
	file->used = 0;
	if ((dir_fd = dir_walk(root_fd, path)) == -1 ||
	    (file->tmp_fd = dir_enter(dir_fd, "tmp")) == -1 ||
	    (file->new_fd = dir_enter(dir_fd, "new")) == -1 ||
	    (cur_fd = dir_enter(dir_fd, "cur")) == -1) {
		error_from_errno(error, "open directory");
		goto fail;
	}
	close(cur_fd);
	if (file_create(file) == -1) {
		error_from_errno(error, "create file");
		goto fail;
	}
	n = snprintf(file->buffer, sizeof(file->buffer),
	    "Return-Path: <%s>\nDelivered-To: %s\n", sender, recipient);
	if (n < 0 || (size_t)n >= sizeof(file->buffer)) {
		error_set(error, AGENT_PERMFAIL, "5.1.3", "address too long");
		maildir_discard(file);
		file = NULL;
		goto fail;
	}
	file->used = (size_t)n;
	close(dir_fd);
	return file;
 fail:
	if (dir_fd != -1)
		close(dir_fd);
	if (file != NULL)
		file_free(file);
	return NULL;
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
    struct maildir_error *error)
{
	const char *cr;
	size_t part;

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
	error_from_errno(error, "write");
	return -1;
}

int
maildir_commit(struct maildir_file *file, struct maildir_error *error)
{
	int fd;

	if (file->has_cr && file_put(file, "\r", 1) == -1)
		goto fail;
	if (file_flush(file) == -1 || fsync(file->fd) == -1)
		goto fail;
	fd = file->fd;
	file->fd = -1;
	if (close(fd) == -1)		/* EDQUOT may come here on NFS */
		goto fail;
	if (renameat(file->tmp_fd, file->name, file->new_fd, file->name) == -1)
		goto fail;
	/* After the rename a failure means at worst a second copy. */
	if (fsync(file->new_fd) == -1) {
		error_from_errno(error, "flush directory");
		file_free(file);
		return -1;
	}
	file_free(file);
	return 0;
 fail:
	error_from_errno(error, "write");
	maildir_discard(file);
	return -1;
}

void
maildir_discard(struct maildir_file *file)
{
	if (file == NULL)
		return;
	unlinkat(file->tmp_fd, file->name, 0);
	file_free(file);
}
