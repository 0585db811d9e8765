/*
 * Changes of single lines of the users file, for smtpsctl.  A change is
 * written beside the file and put in place by rename(2) under a lock, so
 * that a reader sees the old or the new file and a crash leaves one of them.
 * Names are opened relative to their directory.  No state.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/base64.h"
#include "mail/usersfile.h"
#include "mail/usersfile_impl.h"
#include "mail/verifier.h"

/* What a change works on. */
struct change {
	const char	*path;
	const char	*base;		/* last part of path */
	const char	*user;
	const char	*rest;		/* behind the name; NULL: delete */
	char		 temp[256];	/* beside it */
	int		 dir;
	int		 lock;
	char		*err;
	size_t		 errsize;
};

static int
open_dir(struct change *c)
{
	char dir[1024], lock[256];
	const char *slash = strrchr(c->path, '/');

	c->base = slash != NULL ? slash + 1 : c->path;
	if (slash == NULL)
		strlcpy(dir, ".", sizeof(dir));
	else if ((size_t)(slash - c->path) + 1 >= sizeof(dir))
		return users_complain(c->err, c->errsize, "path too long");
	else
		strlcpy(dir, c->path, (size_t)(slash - c->path) +
		    (slash == c->path ? 2 : 1));
	if (c->base[0] == '\0' || strlen(c->base) > 200)
		return users_complain(c->err, c->errsize, "%s: not a file name",
		    c->path);
	snprintf(lock, sizeof(lock), ".%s.lock", c->base);
	snprintf(c->temp, sizeof(c->temp), ".%s.new", c->base);
	c->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir == -1)
		return users_complain(c->err, c->errsize, "%s: %s", dir,
		    strerror(errno));
	c->lock = openat(c->dir, lock, O_RDWR | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (c->lock == -1 || flock(c->lock, LOCK_EX) == -1)
		return users_complain(c->err, c->errsize, "%s/%s: %s", dir, lock,
		    strerror(errno));
	return 0;
}

/* The text as it is now; an empty one if there is no file yet. */
static char *
read_old(struct change *c, size_t *size)
{
	char *text = NULL;
	off_t file_size;
	int fd;

	fd = openat(c->dir, c->base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	if (fd == -1) {
		*size = 0;
		if (errno == ENOENT)
			return calloc(1, 1);
		users_complain(c->err, c->errsize, "%s: %s", c->path,
		    strerror(errno));
		return NULL;
	}
	if (users_check_file(fd, c->path, &file_size, c->err, c->errsize) == 0)
		text = users_read_all(fd, (size_t)file_size, size, c->err,
		    c->errsize);
	close(fd);
	return text;
}

/* A device of the user that goes; other names may have a '/' as well. */
static int
is_device_of(const char *s, size_t n, const struct change *c, size_t name_size)
{
	const char *colon;

	return c->rest == NULL && n > name_size &&
	    strncmp(s, c->user, name_size) == 0 && s[name_size] == '/' &&
	    (colon = memchr(s, ':', n)) != NULL &&
	    memmem(colon, n - (size_t)(colon - s), ":device=", 8) != NULL;
}

/* The key that gives unknown users their salts must outlive a reboot. */
static void
write_key(FILE *f, const char *text, size_t size, const struct change *c)
{
	uint8_t key[USERS_KEY_SIZE];
	char buf[64];

	if (c->rest == NULL || strstr(c->rest, ":" VERIFIER_TEXT) == NULL ||
	    memmem(text, size, USERS_KEY_TEXT, strlen(USERS_KEY_TEXT)) != NULL)
		return;
	arc4random_buf(key, sizeof(key));
	if (base64_encode(key, sizeof(key), buf, sizeof(buf)) != -1)
		fprintf(f, "%s%s\n", USERS_KEY_TEXT, buf);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(buf, sizeof(buf));
}

/* Write the text with the user's line changed; the number of such lines. */
static int
write_lines(FILE *f, const char *text, size_t size, const struct change *c)
{
	const char *s = text, *end = text + size, *nl;
	size_t n, name_size = strlen(c->user);
	int found = 0;

	write_key(f, text, size, c);
	for (; s < end; s += n) {
		nl = memchr(s, '\n', (size_t)(end - s));
		n = nl != NULL ? (size_t)(nl - s) + 1 : (size_t)(end - s);
		if (is_device_of(s, n, c, name_size))
			continue;
		if (n > name_size && strncmp(s, c->user, name_size) == 0 &&
		    s[name_size] == ':') {
			if (found++ == 0 && c->rest != NULL)
				fprintf(f, "%s:%s\n", c->user, c->rest);
			continue;
		}
		fwrite(s, 1, n, f);
		if (nl == NULL)
			fputc('\n', f);
	}
	if (!found && c->rest != NULL)
		fprintf(f, "%s:%s\n", c->user, c->rest);
	return found;
}

/* Write the temporary file; -1: err says why. */
static int
write_new(struct change *c, const char *text, size_t size, int must_exist)
{
	FILE *f;
	int fd, found, bad;

	/* One left by a crash: the lock says that it is nobody's. */
	(void)unlinkat(c->dir, c->temp, 0);
	fd = openat(c->dir, c->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    (f = fdopen(fd, "w")) == NULL) {
		users_complain(c->err, c->errsize, "%s: %s", c->temp,
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	found = write_lines(f, text, size, c);
	bad = fflush(f) == EOF || ferror(f) || fsync(fd) == -1;
	if (fclose(f) == EOF || bad)
		return users_complain(c->err, c->errsize, "%s: %s", c->temp,
		    strerror(errno));
	if (found && !must_exist)
		return users_complain(c->err, c->errsize, "%s: is there already",
		    c->user);
	if (!found && must_exist)
		return users_complain(c->err, c->errsize, "%s: no such user",
		    c->user);
	return 0;
}

static int
hash_is_ok(const char *rest)
{
	char hash[USERS_HASH_SIZE];
	size_t n = strcspn(rest, ":");
	int ok = 0;

	if (n < sizeof(hash) && strpbrk(rest, " \t\r\n") == NULL) {
		memcpy(hash, rest, n);
		hash[n] = '\0';
		ok = users_hash_ok(hash);
	}
	explicit_bzero(hash, sizeof(hash));
	return ok;
}

int
users_change(const char *path, const char *user, const char *rest,
    int must_exist, char *err, size_t errsize)
{
	struct change c = { .path = path, .user = user, .rest = rest,
	    .dir = -1, .lock = -1, .err = err, .errsize = errsize };
	char *text = NULL;
	size_t size = 0;
	int ret = -1;

	if (!users_name_ok(user))
		return users_complain(err, errsize, "not a valid user name");
	if (rest != NULL && !hash_is_ok(rest))
		return users_complain(err, errsize, "not a hash that this system "
		    "can check");
	if (rest == NULL)
		must_exist = 1;
	if (open_dir(&c) == -1)
		goto out;
	if ((text = read_old(&c, &size)) == NULL)
		goto out;
	if (write_new(&c, text, size, must_exist) == -1) {
		(void)unlinkat(c.dir, c.temp, 0);
		goto out;
	}
	if (renameat(c.dir, c.temp, c.dir, c.base) == -1 || fsync(c.dir) == -1) {
		users_complain(err, errsize, "%s: %s", path, strerror(errno));
		(void)unlinkat(c.dir, c.temp, 0);
		goto out;
	}
	ret = 0;
out:
	if (text != NULL) {
		explicit_bzero(text, size);
		free(text);
	}
	if (c.lock != -1)
		close(c.lock);
	if (c.dir != -1)
		close(c.dir);
	return ret;
}
