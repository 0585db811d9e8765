/*
 * Reads files for the configuration.  All checks are made on the opened
 * descriptor, so that nothing can be exchanged between check and use, and
 * the open cannot hang on a fifo.  Called by conf_lex.c and conf_check.c.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_file.h"

/* 0, or -1 and a reason. */
static int
check_mode(const char *path, enum file_kind kind, const struct stat *st,
    char *err, size_t errsize)
{
	mode_t mode = st->st_mode & 07777;

	if (!S_ISREG(st->st_mode)) {
		snprintf(err, errsize, "%s is not a regular file", path);
		return -1;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		snprintf(err, errsize, "%s belongs to user %u, not to root "
		    "(chown root '%s')", path, (unsigned)st->st_uid, path);
		return -1;
	}
	if (kind == FILE_SECRET && (mode & (S_IRWXG | S_IRWXO)) != 0) {
		snprintf(err, errsize, "%s is open to group or others, "
		    "mode %04o (chmod 600 '%s')", path, (unsigned)mode, path);
		return -1;
	}
	if (kind == FILE_CONFIG && (mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(err, errsize, "%s can be written by group or others, "
		    "mode %04o (chmod go-w '%s')", path, (unsigned)mode, path);
		return -1;
	}
	if (kind == FILE_PUBLIC && (mode & S_IWOTH) != 0) {
		snprintf(err, errsize, "%s can be written by others, "
		    "mode %04o (chmod o-w '%s')", path, (unsigned)mode, path);
		return -1;
	}
	if ((unsigned long long)st->st_size > CONF_FILE_MAX) {
		snprintf(err, errsize, "%s is larger than %u MiB", path,
		    CONF_FILE_MAX >> 20);
		return -1;
	}
	return 0;
}

static char *
slurp(int fd, size_t want, size_t *size)
{
	char *data;
	size_t got = 0;
	ssize_t n;

	if ((data = malloc(want + 1)) == NULL)
		return NULL;
	while (got < want) {
		n = read(fd, data + got, want - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			freezero(data, want + 1);
			return NULL;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	data[got] = '\0';
	*size = got;
	return data;
}

char *
conf_file_read(const char *path, enum file_kind kind, size_t *size,
    struct stat *st, char *err, size_t errsize)
{
	struct stat here;
	char *data = NULL;
	int fd, flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

	if (kind == FILE_SECRET)
		flags |= O_NOFOLLOW;
	if ((fd = open(path, flags)) == -1) {
		if (kind == FILE_SECRET && (errno == ELOOP || errno == EMLINK))
			snprintf(err, errsize, "%s is a symbolic link "
			    "(name the file that it points to)", path);
		else
			snprintf(err, errsize, "cannot open %s: %s", path,
			    strerror(errno));
		return NULL;
	}
	if (fstat(fd, &here) == -1) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (check_mode(path, kind, &here, err, errsize) == -1)
		goto out;
	if ((data = slurp(fd, (size_t)here.st_size, size)) == NULL)
		snprintf(err, errsize, "cannot read %s: %s", path,
		    strerror(errno));
	if (st != NULL)
		*st = here;
out:
	close(fd);
	return data;
}
